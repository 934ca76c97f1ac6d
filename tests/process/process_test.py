# The broker as a program: what it says and how it ends when it cannot start, and how it stops.
"""process_test.py --binary callboard"""
import argparse
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
from broker_process import BrokerProcess, free_port  # noqa: E402
from client import Client  # noqa: E402

BINARY = ""


class ProcessTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.data = os.path.join(self.folder, "data")
        self.brokers = []

    def tearDown(self):
        for broker in self.brokers:
            broker.abandon()
        shutil.rmtree(self.folder)

    def start(self, *extra):
        broker = BrokerProcess(BINARY, self.data, extra)
        self.brokers.append(broker)
        broker.start()
        return broker

    def run_to_end(self, *words, environment=None):
        return subprocess.run([BINARY, *words], timeout=60, capture_output=True, text=True,
                              env={**os.environ, **(environment or {})})

    def refused(self, code, text, *words, environment=None):
        """It ends with `code` and one line that has `text` in it."""
        done = self.run_to_end("serve", "--data", self.data, *words, environment=environment)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(text, done.stderr)
        self.assertEqual(done.stderr.strip().count("\n"), 0, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_a_wrong_option_ends_with_2_and_names_itself(self):
        self.refused(2, "--nonsense", "--nonsense")
        self.refused(2, "http", "--http", "nowhere")
        self.refused(2, "threads", "--threads", "many")
        self.refused(2, "CALLBOARD_THREADS", environment={"CALLBOARD_THREADS": "-1"})
        self.refused(2, "anonymous", "--anonymous", "maybe")
        self.assertFalse(os.path.exists(self.data))

    def test_an_open_address_needs_a_password(self):
        self.refused(2, "CALLBOARD_ADMIN_PASSWORD", "--http", f"0.0.0.0:{free_port()}")

    def test_a_folder_is_served_once(self):
        self.start()
        self.refused(3, "in use", "--http", f"127.0.0.1:{free_port()}")

    def test_an_address_in_use_ends_with_4(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            address = f"127.0.0.1:{other.getsockname()[1]}"
            self.refused(4, address, "--http", address)

    def test_a_damaged_log_is_refused_not_repaired(self):
        broker = self.start()
        client = Client(broker.port)
        for i in range(1, 21):
            event = {"eventId": f"00000000-0000-0000-0000-{i:012}", "eventType": "t", "data": {"text": "find me"}}
            self.assertEqual(client.publish_one("s", event).status, 201)
        broker.kill()
        logs = sorted(os.path.join(folder, name) for folder, _, names in os.walk(self.data)
                      for name in names if name.endswith(".wal"))
        self.assertTrue(logs)
        with open(logs[0], "r+b") as log:
            whole = log.read()
            at = whole.index(b"find me")
            log.seek(at)
            log.write(bytes([whole[at] ^ 0x10]))
        self.refused(1, "damaged", "--http", f"127.0.0.1:{free_port()}")
        done = self.run_to_end("check", "--data", self.data)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("problem:", done.stdout)

    def test_sigterm_answers_who_waits_and_ends_with_0(self):
        broker = self.start()
        client = Client(broker.port)
        self.assertEqual(client.create_group("s", "g", {}).status, 201)
        answers = []
        poll = threading.Thread(
            target=lambda: answers.append(Client(broker.port).fetch("s", "g", 1, wait_s=50)))
        poll.start()
        while client.info("s", "g")["waitingPollCount"] == 0:
            pass  # ends: the poll is on its way, and a request takes at most its time-out
        took, code = broker.terminate(10)
        poll.join()
        self.assertEqual((code, [a.status for a in answers]), (0, [200]))
        self.assertLess(took, 5)

    def test_settings_come_from_flags_environment_and_file_in_this_order(self):
        path = os.path.join(self.folder, "callboard.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('threads = 3\nlog-level = "warn"\n')
        done = self.run_to_end("config", "--config", path, "--log-level", "error",
                               environment={"CALLBOARD_THREADS": "2"})
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
        self.assertIn("2", lines["threads"])
        self.assertIn("CALLBOARD_THREADS", lines["threads"])
        self.assertIn("error", lines["log-level"])
        self.assertIn("data", lines)

    def test_log_lines_are_json_if_asked(self):
        broker = self.start("--log-format", "json", "--log-level", "info")
        broker.terminate(10)
        with open(broker.log_path(), encoding="utf-8") as log:
            lines = [json.loads(line) for line in log]
        self.assertEqual({line["level"] for line in lines}, {"info"})
        self.assertTrue(any(line["text"].startswith("serving ") for line in lines))

    def test_a_stop_cuts_idle_connections(self):
        broker = self.start()
        idle = http.client.HTTPConnection("127.0.0.1", broker.port)
        idle.request("GET", "/ping")
        idle.getresponse().read()
        took, code = broker.terminate(10)
        idle.close()
        self.assertEqual(code, 0)
        self.assertLess(took, 3)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", required=True)
    settings, rest = options.parse_known_args()
    BINARY = settings.binary
    unittest.main(argv=[sys.argv[0], *rest])
