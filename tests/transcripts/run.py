# Replays the transcripts below this folder against one broker; says which rows did not hold.
import argparse
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
from broker_process import BrokerProcess  # noqa: E402
from transcript import Mismatch, Replay  # noqa: E402


def transcripts(only):
    for folder, _, names in sorted(os.walk(HERE)):
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), HERE)
            if name.endswith(".http") and (not only or any(part in path for part in only)):
                yield path


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", required=True)
    options.add_argument("only", nargs="*", help="parts of file names")
    settings = options.parse_args()
    ran, failed = 0, []
    with tempfile.TemporaryDirectory() as folder:
        broker = BrokerProcess(settings.binary, os.path.join(folder, "data"))
        broker.start()
        try:
            for path in transcripts(settings.only):
                ran += 1
                try:
                    with open(os.path.join(HERE, path), encoding="utf-8") as file:
                        Replay(broker.port).run(file.read())
                except (Mismatch, ValueError, OSError) as wrong:
                    failed.append(path)
                    print(f"FAILED {path}\n    {wrong}")
                broker.expect_running()
        finally:
            broker.kill()
    print(f"{ran - len(failed)} of {ran} transcripts hold")
    return 1 if failed or not ran else 0


sys.exit(main())
