# A disk that is full, fails, or is slow, under load and at a start: what got a 2xx is there afterwards, and all goes on.
import contextlib
import errno
import json
import os
import random
import shutil
import struct
import subprocess
import threading
import time
import uuid
from argparse import Namespace
from collections import Counter
from dataclasses import dataclass, replace

import crash_test
from pack import Broker, BrokerFailed, Client, Row, Scratch, Verdict, percentile, say, wait_until
from small_world import EVENTS, STREAM_FEED

WRITES, FLUSHES, READS, GROWTH = 1, 2, 4, 8  # as in failing_disk.cpp
FELT_IN_S = 60.0
HEALED_IN_S = 60.0  # two files of 64 MiB are made before publishing goes on
SLOW_MS = 100
SLOW_MAX_S = 5.0


class DiskClient(Client):
    """A full or failing disk is 507 or 503, with a text; the request is repeated."""

    try_again = (0, 408, 429, 503, 507)


@dataclass
class Case:
    name: str
    kinds: int
    error: int = 0
    delay_ms: int = 0
    every: int = 1
    killed: bool = False  # while it lasts
    large: bool = False  # events of a megabyte too, so that files are filled
    room_mib: int = 0  # a real file system of this size instead of calls that fail
    seconds: float = 4.0


CASES = [
    Case("full: no file can grow (ENOSPC)", GROWTH, errno.ENOSPC, large=True, seconds=8),
    Case("each write fails (ENOSPC)", WRITES, errno.ENOSPC),
    Case("each write fails (EIO)", WRITES, errno.EIO),
    Case("each flush fails (EIO)", FLUSHES, errno.EIO),
    Case("one in 200 writes and flushes fails (EIO)", WRITES | FLUSHES, errno.EIO, every=200, seconds=8),
    Case("each write fails (EIO), and it is killed", WRITES, errno.EIO, killed=True),
    Case("each flush fails (EIO), and it is killed", FLUSHES, errno.EIO, killed=True),
    Case(f"each flush takes {SLOW_MS} ms", FLUSHES, delay_ms=SLOW_MS),
    Case("a file system of 230 MiB is full, then larger", 0, large=True, room_mib=230, seconds=10),
]
QUICK = ("each flush fails (EIO)", f"each flush takes {SLOW_MS} ms")


class Control:
    """The file that the preloaded library looks at."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as file:
            file.write(bytes(24))

    def set(self, case):
        with open(self.path, "r+b") as file:
            file.write(struct.pack("<6I", case.kinds, case.error, case.delay_ms, case.every, 0, 0))

    def clear(self):
        with open(self.path, "r+b") as file:
            file.write(struct.pack("<I", 0))

    def hit(self):
        with open(self.path, "rb") as file:
            return struct.unpack("<6I", file.read(24))[5]

    def before(self, library, folder):
        return ["env", f"LD_PRELOAD={library}", f"CALLBOARD_FAULT_CONTROL={self.path}", f"CALLBOARD_FAULT_FOLDER={folder}"]


@dataclass
class Probed:
    sent: float
    status: int
    seconds: float
    text: str


class Probe(threading.Thread):
    """One publish after the other: what it was answered, and how fast."""

    def __init__(self, client, phase, size):
        super().__init__(name="probe", daemon=True)
        self.client, self.phase, self.size = client, phase, size
        self.seen = []
        self.stored = []  # event ids that got a 201

    def run(self):
        while not self.phase.stop_publishing.is_set():
            event_id = str(uuid.uuid4())
            began = time.monotonic()
            reply = self.client.publish_one("probe", {"eventId": event_id, "eventType": "t", "data": "x" * self.size})
            self.seen.append(Probed(began, reply.status, time.monotonic() - began, reply.body[:100].decode(errors="replace")))
            if reply.status == 201:
                self.stored.append(event_id)
            self.phase.stop_publishing.wait(0.02)
        self.client.close()

    def between(self, begin, end):
        return [one for one in self.seen if begin <= one.sent < end]


class DiskTest(crash_test.CrashTest):
    """The crash test's load and checks; instead of kills, a fault in the middle, and then one kill."""

    client_class = DiskClient

    def __init__(self, options, case):
        super().__init__(Namespace(binary=options.binary, seconds=case.seconds + 4, seed=options.seed, rate=100.0, kill_after=(1, 1),
                                   time_scale=1.0, drain_deadline_s=90.0, minimum=0, dialect_only=False, serve_arg=[], keep="failed"))
        self.case = case
        self.plans = [plan for plan in self.plans if not plan.lazy]  # what a failed flush forgets of those is their bargain
        os.makedirs(os.path.join(self.folder, "disk"))
        self.control = Control(os.path.join(self.folder, "control"))
        folder = os.path.join(self.folder, "disk", "data")
        self.broker = Broker(options.binary, folder, random.Random(options.seed), before=self.control.before(options.failing_disk, folder),
                             barco=False, log=os.path.join(self.folder, "broker.log"))  # not on that disk
        self.verdicts = []
        self.figures = ""

    def start_clients(self):
        super().start_clients()
        self.probe = Probe(self.client_class(self.broker.port), self.phase, 1_000_000 if self.case.large else 1000)
        self.probe.start()
        self.publishers.append(self.probe)

    def kill_repeatedly(self):
        self.wait(2.0)
        began = time.monotonic()
        self.control.set(self.case)
        self.wait(self.case.seconds)
        if self.case.large:  # how long it takes to fill files is the machine's
            wait_until(lambda: any(one.status == 507 for one in self.probe.between(began, began + 1e9)), FELT_IN_S)
        hit, ended = self.control.hit(), ""
        if self.broker.process.poll() is not None:
            ended = self.ended()
        elif self.case.killed:
            self.kill()
        self.control.clear()
        if self.case.room_mib:
            subprocess.run(["mount", "-o", "remount,size=600m", os.path.join(self.folder, "disk")], check=True)
        over = time.monotonic()
        if self.broker.process.poll() is not None:
            self.broker.start()
        on_again = wait_until(lambda: any(one.status == 201 for one in self.probe.between(over, over + 1e9)), HEALED_IN_S)
        healed_s = next((one.sent + one.seconds - over for one in self.probe.between(over, over + 1e9) if one.status == 201), None)
        self.wait(1.0)
        self.kill()
        self.broker.start()
        self.judge(began, over, hit, ended, on_again, healed_s)

    def ended(self):
        code, text = self.broker.process.returncode, self.broker.log_tail()
        named = Verdict("a broker that a failing disk ends says why")
        named.expect(code == 1 and "callboard: " in text, f"it ended with {code}: {text[-300:]}")
        self.verdicts.append(named)
        return f", ended with {code}"

    def judge(self, began, over, hit, ended, on_again, healed_s):
        case, probed = self.case, self.probe.between(began, over)
        on = Verdict("publishing goes on when the fault is over")
        on.expect(on_again, f"no 201 in {HEALED_IN_S} s: {self.probe.seen[-3:]}")
        clear = Verdict("what cannot be stored is answered with 503 or 507 and a text")
        for one in probed:
            clear.expect(one.status in (0, 201) or (one.status in (503, 507) and one.text), f"{one.status} {one.text!r}")
        exercised = Verdict("the fault was felt")
        exercised.expect(hit > 0 or case.room_mib, "no call was hit")
        self.verdicts += [on, clear, exercised]
        if case.delay_ms:
            self.judge_slow(probed)
        elif case.every == 1 and not case.killed:
            exercised.expect(any(one.status in (503, 507) for one in probed), "every publish was taken")
        quiet = percentile([one.seconds for one in self.probe.between(0, began)], 0.99)
        during = percentile([one.seconds for one in probed], 0.99)
        statuses = Counter(one.status for one in probed)
        self.figures = (f"{hit} calls hit; publishes meanwhile: " + ", ".join(f"{n} × {s or 'none'}" for s, n in sorted(statuses.items()))
                        + f"; p99 {quiet * 1e3:.0f} ms before, {during * 1e3:.0f} ms meanwhile; first 201 "
                        + (f"{healed_s:.2f} s afterwards" if healed_s is not None else "never") + ended)

    def judge_slow(self, probed):
        bounded = Verdict("slow flushes make publishing slow, and do not pile up")
        bounded.expect(probed and max(one.seconds for one in probed) < SLOW_MAX_S, f"{max(one.seconds for one in probed):.1f} s")
        third = len(probed) // 3
        first, last = (percentile([one.seconds for one in some], 0.5) for some in (probed[:third], probed[-third:]))
        bounded.expect(last < 3 * first + 0.3, f"median {first:.2f} s in the first third, {last:.2f} s in the last")
        self.verdicts.append(bounded)

    def read_everything(self):
        """And what the probe was told is there."""
        final = super().read_everything()
        there = Verdict("what the probe got a 201 for is in its stream")
        client = Client(self.broker.port, 60.0)
        found = {entry["eventId"] for entry in client.read_forward("/streams/probe", STREAM_FEED, page=5 if self.case.large else 400)}
        client.close()
        for event_id in self.probe.stored:
            there.expect(event_id in found, event_id)
        self.verdicts.append(there)
        return final


@contextlib.contextmanager
def room(case, folder):
    """A file system of its own, if the case wants one and we may."""
    if not case.room_mib:
        yield
        return
    where = os.path.join(folder, "disk")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={case.room_mib}m", "tmpfs", where], check=True, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", where], check=True)


def run_case(options, case):
    test = DiskTest(options, case)
    row = Row("disk", case.name, "skipped: file systems cannot be mounted here")
    try:
        with room(case, test.folder):
            try:
                verdicts = test.run() + test.verdicts
            except (BrokerFailed, RuntimeError, OSError, ValueError, KeyError) as error:
                text = f"{type(error).__name__}: {error}{test.last_words()}"
                verdicts = [Verdict("the broker lived through the fault", 1, [text])] + test.verdicts
            row = Row("disk", case.name, test.figures, verdicts)
            test.broker.abandon()
    except subprocess.CalledProcessError as error:
        if error.cmd[0] != "mount":
            raise
    finally:
        test.close(row.broken)
    return row


def fill(client, count, size):
    for first in range(0, count, 10):
        events = [{"eventId": str(uuid.uuid4()), "eventType": "t", "data": {"n": first + i, "text": "x" * size}} for i in range(10)]
        reply = client.request("POST", "/streams/s", json.dumps(events).encode(), {"Content-Type": EVENTS})
        if reply.status != 201:
            raise RuntimeError(f"publish answered {reply.status}")


def refuse_to_start(options, scratch, chance):
    """Reads that fail (EIO) while it starts."""
    folder = os.path.join(scratch.path, "read")
    control = Control(os.path.join(scratch.path, "control"))
    broker = Broker(options.binary, folder, chance, before=control.before(options.failing_disk, folder), barco=False)
    broker.start()
    fill(Client(broker.port), 100, 1000)
    broker.kill()
    control.set(Case("", READS, errno.EIO))
    named = Verdict("a start that cannot read says so, and the next one that can has everything")
    open(broker.log_path(), "wb").close()
    broker.spawn()
    try:
        code = broker.process.wait(timeout=20)
        said = broker.log_tail()
        named.expect(code == 1 and "cannot read" in said, f"exit code {code}: {said[-300:]}")
    except subprocess.TimeoutExpired:
        named.expect(False, "it started, or hangs")
        broker.abandon()
    hit = control.hit()
    named.expect(hit > 0, "no call was hit")
    control.clear()
    broker.start()
    entries = Client(broker.port).read_stream("s")
    named.expect(len(entries) == 100, f"{len(entries)} of 100 events")
    said = broker.log_tail()[:200]
    broker.terminate(10.0)
    return Row("disk", "each read fails (EIO) while it starts", f"{hit} calls hit", [named])


def unreadable_pages(options, scratch, chance):
    """A page of LMDB's file that the disk cannot give is a SIGBUS; here because the file is shorter than it was."""
    folder = os.path.join(scratch.path, "mapped")
    broker = Broker(options.binary, folder, chance, barco=False)
    broker.start()
    fill(Client(broker.port), 2000, 2000)
    broker.terminate(20.0)
    store = os.path.join(folder, "store", "data.mdb")
    shutil.copyfile(store, store + ".whole")
    broker.start()
    os.truncate(store, 64 << 10)
    open(broker.log_path(), "wb").close()
    client = Client(broker.port, 10.0)
    replies = [client.request("GET", f"/streams/s/{first}/forward/50?embed=body", headers={"Accept": STREAM_FEED})
               for first in range(0, 2000, 50)]
    named = Verdict("pages that cannot be read are answered with 5xx, or end it with a named cause, not with a signal")
    wait_until(lambda: broker.process.poll() is not None, 1.0)
    code, said = broker.process.poll(), broker.log_tail()
    if code is None:
        named.expect(any(reply.status >= 500 for reply in replies), f"{Counter(reply.status for reply in replies)}")
    else:
        named.expect(code == 1 and "callboard: " in said, f"it ended with {code}: {said[-300:]}")
    broker.abandon()
    os.replace(store + ".whole", store)
    broker.start()
    named.expect(len(Client(broker.port).read_stream("s")) == 2000, "events are missing afterwards")
    broker.terminate(10.0)
    return Row("disk", "pages of LMDB's file cannot be read (SIGBUS)", f"exit code {code}: {said.strip()[-120:]}", [named])


def run(options):
    rows = []
    for case in CASES:
        if options.quick and case.name not in QUICK:
            continue
        say(f"disk: {case.name}")
        rows.append(run_case(options, replace(case, seconds=2.0) if options.quick else case))
    if not options.quick:
        chance = random.Random(options.seed)
        for one in (refuse_to_start, unreadable_pages):
            with Scratch("disk") as scratch:
                rows.append(one(options, scratch, chance))
    return rows
