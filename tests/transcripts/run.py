# Replays the transcripts below this folder; says which did not hold, which rows of the dialect's test table have none,
# and whether docs/eventstore-table.md still tells what was seen.
"""run.py --binary callboard [parts of file names]; --table prints what docs/eventstore-table.md should be"""
import argparse
import os
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from subprocess import TimeoutExpired

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
import coverage  # noqa: E402
from broker_process import BrokerFailed, BrokerProcess  # noqa: E402
from table import Table  # noqa: E402
from transcript import Replay  # noqa: E402
from values import Mismatch  # noqa: E402

TABLE = os.path.join(HERE, "..", "..", "docs", "eventstore-table.md")
AT_ONCE = 12  # many transcripts wait for a clock


def transcripts(only):
    for folder, _, names in sorted(os.walk(HERE)):
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), HERE)
            if name.endswith(".http") and (not only or any(part in path for part in only)):
                yield path


def own_broker(text):
    """The options of the broker that a transcript wants for itself, or None."""
    line = next(line for line in text.splitlines() if not line.startswith("//"))
    return line.split()[1:] if line.split(" ")[0] == "broker" else None


class Run:
    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder
        self.table = Table()
        self.lock = threading.Lock()
        self.shared = self.new_broker("shared", ["--anonymous", "on"])

    def new_broker(self, name, options):
        broker = BrokerProcess(self.binary, os.path.join(self.folder, name.replace("/", "-")), options)
        try:
            broker.start()
        except BrokerFailed:
            broker.abandon()
            raise
        return broker

    def replay(self, path):
        """What did not hold, or None."""
        seen, holds = [], False
        broker = self.shared
        try:
            with open(os.path.join(HERE, path), encoding="utf-8") as file:
                text = file.read()
            options = own_broker(text)
            if options is not None:
                broker = self.new_broker(path, options)
            Replay(broker, lambda *request: seen.append(request)).run(text)
            broker.expect_running()
            holds = True
        except (Mismatch, ValueError, OSError, BrokerFailed, TimeoutExpired) as wrong:
            return wrong
        finally:
            if broker is not self.shared:
                broker.abandon()
            with self.lock:
                self.table.add(seen, holds)
        return None

    def replay_all(self, paths):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return dict(zip(paths, pool.map(self.replay, paths)))


def report(wrong, pending):
    """Prints what did not go as expected; whether all did."""
    failed = [path for path, why in wrong.items() if why and path not in pending]
    for path in failed:
        print(f"FAILED {path}\n    {wrong[path]}")
    early = [path for path, why in wrong.items() if not why and path in pending]
    for path in early:
        print(f"{path} holds: take it off pending.txt")
    print(f"{len(wrong) - len(failed)} of {len(wrong)} transcripts hold or may fail for now")
    return not failed


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", default=os.path.join(HERE, "..", "..", "build", "dev", "callboard"))
    options.add_argument("--table", action="store_true")
    options.add_argument("only", nargs="*")
    settings = options.parse_args()
    paths = list(transcripts(settings.only))
    pending = coverage.pending()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(settings.binary, folder)
        try:
            wrong = run.replay_all([path for path in paths if not (settings.table and path in pending)])
        finally:
            run.shared.abandon()
    if settings.table:
        print(run.table.text(), end="")
        return 0
    right = report(wrong, pending) and bool(paths)
    if not settings.only:
        right &= coverage.complete(paths) & run.table.is_complete(coverage.elsewhere())
        right = right and run.table.is_up_to_date(TABLE)
    return 0 if right else 1


sys.exit(main())
