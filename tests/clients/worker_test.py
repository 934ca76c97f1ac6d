# Runs the workers of examples/worker against a broker: each settles all its events, one of them at the second attempt.
"""worker_test.py --binary callboard"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "process"))
from process_case import ProcessCase, main  # noqa: E402
from client import EVENTS, Client  # noqa: E402

WORKERS = os.path.join(HERE, "..", "..", "examples", "worker")
EVENTS_EACH = 10
LINES_MAX = 20
DEADLINE_S = 120.0
COMPILE_DEADLINE_S = 400  # the first one compiles Go's library too
# What runs each, and what else it needs.
INTERPRETERS = {"sh": ["sh", "curl", "jq"], "py": ["python3"], "mjs": ["node"], "php": ["php"], "rb": ["ruby"], "go": ["go"]}
NOTHING_SAID = re.compile(r"\s*(#.*|//.*|<\?php|[\])};]*|end|done|fi)\s*")


def lines_of_code(path):
    """Those that are more than a comment or a closing."""
    with open(path, encoding="utf-8") as file:
        return sum(1 for line in file if not NOTHING_SAID.fullmatch(line))


class WorkerTest(ProcessCase):
    def setUp(self):
        super().setUp()
        self.workers = []

    def tearDown(self):
        for worker in self.workers:
            # Its group is its own: a shell's worker has children.
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        super().tearDown()

    def command(self, kind):
        path = os.path.join(WORKERS, f"worker.{kind}")
        if kind != "go":
            return [INTERPRETERS[kind][0], path]
        built = os.path.join(self.folder, "worker")
        subprocess.run(["go", "build", "-o", built, path], check=True, timeout=COMPILE_DEADLINE_S)
        return [built]

    def call(self, verb, path, body, content_type="application/json"):
        reply = self.client.request(verb, path, json.dumps(body).encode(), {"Content-Type": content_type})
        self.assertLess(reply.status, 300, (path, reply.body))
        return reply

    def start_worker(self, kind):
        """With a stream of its own that has events, of which the third one fails once."""
        command = self.command(kind)
        group = f"/subscriptions/orders-{kind}/workers"
        self.call("PUT", group, {"messageTimeoutMilliseconds": 60_000})
        events = [{"eventId": str(uuid.uuid4()), "eventType": "ordered", "data": {"n": n, "fails": int(n == 2)}}
                  for n in range(EVENTS_EACH)]
        self.call("POST", f"/streams/orders-{kind}", events, EVENTS)
        with open(os.path.join(self.folder, f"{kind}.log"), "wb") as log:
            self.workers.append(subprocess.Popen(
                command + [f"http://127.0.0.1:{self.port}{group}", "admin:changeit"], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True))
        return group

    def info(self, group):
        """What is told, or what kept it from being told."""
        reply = self.client.request("GET", group + "/info", headers={"Accept": "application/json"})
        return reply.json() if reply.status == 200 else {"status": reply.status}

    def log_of(self, kind):
        with open(os.path.join(self.folder, f"{kind}.log"), encoding="utf-8", errors="replace") as log:
            return log.read()[-2000:]

    def test_each_settles_everything(self):
        broker = self.start()
        self.port = broker.port
        self.client = Client(broker.port, 10.0)
        self.addCleanup(self.client.close)
        groups = {}
        for kind, needed in INTERPRETERS.items():
            missing = [name for name in needed if not shutil.which(name)]
            if missing:
                print(f"worker.{kind} is not run: there is no {' and no '.join(missing)}")
            else:
                groups[kind] = self.start_worker(kind)
        self.assertTrue(groups)
        end = time.monotonic() + DEADLINE_S
        for kind, group in groups.items():
            with self.subTest(worker=kind):
                while self.info(group).get("settledMessageCount", 0) < EVENTS_EACH:
                    self.assertLess(time.monotonic(), end, (self.info(group), self.log_of(kind)))
                    time.sleep(0.05)  # between two polls of a condition with a deadline
                info = self.info(group)
                self.assertEqual(info.get("totalItemsProcessed"), EVENTS_EACH + 1, info)
                self.assertEqual(info.get("parkedMessageCount"), 0, info)
        print("run:", *groups)

    def test_each_is_short(self):
        for kind in INTERPRETERS:
            with self.subTest(worker=kind):
                self.assertLessEqual(lines_of_code(os.path.join(WORKERS, f"worker.{kind}")), LINES_MAX)


if __name__ == "__main__":
    main(__doc__)
