# Brokers whose Barco listeners take free ports, which their log tells.
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "process"))
import polar_client as polar  # noqa: E402
from process_case import ProcessCase, main  # noqa: E402,F401


class BarcoCase(ProcessCase):
    def start(self, *extra):
        broker = super().start("--barco", "127.0.0.1:0", *extra)
        with open(broker.log_path(), encoding="utf-8") as log:
            line = [one for one in log if "serving barco=" in one][-1]
        broker.discovery = int(re.search(r" discovery=(\d+)", line)[1])
        return broker

    def brokers_of(self, broker):
        """As discovery tells them."""
        return polar.Brokers("127.0.0.1", broker.discovery)

    def consumer(self, *what, **how):
        out = polar.Consumer(*what, **how)
        self.addCleanup(out.close)
        return out

    def producer(self, brokers):
        out = polar.BinaryProducer("127.0.0.1", brokers.binary_port)
        self.addCleanup(out.close)
        return out

    def plain_connection(self, port):
        out = polar.socket.create_connection(("127.0.0.1", port), timeout=10)
        self.addCleanup(out.close)
        return out
