# The broker as a program: what it says and how it ends when it cannot start, and how it stops.
"""process_test.py --binary callboard"""
import base64
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import threading
import time

from process_case import ProcessCase, main
from broker_process import free_port
from client import STREAM_FEED, Client


class ProcessTest(ProcessCase):
    def test_a_wrong_option_ends_with_2_and_names_itself(self):
        self.refused(2, "--nonsense", "--nonsense")
        self.refused(2, "http", "--http", "nowhere")
        self.refused(2, "threads", "--threads", "many")
        self.refused(2, "CALLBOARD_THREADS", environment={"CALLBOARD_THREADS": "-1"})
        self.refused(2, "anonymous", "--anonymous", "maybe")
        self.refused(2, "max-body", "--max-body", "1T")
        self.refused(2, "advertise", "--advertise", "no/host")
        self.refused(2, "--tls-key", "--tls-cert", "only.pem")
        self.refused(2, "/nowhere.pem", "--tls-cert", "/nowhere.pem", "--tls-key", "/nowhere.key")
        self.assertFalse(os.path.exists(self.data))

    def test_a_command_that_cannot_be_meant_ends_with_2_and_asks_nobody(self):
        with socket.socket() as node:
            node.bind(("127.0.0.1", 0))
            node.listen()
            node.settimeout(0)
            at = ("--http", f"127.0.0.1:{node.getsockname()[1]}")
            for words, text in ((("health", "http://127.0.0.1:99999"), "99999"),
                                (("health", f"http://{at[1]}", "--ca", "/nope"), "/nope"),
                                (("cluster", "status", *at, "--user", "admin"), "NAME:PASSWORD"),
                                (("cluster", "add", "4", *at), "'4' is not ID=HOST:PORT"),
                                (("cluster", "add", "4=foo", *at), "'4=foo'"),
                                (("cluster", "remove", "x", *at), "'x' is no node"),
                                (("cluster", "transfer", "x", *at), "'x' is no node"),
                                (("cluster", "drain", "70000", *at), "'70000' is no node")):
                done = self.run_to_end(*words)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(text, done.stderr)
            with self.assertRaises(BlockingIOError):
                node.accept()

    def test_an_open_address_needs_a_password(self):
        self.refused(2, "CALLBOARD_ADMIN_PASSWORD", "--http", f"0.0.0.0:{free_port()}")

    def test_an_open_address_needs_other_passwords_than_those_of_loopback(self):
        self.start().terminate(10)
        self.refused(2, "changeit", "--http", f"0.0.0.0:{free_port()}")

    def test_streams_need_a_login_if_asked(self):
        for anonymous, status in (("off", 401), ("on", 404)):
            broker = self.start("--anonymous", anonymous)
            reader = http.client.HTTPConnection("127.0.0.1", broker.port, timeout=10)
            reader.request("GET", "/streams/nothing", headers={"Accept": STREAM_FEED})
            self.assertEqual(reader.getresponse().status, status)
            reader.close()
            self.assertEqual(broker.terminate(10)[1], 0)

    def test_a_hangup_without_tls_is_harmless(self):
        broker = self.start()
        broker.process.send_signal(signal.SIGHUP)
        client = Client(broker.port)
        self.assertEqual(client.request("GET", "/health/live").status, 204)
        client.close()
        self.assertEqual(broker.terminate(10)[1], 0)

    def test_links_and_bodies_follow_the_options(self):
        broker = self.start("--advertise", "https://outer.example:2116", "--max-body", "1K")
        client = Client(broker.port)
        answer = client.create_group("s", "g", {})
        self.assertEqual(answer.status, 201)
        connection = http.client.HTTPConnection("127.0.0.1", broker.port, timeout=10)
        event = {"Content-Type": "application/json", "ES-EventType": "t",
                 "ES-EventId": "00000000-0000-0000-0000-000000000001"}
        connection.request("POST", "/streams/s", body=b"1" * 1024, headers=event)
        stored = connection.getresponse()
        stored.read()
        self.assertEqual((stored.status, stored.getheader("Location")),
                         (201, "https://outer.example:2116/streams/s/0"))
        connection.request("POST", "/streams/s", body=b"1" * 1025, headers=event)
        refused = connection.getresponse()
        self.assertEqual((refused.status, refused.read()),
                         (413, b"Request bodies are limited to 1024 bytes"))
        connection.close()
        client.close()

    def test_without_standard_streams_nothing_is_logged_into_what_is_stored(self):
        broker = self.broker()
        broker.command = ["sh", "-c", 'exec "$0" "$@" 0<&- 1>&- 2>&-', self.binary]
        broker.start()
        client = Client(broker.port)
        event = {"eventId": "00000000-0000-0000-0000-000000000001", "eventType": "t", "data": {}}
        self.assertEqual(client.publish_one("s", event).status, 201)
        client.close()
        broker.process.send_signal(signal.SIGHUP)  # has it write a line
        self.assertEqual(broker.terminate(10)[1], 0)
        done = self.run_to_end("check", "--data", self.data)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_what_is_stored_is_for_its_own_user(self):
        self.addCleanup(os.umask, os.umask(0))
        client = Client(self.start().port)
        event = {"eventId": "00000000-0000-0000-0000-000000000001", "eventType": "t", "data": {}}
        self.assertEqual(client.publish_one("s", event).status, 201)
        client.close()
        self.assertEqual(self.brokers[0].terminate(10)[1], 0)
        paths = [self.data] + [os.path.join(folder, name) for folder, folders, files in os.walk(self.data)
                               for name in folders + files]
        self.assertGreater(len(paths), 5)
        self.assertEqual([path for path in paths if os.stat(path).st_mode & 0o077], [])

    def test_a_text_begins_no_line_of_the_log(self):
        self.data = os.path.join(self.folder, "da\nta\x1b")
        broker = self.start()
        self.assertEqual(broker.terminate(10)[1], 0)
        self.assertIn("/da\\nta\\x1b\n", broker.log_tail())

    def test_a_folder_that_cannot_be_made_is_not_called_damaged(self):
        self.data = os.path.join(self.folder, "file")
        with open(self.data, "wb"):
            pass
        self.refused(1, f"cannot read or write {self.data}: {self.data}: Not a directory; or choose another directory with --data\n", "--http", f"127.0.0.1:{free_port()}")

    def test_a_folder_that_may_not_be_written_is_named_with_the_reason(self):
        self.data = "/proc/callboard"  # nobody can make it, root neither
        self.refused(1, f"cannot read or write {self.data}: {self.data}: No such file or directory; or choose another")

    def test_too_few_descriptors_are_told_as_such(self):
        words = ("serve", "--data", self.data, "--http", f"127.0.0.1:{free_port()}", "--barco", "off")
        done = subprocess.run(["sh", "-c", 'ulimit -n 8; exec "$0" "$@"', self.binary, *words], timeout=60,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("raise the limit of open files", done.stderr)

    def thread_sleeps(self, pid, times):
        """Waits until one of its threads has slept so many times more."""
        def sleeps():
            out = {}
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/status") as file:
                    out[task] = next(int(line.split()[1]) for line in file if line.startswith("voluntary"))
            return out
        before, deadline = sleeps(), time.monotonic() + 20
        while max(now - before.get(task, now) for task, now in sleeps().items()) < times:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)  # between two polls of a condition with a deadline

    def test_a_lack_of_descriptors_is_logged_once_a_minute(self):
        broker = self.start("--threads", "1")
        used = len(os.listdir(f"/proc/{broker.process.pid}/fd"))
        most = resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE, (used + 1, most))
        clients = [socket.create_connection(("127.0.0.1", broker.port)) for _ in range(5)]
        self.thread_sleeps(broker.process.pid, 20)  # ten attempts at least: each is followed by one
        self.assertEqual(broker.log_tail().count("no descriptors left"), 1)
        resource.prlimit(broker.process.pid, resource.RLIMIT_NOFILE, (most, most))
        for one in clients:
            one.close()
        client = Client(broker.port)
        self.assertEqual(client.request("GET", "/health/live").status, 204)
        client.close()

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

    def test_a_compact_gives_deleted_events_back(self):
        done = self.run_to_end("compact", "--data", self.data)
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertIn("--data", done.stderr)
        broker = self.start()
        client = Client(broker.port)
        for i in range(1, 301):
            event = {"eventId": f"00000000-0000-0000-0000-{i:012}", "eventType": "t", "data": {"text": "x" * 10_000}}
            self.assertEqual(client.publish_one("kept" if i % 100 == 0 else "gone", event).status, 201)
        self.assertEqual(client.request("DELETE", "/streams/gone").status, 204)
        who = {"Authorization": "Basic " + base64.b64encode(b"admin:changeit").decode(), "Content-Length": "0"}
        self.assertEqual(client.request("POST", "/admin/scavenge", headers=who).status, 200)
        while client.request("GET", "/admin/scavenge/last", headers=who).json()["scavengeResult"] == "InProgress":
            pass  # ends: there is little to do
        done = self.run_to_end("compact", "--data", self.data)
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertIn("in use", done.stderr)
        client.close()
        self.assertEqual(broker.terminate(10)[1], 0)
        store = os.path.join(self.data, "store", "data.mdb")
        with open(store + ".compact", "wb") as half:
            half.write(b"half of it")
        before = os.path.getsize(store)
        done = self.run_to_end("compact", "--data", self.data)
        after = os.path.getsize(store)
        self.assertEqual((done.returncode, done.stdout), (0, f"store: {before} bytes before, {after} after\n"), done.stderr)
        self.assertLess(after, before / 4)
        self.assertFalse(os.path.exists(store + ".compact"))
        done = self.run_to_end("check", "--data", self.data)
        self.assertEqual(done.returncode, 0, done.stdout)
        client = Client(self.start().port)
        self.assertEqual(len(client.read_stream("kept")), 3)
        client.close()

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

    def test_an_operator_stops_it_over_http_and_it_ends_with_0(self):
        broker = self.start()
        connection = http.client.HTTPConnection("127.0.0.1", broker.port, timeout=20)
        connection.request("POST", "/admin/shutdown")
        self.assertEqual(connection.getresponse().read(), b"")
        self.assertIsNone(broker.process.poll())  # nobody said who he is
        who = base64.b64encode(b"ops:changeit").decode()
        connection.request("POST", "/admin/shutdown", headers={"Authorization": "Basic " + who})
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.read()), (200, b""))
        self.assertEqual(broker.process.wait(20), 0)
        connection.close()
        self.assertEqual(self.start().terminate(10)[1], 0)  # nothing is locked or damaged

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
        self.assertLessEqual({line["level"] for line in lines}, {"info", "warning"})
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
    main(__doc__)
