# The official client's ways, curl and shell, against the real binary: nothing lost, order kept for each key.
"""barco_test.py --binary callboard"""
import json
import os
import subprocess
import time
import unittest

import polar_client as polar
from barco_case import BarcoCase, main

KEYS = [f"key-{i}" for i in range(10)]


class BarcoTest(BarcoCase):
    def curl(self, *words):
        done = subprocess.run(["curl", "--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}", *words],
                              capture_output=True, text=True, timeout=30, check=True)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def drain(self, consumers, wanted, got):
        """Polls until `wanted` records came, in whatever order the partitions are read."""
        deadline = time.monotonic() + 30
        while len(set(got)) < wanted:
            self.assertLess(time.monotonic(), deadline, f"{len(set(got))} of {wanted}")
            for consumer in consumers:
                for _, _, _, _, _, records in consumer.poll():
                    got += [record.decode() for _, record in records]

    def in_order(self, got):
        """First deliveries of each key count up."""
        last = {}
        for one in dict.fromkeys(got):
            key, number = one.split(":")
            self.assertEqual(last.get(key, -1) + 1, int(number), f"{key}: {number} after {last.get(key)}")
            last[key] = int(number)

    def test_two_consumers_share_and_take_over(self):  # cases 104, 106, 113
        brokers = self.brokers_of(self.start())
        first = self.consumer(brokers, "c1", "g", ["orders"])
        second = self.consumer(brokers, "c2", "g", ["orders"])
        producers = [self.producer(brokers) for _ in range(2)]
        sent = {key: 0 for key in KEYS}

        def produce(rounds):
            for _ in range(rounds):
                streams = []
                for i, key in enumerate(KEYS):
                    records = [f"{key}:{sent[key] + n}".encode() for n in range(3)]
                    sent[key] += 3
                    producer = producers[i % 2]  # a key keeps its connection
                    streams.append((producer, producer.begin("orders", key, records)))
                for producer, stream in streams:
                    producer.end(stream)

        got = []
        produce(20)
        self.drain([first, second], sum(sent.values()), got)
        for consumer in (first, second):
            consumer.commit()
        self.assertEqual(len(got), sum(sent.values()), "delivered again for no reason")
        # One leaves without a word; the other one commits, then it comes back on a new connection.
        second.close()
        produce(10)
        second.connect()
        self.drain([first, second], sum(sent.values()), got)
        self.in_order(got)
        for producer in producers:
            producer.close()

    def test_a_restart_in_between(self):  # cases 30, 133
        broker = self.start()
        brokers = self.brokers_of(broker)
        consumer = self.consumer(brokers, "c1", "g", ["orders"])
        producer = self.producer(brokers)
        for n in range(50):
            producer.produce("orders", "k", [f"k:{n}".encode()])
        got = []
        self.drain([consumer], 50, got)
        consumer.commit()
        broker.kill()
        broker = self.start()
        brokers = self.brokers_of(broker)
        producer = self.producer(brokers)
        for n in range(50, 80):
            producer.produce("orders", "k", [f"k:{n}".encode()])
        consumer.brokers = brokers
        consumer.connect()
        self.drain([consumer], 80, got)
        self.in_order(got)
        self.assertEqual(len(got), 80)  # what was committed does not come again

    def test_large_answers_have_their_length(self):  # case 128
        brokers = self.brokers_of(self.start())
        consumer = self.consumer(brokers, "c1", "g", ["large"], policy=1)
        producer = self.producer(brokers)
        records = [os.urandom(16 << 10), os.urandom(900 << 10), os.urandom(3 << 20)]
        for one in records:
            producer.produce("large", "k", [one])
        got = []
        deadline = time.monotonic() + 30
        while len(got) < 3 and time.monotonic() < deadline:
            for _, _, _, _, _, some in consumer.poll():
                got += [record for _, record in some]
        self.assertEqual(got, records)
        # The same in all partitions: one answer that would compress well.
        for part in range(4):
            key = next(f"k{i}" for i in range(1000) if polar.place(f"k{i}", 4) == part)
            producer.produce("large", key, [records[0]])
        got = []
        while len(got) < 4 and time.monotonic() < deadline:
            for _, _, _, _, _, some in consumer.poll():
                got += [record for _, record in some]
        self.assertEqual(got, [records[0]] * 4)
        consumer.connections[0].ping()

    def test_timestamps_and_placing(self):  # cases 33, 109, 126
        brokers = self.brokers_of(self.start())
        consumer = self.consumer(brokers, "c1", "g", ["t"], policy=1)
        producer = self.producer(brokers)
        for stream in [producer.begin("many", f"k{i}", [b"1"]) for i in range(64)]:
            producer.end(stream)
        before = time.time()
        producer.produce("t", "k", [b'{"a":1}', b'{"a":2}'], timestamp=1_700_000_000_000_000)
        producer.produce("t", "日本", [b"not json"])
        items = []
        while sum(len(item[5]) for item in items) < 3:
            items += consumer.poll()
        by_range = {item[2]: item for item in items}
        stamped = by_range[polar.place("k", 4)]
        self.assertNotEqual(stamped, by_range[polar.place("日本", 4)])
        self.assertEqual(stamped[5][0], (1_700_000_000_000_000, b'{"a":1}'))
        arrived = by_range[polar.place("日本", 4)]
        self.assertEqual(arrived[5][0][1], b"not json")
        self.assertGreaterEqual(arrived[5][0][0] // 1000, int(before * 1000))
        self.assertEqual({item[1] for item in items}, {-2**63})

    def test_bad_frames_cost_their_own_connection_at_most(self):  # case 124, and what crashes the original
        brokers = self.brokers_of(self.start())
        good = self.producer(brokers)
        head = bytes([1]) + b"k" + bytes([1]) + b"t"
        for body in (head,  # no message
                     head + b"\0\0\0\x09short",  # a length past the body
                     head + b"\0\0\0\x01a" + b"\0",  # stray bytes
                     head + b"\0\0\0\x01a" + b"\0\0",
                     head + b"\0\0\0\x01a" + b"\0\0\0",
                     b"\xff", b"",
                     bytes([0, 0]) + b"\0\0\0\x01a",  # an empty topic
                     bytes([0, 4]) + b"$all" + b"\0\0\0\x01a"):
            with good.lock:
                stream = good.free.pop(0)
                good.outcome[stream] = None
                good.socket.sendall(polar.frame(stream, polar.PRODUCE, body))
            with self.assertRaises(RuntimeError):
                good.end(stream)
        good.produce("t", "k", [b"1"])  # the connection still works
        bad = self.plain_connection(brokers.binary_port)
        bad.sendall(polar.frame(1, polar.PRODUCE, head + b"\0\0\0\x01a"))
        answer = bad.recv(4096)
        self.assertIn(b"Invalid first message", answer)
        self.assertEqual(bad.recv(4096), b"")
        huge = self.plain_connection(brokers.binary_port)
        huge.sendall(polar.frame(0, polar.STARTUP))
        header = polar.struct.pack(">BBHBI", 1, 0, 2, polar.PRODUCE, 1 << 30)
        huge.sendall(header + polar.struct.pack(">I", polar.zlib.crc32(header)))
        answer = b""
        while some := huge.recv(4096):
            answer += some
        self.assertIn(b"too large", answer)
        good.produce("t", "k", [b"2"])

    def test_curl_in_both_versions_of_http(self):
        broker = self.start()
        brokers = self.brokers_of(broker)
        consumer = f"http://127.0.0.1:{brokers.consumer_port}/v1/consumer"
        produce = f"http://127.0.0.1:{brokers.producer_port}/v1/topic/t/messages"
        for number, version in enumerate(("--http1.1", "--http2-prior-knowledge", "--http2")):
            name = f"c{number}"
            register = f"{consumer}/register?consumerId={name}&group={name}&topic=t&onNewGroup=startFromEarliest"
            self.assertEqual(self.curl(version, "-X", "PUT", register), (200, "OK"))
            self.assertEqual(self.curl(version, f"http://127.0.0.1:{broker.discovery}/v1/brokers")[0], 200)
        self.assertEqual(self.curl("-d", '{"n":1}', "-H", "Content-Type: application/json", produce + "?partitionKey=a"), (200, "OK"))
        for number, version in enumerate(("--http1.1", "--http2-prior-knowledge", "--http2")):
            status, body = self.curl(version, "-X", "POST", "-H", "Accept: application/json", f"{consumer}/poll?consumerId=c{number}")
            self.assertEqual(status, 200)
            self.assertEqual(json.loads(body)[0]["values"], [{"n": 1}])
            self.assertEqual(self.curl(version, "-X", "POST", f"{consumer}/goodbye?consumerId=c{number}"), (200, "OK"))
        self.assertEqual(self.curl("-X", "POST", f"http://127.0.0.1:{brokers.consumer_port}//v1/consumer/poll?consumerId=c0")[0], 307)

    def test_lines_of_three_requests(self):  # case 16 and 21
        broker = self.start()
        brokers = self.brokers_of(broker)
        produce = f"http://127.0.0.1:{brokers.producer_port}/v1/topic/t/messages?partitionKey="
        for request in range(3):
            lines = [f'{{"n":{3 * request + i}}}' for i in range(3)]
            body = f"{lines[0]}\n\n{lines[1]}\n{lines[2]}"
            self.assertEqual(self.curl("--data-binary", body, "-H", "Content-Type: application/x-ndjson", produce + "k"), (200, "OK"))
        for key in ("a", "hui", "orders"):
            for n in range(4):
                self.assertEqual(self.curl("-d", f'{{"{key}":{n}}}', produce + key), (200, "OK"))
        consumer = f"http://127.0.0.1:{brokers.consumer_port}/v1/consumer"
        self.curl("-X", "PUT", f"{consumer}/register?consumerId=c&topic=t&onNewGroup=startFromEarliest")
        values = []
        while True:
            status, body = self.curl("-X", "POST", "-H", "Accept: application/json", f"{consumer}/poll?consumerId=c")
            if status == 204:
                break
            values += [value for chunk in json.loads(body) for value in chunk["values"]]
        self.assertEqual([v["n"] for v in values if "n" in v], list(range(9)))
        self.assertEqual(len(values), 9 + 12)
        for key in ("a", "hui", "orders"):
            self.assertEqual([v[key] for v in values if key in v], list(range(4)))

    def test_the_examples(self):
        broker = self.start()
        here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "barco")
        environment = {**os.environ, "DISCOVERY_PORT": str(broker.discovery), "ROUNDS": "2", "WAIT": "1"}

        def run(*words, **how):
            return subprocess.run(words, capture_output=True, text=True, timeout=60, env=environment, check=True, **how).stdout

        produced = run(os.path.join(here, "produce.sh"), "127.0.0.1", "orders", "k", input='{"n":1}\n{"n":2}\nplain\n')
        self.assertEqual(produced, "OK")
        consumed = run(os.path.join(here, "consume.sh"), "127.0.0.1", "orders").splitlines()
        self.assertEqual(consumed, ['{"n":1}', '{"n":2}', '"plain"'])
        said = run("/usr/bin/python3", os.path.join(here, "consume.py"), "--discovery-port", str(broker.discovery), "--polls", "2")
        *records, goodbye = said.splitlines()
        self.assertEqual([json.loads(one)["value"] for one in records], [{"n": 1}, {"n": 2}, "plain"])
        self.assertEqual(goodbye, "OK")

    def test_an_example_that_is_stopped_finishes_what_came(self):
        broker = self.start()
        records = [b'"%04d%s"' % (n, b"x" * 100) for n in range(3000)]
        self.producer(self.brokers_of(broker)).produce("orders", "k", records)
        here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples", "barco")
        words = ["/usr/bin/python3", os.path.join(here, "consume.py"), "--discovery-port", str(broker.discovery)]
        example = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        for end in (example.wait, example.stdout.close, example.kill):
            self.addCleanup(end)
        said = [example.stdout.readline()]
        example.terminate()  # it is in the middle of what its first poll brought: the pipe is full
        *more, goodbye = example.stdout.read().splitlines()
        self.assertEqual(goodbye, "OK")
        *rest, goodbye = subprocess.run(words + ["--polls", "3"], capture_output=True, text=True, timeout=60,
                                        check=True).stdout.splitlines()
        values = [json.dumps(json.loads(one)["value"]).encode() for one in said + more + rest]
        self.assertEqual(values, records, f"{len(said + more)} before it was stopped, {len(rest)} afterwards")

    def test_other_clients_of_http2(self):
        broker = self.start()
        status = f"http://127.0.0.1:{self.brokers_of(broker).consumer_port}/status"
        told = subprocess.run(["nghttp", "--stat", "--timeout=10", status], capture_output=True, text=True, timeout=30, check=True)
        self.assertIn("Consumer server listening on", told.stdout)
        upgraded = subprocess.run(["nghttp", "--upgrade", "--timeout=10", status], capture_output=True, text=True, timeout=30, check=True)
        self.assertIn("Consumer server listening on", upgraded.stdout)
        load = subprocess.run(["h2load", "--requests=2000", "--clients=4", "--max-concurrent-streams=20", status],
                              capture_output=True, text=True, timeout=60, check=True)
        self.assertIn("2000 succeeded, 0 failed, 0 errored", load.stdout)


if __name__ == "__main__":
    main(__doc__)
