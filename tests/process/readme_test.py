# Runs the README's tour line by line against a fresh broker: what it prints is what the README shows.
"""readme_test.py --binary callboard"""
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


def tour():
    """Pairs of a command and what it prints."""
    with open(os.path.join(HERE, "..", "..", "README.md"), encoding="utf-8") as file:
        block = re.search(r"```console\n(.*?)```", file.read(), re.S)[1]
    for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", required=True)
    settings = options.parse_args()
    wrong = ran = 0
    with tempfile.TemporaryDirectory() as folder:
        broker = BrokerProcess(settings.binary, os.path.join(folder, "data"))
        broker.start()
        real = {"localhost:2113": f"localhost:{broker.port}"}  # README's text to this run's
        try:
            for command, shown in tour():
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
                    print(f"$ {command}\nprints\n{done.stdout}{done.stderr}the README shows\n{shown}")
        finally:
            broker.abandon()
    print(f"{ran - wrong} of {ran} commands print what the README shows")
    return 1 if wrong or ran < 5 else 0


sys.exit(main())
