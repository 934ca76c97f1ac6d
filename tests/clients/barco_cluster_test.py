# The official client's ways against three nodes: whoever leads, and when the leader dies.
"""barco_cluster_test.py --binary callboard; SEED in the environment"""
import http.client
import json
import os
import random
import sys
import threading
import time
import urllib.error
import urllib.request

import polar_client as polar
from barco_case import ProcessCase, main

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "cluster"))
import barco_checks  # noqa: E402
from barco_load import FAILURES, BarcoHistory, Delivered, missing  # noqa: E402
from nodes import IDS, Cluster, host_of  # noqa: E402

SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(10**6)))
KEYS = ["a", "hui", "k", "key-1", "orders", "user:42"]
HOSTS = [host_of(i) for i in IDS]
PAUSE_S = 0.02


class RingProducer(threading.Thread):
    """One record at a time: to the node of the key's token, or to each in turn without a key; after a
    failure to the next one. What has no outcome is sent again and may then be there twice."""

    def __init__(self, key, keyed, ports, history):
        super().__init__(daemon=True)
        self.key, self.keyed, self.ports, self.history = key, keyed, ports, history
        self.connections = {}
        self.stopping = threading.Event()
        self.first = polar.place_in_ring(key, len(HOSTS))[0]
        history.acknowledged[key] = 0

    def run(self):
        number = 0
        while not self.stopping.is_set():
            if not self.keyed:
                self.first += 1
            for attempt in range(len(HOSTS)):
                if self.produce((self.first + attempt) % len(HOSTS), number):
                    number += 1
                    self.history.acknowledged[self.key] = number
                    break
            self.stopping.wait(PAUSE_S)
        for connection in self.connections.values():
            connection.close()

    def produce(self, index, number):
        try:
            if index not in self.connections:
                self.connections[index] = polar.BinaryProducer(HOSTS[index], self.ports.binary_port)
        except FAILURES:
            return False
        try:
            record = f"{self.key}:{number}".encode()
            self.connections[index].produce("t", self.key if self.keyed else "", [record])
            return True
        except FAILURES as error:
            unknown = self.history.unknown
            unknown[self.key, number] = unknown.get((self.key, number), 0) + 1
            if not isinstance(error, RuntimeError):  # an error frame leaves the connection as it is
                self.connections.pop(index).close()
            return False


class BrokerPolls(threading.Thread):
    """What a consumer does with one broker: its connection registers when it is new, and then polls."""

    def __init__(self, of, host):
        super().__init__(daemon=True)
        self.of, self.host = of, host
        self.connection = None
        self.registrations = 0
        self.served = 0  # polls that brought something
        self.empty = 0  # in a row

    def run(self):
        while not self.of.stopping.is_set():
            try:
                if not self.connection:
                    self.connect()
                self.poll()
            except FAILURES:
                self.close()
            self.of.stopping.wait(PAUSE_S)
        self.close()

    def connect(self):
        connection = polar.H2Connection(self.host, self.of.ports.consumer_port)
        connection.socket.settimeout(6)
        self.connection = connection
        status, _, body = connection.request("POST", "/v1/consumer/register",
                                             [("content-type", "application/json")], self.of.info)
        if status != 200:
            raise RuntimeError(f"register answered {status} {body}")
        self.registrations += 1

    def poll(self):
        status, _, body = self.connection.request("POST", "/v1/consumer/poll")
        if status not in (200, 204):
            self.of.refused.append((self.host, status, body))
            raise RuntimeError(f"poll answered {status} {body}")
        self.empty = self.empty + 1 if status == 204 else 0
        if status == 200:
            self.served += 1
            self.of.take(body)

    def close(self):
        connection, self.connection = self.connection, None
        if connection:
            connection.close()


class ParallelConsumer:
    """Registers at every broker and polls all of them at once; it never says goodbye."""

    def __init__(self, name, ports, history):
        self.ports, self.history = ports, history
        self.info = json.dumps({"id": name, "group": "g", "topics": ["t"], "onNewGroup": 1}).encode()
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.refused = []
        self.brokers = [BrokerPolls(self, host) for host in HOSTS]
        for one in self.brokers:
            one.start()

    def take(self, body):
        with self.lock:
            for topic, token, part, version, start, records in polar.records_of(body):
                assert (topic, version) == ("t", 1), (topic, version)
                for at, (_, record) in enumerate(records):
                    key, _, number = record.decode().rpartition(":")
                    self.history.delivered.append(Delivered(key, int(number), (token, part), start + at))

    def stop(self):
        self.stopping.set()
        for one in self.brokers:
            one.join(10)


class BarcoClusterTest(ProcessCase):
    def setUp(self):
        super().setUp()
        self.cluster = Cluster(self.binary, self.folder, random.Random(SEED), barco=True)
        self.nodes = self.cluster.nodes
        self.port = self.nodes[1].barco_port
        self.cluster.start()

    def tearDown(self):
        self.cluster.close()
        super().tearDown()

    def call(self, method, node, listener, path, body=None, **headers):
        """Status and body; listeners by their distance from discovery's port."""
        url = f"http://{host_of(node)}:{self.port + listener}{path}"
        asked = urllib.request.Request(url, body, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=6) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait(self, condition, text, deadline_s=20):
        return self.cluster.wait(condition, deadline_s, text, *self.nodes.values())

    def test_any_node_answers(self):  # cases 9, 21, 22, 37, 101, 107
        told = {json.dumps(polar.Brokers(host, self.port).told) for host in HOSTS}
        self.assertEqual(len(told), 1, told)
        self.assertEqual(json.loads(told.pop()),
                         {"length": 3, "names": HOSTS, "producerPort": self.port + 1,
                          "producerBinaryPort": self.port + 4, "consumerPort": self.port + 2})
        leader = self.cluster.wait_leader()
        other, third = (i for i in IDS if i != leader)
        self.wait(lambda: all(self.call("GET", i, 0, "/status")[0] == 200 for i in IDS), "all nodes say so")

        # A consumer by id, as the examples: it registers at one node, and polls all.
        def by_id(node, what, method="POST"):
            return self.call(method, node, 2, f"/v1/consumer/{what}", b"", Accept="application/json")

        who = "consumerId=c1"
        self.assertEqual(by_id(other, f"register?{who}&topic=t&onNewGroup=startFromEarliest", "PUT"), (200, "OK"))
        self.assertEqual(by_id(third, f"register?{who}&topic=t", "PUT"), (200, "Already registered"))
        for key in KEYS:
            for node in IDS:
                done = self.call("POST", node, 1, f"/v1/topic/t/messages?partitionKey={key}", f'"{key}"'.encode())
                self.assertEqual(done, (200, "OK"))
        self.assertEqual([by_id(node, f"poll?{who}") for node in (other, third)], [(204, "")] * 2)
        chunks = json.loads(by_id(leader, f"poll?{who}")[1])
        for chunk in chunks:
            place = (int(chunk["token"]), chunk["rangeIndex"])
            for key in chunk["values"]:
                index, part = polar.place_in_ring(key, 3)
                self.assertEqual(place, (polar.token(3, index), part), key)
        self.assertEqual(sorted(key for chunk in chunks for key in chunk["values"]), sorted(3 * KEYS))
        self.assertEqual(by_id(third, f"commit?{who}"), (204, ""))
        self.assertEqual(by_id(other, f"register?{who}&topic=t", "PUT"), (200, "Already registered"))
        self.assertEqual(by_id(leader, f"poll?{who}"), (204, ""))  # all is committed
        self.assertEqual(by_id(other, f"goodbye?{who}"), (200, "OK"))
        self.assertEqual(by_id(leader, f"poll?{who}"), (409, "Consumer not registered"))

        # Bound to connections of HTTP/1.1 that were there before their node led.
        bound = {node: http.client.HTTPConnection(host_of(node), self.port + 2, timeout=10) for node in (other, third)}

        def ask(node, what, body=None):
            bound[node].request("POST", f"/v1/consumer/{what}", body, {"Accept": "application/json"})
            answer = bound[node].getresponse()
            return answer.status, answer.read().decode()

        info = json.dumps({"id": "c2", "group": "h", "topics": ["t"], "onNewGroup": 1})
        for node in bound:
            self.assertEqual(ask(node, "register", info), (200, "OK"))
            self.assertEqual([ask(node, what) for what in ("poll", "commit", "poll")], [(204, "")] * 3)
        self.nodes[leader].kill()
        got = []

        def all_came():
            polls = {node: ask(node, "poll") for node in bound}  # one of them comes to lead
            self.assertLessEqual({status for status, _ in polls.values()}, {200, 204}, polls)
            got.extend(key for _, text in polls.values() if text for chunk in json.loads(text) for key in chunk["values"])
            return len(got) >= 3 * len(KEYS)

        self.wait(all_came, "what was there is delivered")
        self.assertEqual(sorted(got), sorted(3 * KEYS))
        for one in bound.values():
            one.close()

        # Without a majority: every node is still named, and says that it cannot serve.
        self.nodes[other].kill()
        for again in (False, True):
            if again:  # it has heard of nobody yet
                self.nodes[third].kill()
                self.nodes[third].start()
            self.wait(lambda: self.call("GET", third, 0, "/status")[0] == 503, "nobody leads")
            begin = time.monotonic()  # its clients wait for two seconds at most
            self.assertEqual([self.call(*what)[0] for what in (
                ("GET", third, 1, "/status"), ("GET", third, 2, "/status"), ("GET", third, 2, "/status?consumerId=c1"),
                ("OPTIONS", third, 2, "/v1/consumer/poll"), ("POST", third, 1, "/nope", b""),
                ("POST", third, 1, "/v1/topic/t/messages?timestamp=x", b"1"))], [200, 200, 200, 200, 404, 400])
            self.assertLess(time.monotonic() - begin, 2)
            self.assertEqual(polar.Brokers(host_of(third), self.port).told["names"], HOSTS)

    def test_the_leader_dies(self):  # cases 10 to 13, 104 to 107, 127
        ports = polar.Brokers(HOSTS[0], self.port)
        history, loose = BarcoHistory(), BarcoHistory()
        producers = [RingProducer(key, True, ports, history) for key in KEYS]
        producers += [RingProducer(f"loose-{i}", False, ports, loose) for i in range(2)]
        consumers = [ParallelConsumer(name, ports, history) for name in ("c1", "c2")]
        for one in producers:
            one.start()
        begin, leaders = time.monotonic(), []

        def all_go_on():
            """Each producer gets something through, and it is delivered."""
            before = {**history.acknowledged, **loose.acknowledged}
            self.wait(lambda: all({**history.acknowledged, **loose.acknowledged}[key] > count + 10
                                  for key, count in before.items()), "every producer goes on")
            wanted = {(key, count + 10) for key, count in before.items()}
            self.wait(lambda: wanted <= {(d.key, d.number) for d in list(history.delivered)}, "it is delivered")

        try:
            all_go_on()
            for end in ("kill", "terminate", "kill"):
                leader = self.cluster.wait_leader()
                leaders.append(leader)
                getattr(self.nodes[leader], end)()
                all_go_on()
                self.nodes[leader].start()
                self.cluster.wait_caught_up()
            all_go_on()
            for one in producers:
                one.stopping.set()
            for one in producers:
                one.join(10)
            acknowledged = {**history.acknowledged, **loose.acknowledged}
            self.wait(lambda: not missing(BarcoHistory(acknowledged, {}, history.delivered)), "all is delivered")
            self.wait(lambda: all(one.empty > 2 for consumer in consumers for one in consumer.brokers),
                      "nothing comes again")
        finally:
            for one in consumers:
                one.stop()
        history.delivered, delivered = [], history.delivered
        for one in delivered:
            (history if one.key in KEYS else loose).delivered.append(one)
        for verdict in barco_checks.check_barco(history):
            self.assertEqual(verdict.broken, [], f"seed {SEED}: {verdict.promise}")
        for key in KEYS:
            index, part = polar.place_in_ring(key, 3)
            self.assertEqual({d.partition for d in history.delivered if d.key == key}, {(polar.token(3, index), part)})
        self.assertEqual(len({d.partition for d in loose.delivered}), 12)  # they take turns
        # A connection that survived was served on, without another registration.
        alive = [one for consumer in consumers for one in consumer.brokers
                 if one.host not in {host_of(i) for i in leaders}]
        self.assertTrue(all(one.registrations == 1 for one in alive), [one.registrations for one in alive])
        refused = [one for consumer in consumers for one in consumer.refused]
        print(f"seed {SEED}: {len(delivered)} deliveries of {sum(acknowledged.values())} records, "
              f"leaders {leaders}, {len(refused)} polls refused, {time.monotonic() - begin:.1f} s", flush=True)


if __name__ == "__main__":
    main(__doc__)
