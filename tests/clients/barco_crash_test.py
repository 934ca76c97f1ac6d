# kill -9 under load, through the Barco dialect: what was acknowledged is delivered, in order for each key.
"""barco_crash_test.py --binary callboard; SEED and ROUNDS in the environment"""
import os
import random
import threading
import time
import urllib.error
import urllib.request

import polar_client as polar
from barco_case import BarcoCase, main

SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(10**6)))
ROUNDS = int(os.environ.get("ROUNDS", 5))


class Producer(threading.Thread):
    """Counts up under one key. A record whose outcome is unknown is sent again: it may then be there twice."""

    def __init__(self, key, brokers):
        super().__init__()
        self.key, self.brokers = key, brokers
        self.acknowledged = 0
        self.stopping = False

    def run(self):
        while not self.stopping:
            try:
                self.produce_on()
            except (OSError, ConnectionError, TimeoutError, RuntimeError, urllib.error.URLError):
                time.sleep(0.02)  # between two tries; the broker comes back

    def record(self, number):
        return f"{self.key}:{self.acknowledged + number}".encode()


class HttpProducer(Producer):
    def produce_on(self):
        url = f"http://127.0.0.1:{self.brokers().producer_port}/v1/topic/t/messages?partitionKey={self.key}"
        while not self.stopping:
            lines = b"\n".join(self.record(i) for i in range(3))
            asked = urllib.request.Request(url, lines, {"Content-Type": "application/x-ndjson"})
            with urllib.request.urlopen(asked, timeout=10) as answer:
                if answer.status == 200:
                    self.acknowledged += 3


class FrameProducer(Producer):
    """Several frames in flight: those behind a lost one may be stored, so all of them are sent again."""

    def produce_on(self):
        connection = polar.BinaryProducer("127.0.0.1", self.brokers().binary_port)
        try:
            while not self.stopping:
                streams = [connection.begin("t", self.key, [self.record(2 * i), self.record(2 * i + 1)]) for i in range(4)]
                for stream in streams:
                    connection.end(stream)
                    self.acknowledged += 2
        finally:
            connection.close()


class BarcoCrashTest(BarcoCase):
    def test_kill_under_load(self):
        chance = random.Random(SEED)
        print("seed", SEED, flush=True)
        now = {}

        def start():
            broker = self.start()
            now["brokers"] = self.brokers_of(broker)
            return broker

        def brokers():
            return now["brokers"]

        broker = start()
        producers = [kind(f"{name}{i}", brokers) for kind, name in ((HttpProducer, "h"), (FrameProducer, "f")) for i in range(3)]
        for producer in producers:
            producer.start()
        got = {producer.key: [] for producer in producers}  # in order of the first delivery
        seen = set()

        def poll(consumer):
            for _, _, _, _, _, records in consumer.poll():
                for _, record in records:
                    key, number = record.decode().split(":")
                    if record not in seen:
                        seen.add(record)
                        got[key].append(int(number))

        try:
            for _ in range(ROUNDS):
                consumer = polar.Consumer(brokers(), "c1", "g", ["t"], policy=1)
                end = time.monotonic() + chance.uniform(0.3, 1.5)
                while time.monotonic() < end:
                    poll(consumer)
                broker.kill()
                consumer.close()
                broker = start()
        finally:
            for producer in producers:
                producer.stopping = True
            for producer in producers:
                producer.join()
        consumer = polar.Consumer(brokers(), "c1", "g", ["t"], policy=1)
        deadline = time.monotonic() + 60
        while any(len(got[p.key]) < p.acknowledged for p in producers):
            self.assertLess(time.monotonic(), deadline, {p.key: (len(got[p.key]), p.acknowledged) for p in producers})
            poll(consumer)
        consumer.close()
        for producer in producers:
            self.assertGreater(producer.acknowledged, 0, producer.key)
            self.assertEqual(got[producer.key][:producer.acknowledged], list(range(producer.acknowledged)), producer.key)
        self.assertEqual(broker.terminate(20)[1], 0)
        code, said = broker.check()
        self.assertEqual(code, 0, said)


if __name__ == "__main__":
    main(__doc__)
