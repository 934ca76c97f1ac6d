# What the tests of the real binary share: a folder, brokers that end with the test, runs to the end.
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
from broker_process import BrokerProcess  # noqa: E402


class ProcessCase(unittest.TestCase):
    binary = ""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.data = os.path.join(self.folder, "data")
        self.brokers = []

    def tearDown(self):
        for broker in self.brokers:
            broker.abandon()
        shutil.rmtree(self.folder)

    def broker(self, *extra):
        broker = BrokerProcess(self.binary, self.data, extra)
        self.brokers.append(broker)
        return broker

    def start(self, *extra):
        broker = self.broker(*extra)
        broker.start()
        return broker

    def run_to_end(self, *words, environment=None):
        return subprocess.run([self.binary, *words], timeout=60, capture_output=True, text=True,
                              env={**os.environ, **(environment or {})})

    def refused(self, code, text, *words, environment=None):
        """It ends with `code` and one line that has `text` in it."""
        if "--barco" not in words:  # its default ports are the same for all
            words += ("--barco", "off")
        done = self.run_to_end("serve", "--data", self.data, *words, environment=environment)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(text, done.stderr)
        self.assertEqual(done.stderr.strip().count("\n"), 0, done.stderr)
        self.assertEqual(done.stdout, "")


def main(description):
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--binary", required=True)
    settings, rest = options.parse_known_args()
    ProcessCase.binary = settings.binary
    unittest.main(argv=[sys.argv[0], *rest])
