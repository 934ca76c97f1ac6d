# A node of a cluster in miniature: any number of them share one locked file. It can be told to lie.
"""
Only for `selftest.py`: the fake broker of the crash test, whose log all nodes write to and read from
before each request; who holds the lock on another file is the leader.
"""
import argparse
import fcntl
import json
import os
import re
import signal
import sys
import threading
import time
from http.server import ThreadingHTTPServer
from urllib.parse import urlsplit

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
import fake_broker  # noqa: E402

BUGS = {name: fake_broker.BUGS[name] for name in (
    "lose_publish", "redeliver_acked", "forget_attempts", "too_many_attempts", "park_twice", "refuse",
    "bad_exit", "bad_check")} | {
    "forget_ids": "knows only those ids again that were published through the same node",
    "reorder": "turns a batch round now and then",
    "diverge": "node 2 shows other data of an event now and then",
    "weak": "promises less than a majority",
    "slow_takeover": "a new leader refuses everything for five seconds",
    "rough_takeover": "a new leader refuses everything for half a second",
    "stuck": "a group stops at an event",
}


class SharedLock:
    """The condition of the broker, and the lock of all nodes."""

    def __init__(self, broker, folder):
        self.broker = broker
        self.condition = threading.Condition()
        self.file = os.open(os.path.join(folder, "lock"), os.O_RDWR | os.O_CREAT, 0o644)

    def __enter__(self):
        self.condition.acquire()
        fcntl.flock(self.file, fcntl.LOCK_EX)
        self.broker.refresh()

    def __exit__(self, *_):
        fcntl.flock(self.file, fcntl.LOCK_UN)
        self.condition.release()

    def wait(self, timeout):
        fcntl.flock(self.file, fcntl.LOCK_UN)
        self.condition.wait(timeout)
        fcntl.flock(self.file, fcntl.LOCK_EX)
        self.broker.refresh()

    def wait_for(self, _, timeout):
        self.wait(timeout)

    def notify_all(self):
        self.condition.notify_all()


class Node(fake_broker.Broker):
    def __init__(self, folder, node_id, bug):
        self.node_id = node_id
        self.read = 0  # bytes of the log that are applied
        self.refreshing = False
        self.refuse_until = 0.0
        lock = SharedLock(self, folder)
        fcntl.flock(lock.file, fcntl.LOCK_EX)
        super().__init__(folder, bug)
        self.read = os.fstat(self.file).st_size
        fcntl.flock(lock.file, fcntl.LOCK_UN)
        self.changed = lock
        self.leader_path = os.path.join(folder, "leader")
        threading.Thread(target=self.campaign, daemon=True).start()

    def refresh(self):
        with open(f"/proc/self/fd/{self.file}", "rb") as log:
            log.seek(self.read)
            new = log.read()
        self.read += len(new)
        self.refreshing = True
        for line in new.split(b"\n")[:-1]:
            self.apply(json.loads(line))
        self.refreshing = False

    def record(self, durable=True, **change):
        super().record(durable, **change)
        self.read = os.fstat(self.file).st_size

    def apply(self, change):
        super().apply(change)
        if change["do"] == "publish" and self.bug == "forget_ids" and self.refreshing:
            for event in change["events"]:
                del self.remembered[change["stream"], event["eventId"]]

    def publish(self, stream, events):
        if len(events) > 1 and self.sometimes("reorder", 4):
            events = events[::-1]
        return super().publish(stream, events)

    def ready(self, key):
        numbers = super().ready(key)
        return [n for n in numbers if n < 7] if self.bug == "stuck" else numbers

    def entry(self, stream, event, attempt=None, link=None):
        out = super().entry(stream, event, attempt, link)
        if self.bug == "diverge" and attempt is None and self.node_id == 2 and event["number"] == 3:
            out["data"] = "{}"
        return out

    def campaign(self):
        lock = os.open(self.leader_path + ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        fcntl.flock(lock, fcntl.LOCK_EX)
        term = self.leader()["term"] + 1
        pause = {"slow_takeover": 5.0, "rough_takeover": 0.5}.get(self.bug, 0.0) if term > 1 else 0.0
        self.refuse_until = time.monotonic() + pause
        with open(self.leader_path + ".new", "w", encoding="ascii") as file:
            json.dump({"leader": self.node_id, "term": term, "until": self.refuse_until}, file)
        os.rename(self.leader_path + ".new", self.leader_path)
        threading.Event().wait()

    def leader(self):
        try:
            with open(self.leader_path, encoding="ascii") as file:
                return json.load(file)
        except FileNotFoundError:
            return {"leader": 0, "term": 0, "until": 0.0}

    def refuses(self):
        return time.monotonic() < self.leader()["until"]

    def status(self):
        told = self.leader()
        role = "leader" if told["leader"] == self.node_id else "follower"
        return {"nodeId": self.node_id, "leader": told["leader"], "term": told["term"], "role": role,
                "commitIndex": self.read, "appliedIndex": self.read}


class Handler(fake_broker.Handler):
    def answer(self, status, document=None, **headers):
        if status == 201:
            replicas = "1/3" if self.broker.bug == "weak" else "2/3"
            headers["Durability"] = f"fsync, replicas={replicas}"
        super().answer(status, document, **headers)

    def refused(self):
        if not self.broker.refuses():
            return False
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(503, **{"Retry-After": "1"})
        return True

    def do_GET(self):
        path = urlsplit(self.path).path
        if path in ("/health/live", "/health/ready"):
            return self.answer(204)
        if path == "/cluster":
            with self.broker.changed:
                return self.answer(200, self.broker.status())
        if self.refused():
            return None
        if found := re.fullmatch(r"/streams/(\w+)/head/backward/1", path):
            with self.broker.changed:
                newest = self.broker.streams.get(found[1], [])[-1:]
                return self.feed([self.broker.entry(found[1], event) for event in newest])
        return super().do_GET()

    def do_PUT(self):
        return None if self.refused() else super().do_PUT()

    def do_POST(self):
        return None if self.refused() else super().do_POST()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=("serve", "check"))
    for name in ("data", "http", "barco", "barco-advertise", "cluster", "peers", "cluster-secret-file"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--node-id", type=int)
    parser.add_argument("--join", action="store_true")
    parser.add_argument("--bug", choices=BUGS)
    options = parser.parse_args()
    marker = os.path.join(options.data, "bad_check")
    if options.verb == "check":
        return 2 if os.path.exists(marker) else 0
    os.makedirs(options.data, exist_ok=True)
    if options.bug == "bad_check":
        open(marker, "w").close()
    shared = os.path.join(os.path.dirname(options.cluster_secret_file), "shared")
    os.makedirs(shared, exist_ok=True)
    Handler.broker = Node(shared, options.node_id, options.bug)
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer.request_queue_size = 64
    host, port = options.http.rsplit(":", 1)
    server = ThreadingHTTPServer((host, int(port)), Handler)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(3 if options.bug == "bad_exit" else 0))
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
