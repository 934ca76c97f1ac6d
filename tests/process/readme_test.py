# Runs the commands of a document line by line against a fresh broker: what they print is what it shows.
"""readme_test.py --binary callboard [--document docs/delayed.md]"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
from broker_process import BrokerProcess  # noqa: E402

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def tour(document):
    """Pairs of a command and what it prints."""
    with open(os.path.join(HERE, "..", "..", document), encoding="utf-8") as file:
        blocks = re.findall(r"```console\n(.*?)```", file.read(), re.S)
    for block in blocks:
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", required=True)
    options.add_argument("--document", default="README.md")
    settings = options.parse_args()
    wrong = ran = 0
    with tempfile.TemporaryDirectory() as folder:
        broker = BrokerProcess(settings.binary, os.path.join(folder, "data"))
        broker.start()
        real = {"localhost:2113": f"localhost:{broker.port}"}  # the document's text to this run's
        try:
            for command, shown in tour(settings.document):
                for text, ours in real.items():
                    command = command.replace(text, ours)
                done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
                # An id is another one in each run, but the same one wherever it stands.
                for text, ours in zip(re.findall(UUID, shown), re.findall(UUID, done.stdout)):
                    real[text] = ours
                for text, ours in real.items():
                    shown = shown.replace(text, ours)
                ran += 1
                if done.stdout != shown:
                    wrong += 1
                    print(f"$ {command}\nprints\n{done.stdout}{done.stderr}{settings.document} shows\n{shown}")
        finally:
            broker.abandon()
    print(f"{ran - wrong} of {ran} commands print what {settings.document} shows")
    return 1 if wrong or ran < 5 else 0


sys.exit(main())
