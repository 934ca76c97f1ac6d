# What the parts of the fault pack share: where the other tests' helpers are, brokers, samples, and the table.
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
for other in ("crash", "clients", "cluster"):
    sys.path.insert(0, os.path.join(HERE, "..", other))
from broker_process import BrokerFailed, BrokerProcess  # noqa: E402,F401
from checks import Verdict  # noqa: E402,F401
from client import Client  # noqa: E402,F401
from nodes import free_ports  # noqa: E402


@dataclass
class Row:
    """A line of the table: what was done, what was measured, which promises it was held against."""

    part: str
    what: str
    figures: str
    verdicts: list = field(default_factory=list)

    @property
    def broken(self):
        return [verdict for verdict in self.verdicts if verdict.broken]

    def line(self):
        looked_at = sum(verdict.looked_at for verdict in self.verdicts)
        result = f"FAIL: {'; '.join(v.promise for v in self.broken)}" if self.broken else f"ok ({looked_at})"
        return f"| {self.part} | {self.what} | {result} | {self.figures} |"


def table(rows):
    return "\n".join(["| part | what | promises kept (looked at) | figures |", "|---|---|---|---|"] + [row.line() for row in rows])


def say(text):
    print(f"# {text}", flush=True)


class Broker(BrokerProcess):
    """With both dialects, and whatever is to stand before its command (`env`)."""

    def __init__(self, binary, folder, chance, extra=(), before=(), barco=True, log=None, **rest):
        self.log = log or folder + ".log"
        self.barco_port = free_ports(chance, 5) if barco else None
        where = f"127.0.0.1:{self.barco_port}" if barco else "off"
        super().__init__(binary, folder, ["--barco", where, *extra], **rest)
        self.command = [*before, *self.command]

    def log_path(self):
        return self.log

    def rss_mib(self, kind="VmRSS"):
        """`RssAnon`: without pages of files, which the kernel may take back."""
        try:
            with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
                return next((int(line.split()[1]) / 1024 for line in status if line.startswith(kind + ":")), 0.0)
        except OSError:
            return 0.0

    def store_bytes(self):
        return os.path.getsize(os.path.join(self.folder, "store", "data.mdb"))

    def wal_bytes(self):
        folder = os.path.join(self.folder, "wal")
        return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))


class Scratch:
    """A folder that goes with the test, unless it failed. In memory (`quick_disk`) where flushes do not matter."""

    def __init__(self, name, quick_disk=False):
        memory = "/dev/shm" if quick_disk and os.access("/dev/shm", os.W_OK) else None
        self.path = tempfile.mkdtemp(prefix=f"callboard-{name}-", dir=memory)
        self.kept = False

    def __enter__(self):
        return self

    def keep(self, why):
        self.kept = True
        say(f"{why}: see {self.path}")

    def __exit__(self, kind, error, trace):
        if not self.kept and (kind is None or not issubclass(kind, Exception)):
            shutil.rmtree(self.path, ignore_errors=True)


def percentile(values, share):
    """Of unsorted values; 0 if there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def slope_an_hour(samples):
    """Least squares through (seconds, value)."""
    if len(samples) < 2:
        return 0.0
    mean_t = sum(t for t, _ in samples) / len(samples)
    mean_v = sum(v for _, v in samples) / len(samples)
    spread = sum((t - mean_t) ** 2 for t, _ in samples)
    return 3600 * sum((t - mean_t) * (v - mean_v) for t, v in samples) / spread if spread else 0.0


def metric(client, name):
    """The sum over all labels of a metric, or None if there is none."""
    text = client.request("GET", "/metrics").body.decode(errors="replace")
    found = [float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
             if line.startswith((name + " ", name + "{"))]
    return sum(found) if found else None


def wait_until(condition, deadline_s, pause_s=0.05):
    """Whether the condition came true in time."""
    end = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause_s)  # between two looks at a condition with a deadline
    return True
