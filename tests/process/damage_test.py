# A directory that a disk damaged: the broker says so, whatever it was, and serves nothing of it.
"""damage_test.py --binary callboard"""
import os
import re
import shutil
import subprocess
import time

from process_case import ProcessCase, main
from broker_process import free_port
from client import STREAM_FEED, Client

JSON = {"Content-Type": "application/json"}
NEEDLE = b"needle"
# Root may write everywhere, unless it gives that up.
AS_OTHERS = ["setpriv", "--inh-caps", "-dac_override", "--bounding-set", "-dac_override"] if os.geteuid() == 0 else []


class DamageTest(ProcessCase):
    def setUp(self):
        super().setUp()
        self.store = os.path.join(self.data, "store", "data.mdb")
        broker = self.start()
        client = Client(broker.port)
        for i in range(100):
            event = {"eventId": f"00000000-0000-4000-8000-{i:012}", "eventType": "t",
                     "data": {"text": (NEEDLE.decode() if i == 50 else "hay") + "x" * 400}}
            self.assertEqual(client.publish_one("s", event).status, 201)
        self.assertEqual(client.create_group("s", "g", {"startFrom": 50}).status, 201)
        client.close()
        self.assertEqual(broker.terminate(10)[1], 0)

    def flip(self, path, place):
        """The lowest bit of the byte at each place that `place` finds."""
        with open(path, "r+b") as file:
            content = bytearray(file.read())
            places = [found.start() for found in re.finditer(place, content)]
            for at in places:
                content[at] ^= 1
            file.seek(0)
            file.write(content)
        self.assertTrue(places)

    def test_a_damaged_event_is_told_to_whoever_would_get_it(self):
        self.flip(self.store, NEEDLE)
        self.assertEqual(self.run_to_end("check", "--data", self.data).returncode, 1)
        client = Client(self.start().port)
        self.assertEqual(client.request("GET", "/streams/s/0/forward/100?embed=body", headers={"Accept": STREAM_FEED}).status, 500)
        self.assertEqual(client.fetch("s", "g", 1).status, 500)
        asked = client.request("POST", "/subscriptions/s/g/settle", b'{"next":{"count":1}}', JSON)
        self.assertEqual(asked.status, 500)
        self.assertIn(b"damaged", asked.body)
        client.close()

    def test_a_damaged_page_refuses_the_start_by_name(self):
        self.flip(self.store, rb"group_events(?=\0)")  # a table's name
        for command in ("serve", "check"):
            done = self.run_to_end(command, "--data", self.data, *(("--barco", "off") if command == "serve" else ()))
            self.assertEqual(done.returncode, 1)
            self.assertIn("data.mdb, page ", done.stdout + done.stderr)

    def test_a_damaged_identity_refuses_the_start(self):
        self.flip(os.path.join(self.data, "node"), rb"\d(?=\ncluster)")  # how many partitions there are
        self.refused(1, "is damaged: what its file `node` says")
        done = self.run_to_end("check", "--data", self.data)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is damaged: what its file `node` says", done.stderr)
        self.assertNotIn("callboard check", done.stderr)  # that is what says so

    def test_what_is_missing_of_a_directory_is_not_made_anew(self):
        with open(os.path.join(self.data, "node")) as file:
            self.assertIn("\ncomplete ", file.read())
        for part in ("store", "store/data.mdb", "wal", "wal/salt"):
            kept = os.path.join(self.folder, "kept")
            os.rename(os.path.join(self.data, part), kept)
            self.refused(1, f"is damaged: {self.data}/{part} is missing")
            for command in ("check", "compact"):
                done = self.run_to_end(command, "--data", self.data)
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"{self.data}/{part} is missing", done.stdout + done.stderr)
            self.assertFalse(os.path.exists(os.path.join(self.data, part)))
            os.rename(kept, os.path.join(self.data, part))
        self.start()

    def test_a_directory_of_an_earlier_build_is_marked_by_its_next_start(self):
        node = os.path.join(self.data, "node")
        with open(node) as file:
            lines = file.readlines()
        with open(node, "w") as file:  # the first builds wrote no checksum either
            file.writelines(line for line in lines if not line.startswith(("complete", "sum")))
        self.assertEqual(self.run_to_end("check", "--data", self.data).returncode, 0)
        self.assertEqual(self.start().terminate(10)[1], 0)
        with open(node) as file:
            self.assertEqual(file.readlines(), lines)

    def test_a_copy_that_may_not_be_written_is_checked(self):
        copy = os.path.join(self.folder, "copy")
        for kept in (True, False):
            shutil.copytree(self.data, copy)
            if not kept:
                os.remove(os.path.join(copy, "lock"))
            folders = [copy, os.path.join(copy, "store"), os.path.join(copy, "wal")]
            for folder in folders:
                for name in os.listdir(folder):
                    if os.path.isfile(os.path.join(folder, name)):
                        os.chmod(os.path.join(folder, name), 0o400)
                os.chmod(folder, 0o500)
            done = subprocess.run([*AS_OTHERS, self.binary, "check", "--data", copy], timeout=60,
                                  capture_output=True, text=True)
            for folder in folders:
                os.chmod(folder, 0o700)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            shutil.rmtree(copy)

    def test_the_only_node_of_a_cluster_gives_nothing_up(self):
        self.data = os.path.join(self.folder, "alone")
        own = f"127.0.0.1:{free_port()}"
        alone = ("--cluster", own, "--peers", f"1={own}", "--node-id", "1")
        broker = self.start(*alone)
        client = Client(broker.port)
        deadline = time.monotonic() + 20
        for i in range(2):
            event = {"eventId": f"00000000-0000-4000-8000-{i:012}", "eventType": "t", "data": "hay" if i else "needle"}
            while client.publish_one("s", event).status != 201:
                self.assertLess(time.monotonic(), deadline)
        client.close()
        broker.kill()
        wal = os.path.join(self.data, "wal")
        for name in os.listdir(wal):
            if name.endswith(".wal"):
                self.flip(os.path.join(wal, name), NEEDLE)
        self.refused(1, "is damaged: ", *alone)
        self.assertEqual([name for name in os.listdir(self.data) if "damaged" in name], [])

    def test_a_page_that_cannot_be_read_ends_it_with_a_named_cause(self):
        broker = self.start()
        os.truncate(self.store, 8192)
        client = Client(broker.port)
        self.assertEqual(client.request("GET", "/streams/s/0/forward/100?embed=body", headers={"Accept": STREAM_FEED}).status, 0)
        self.assertEqual(broker.process.wait(timeout=10), 1)
        self.assertIn(f"callboard: a page of a file in {self.data} cannot be read", broker.log_tail())
        client.close()


if __name__ == "__main__":
    main(__doc__)
