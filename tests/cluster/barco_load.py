# Producers and consumers of the Barco dialect, on all nodes: one producer a key, counting up.
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "clients"))
import h2.exceptions  # noqa: E402
import polar_client as polar  # noqa: E402

TOPIC = "visits-by-key"
PAUSE_S = 0.03
FAILURES = (OSError, ConnectionError, TimeoutError, RuntimeError, ValueError, KeyError,
            h2.exceptions.ProtocolError, urllib.error.URLError)


@dataclass
class Delivered:
    key: str
    number: int
    partition: tuple  # token, range
    offset: int


@dataclass
class BarcoHistory:
    """Appended to by all client threads."""

    acknowledged: dict = field(default_factory=dict)  # key -> how many, from 0
    unknown: dict = field(default_factory=dict)  # (key, number) -> requests without an outcome
    delivered: list = field(default_factory=list)  # in order of arrival
    surprises: list = field(default_factory=list)


class KeyProducer(threading.Thread):
    """The next record only after the last one's 200. A record without an outcome is sent again, to any
    node, and may then be there twice."""

    def __init__(self, key, endpoints, history, phase, chance):
        super().__init__(name=f"producer-{key}", daemon=True)
        self.key, self.endpoints, self.history, self.phase = key, endpoints, history, phase
        self.random = chance
        history.acknowledged[key] = 0

    def run(self):
        number = 0
        while not self.phase.stop_publishing.is_set():
            if self.produce(number):
                number += 1
                self.history.acknowledged[self.key] = number
            self.phase.stop_publishing.wait(PAUSE_S)

    def produce(self, number):
        host, port = self.random.choice(self.endpoints)
        url = f"http://{host}:{port + 1}/v1/topic/{TOPIC}/messages?partitionKey={self.key}"
        asked = urllib.request.Request(url, f"{self.key}:{number}".encode())
        try:
            with urllib.request.urlopen(asked, timeout=6) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503, 507):
                self.history.surprises.append(f"produce answered {error.code} {error.read()[:200]!r}")
        except FAILURES as error:
            if isinstance(getattr(error, "reason", None), ConnectionRefusedError):
                return False  # nobody saw it
        known = self.history.unknown
        known[self.key, number] = known.get((self.key, number), 0) + 1
        return False


class KeyConsumer(threading.Thread):
    """Registers at each node that it reaches and polls them in turn, as the official client does; a
    poll commits what the last one brought. Now and then it dies, and comes back under its name."""

    def __init__(self, name, endpoints, history, phase, chance):
        super().__init__(name=f"barco-{name}", daemon=True)
        self.id, self.endpoints, self.history, self.phase = name, endpoints, history, phase
        self.random = chance
        self.connections = {}  # endpoint -> H2Connection
        self.empty_rounds = 0  # in a row, of all nodes

    def run(self):
        try:
            while not self.phase.over.is_set():
                empty = [self.visit(endpoint) for endpoint in self.endpoints]
                self.empty_rounds = self.empty_rounds + 1 if all(empty) else 0
                if self.random.random() < 0.005:
                    self.close()
                self.phase.over.wait(PAUSE_S)
        except Exception as error:  # a client that died silently would prove nothing
            self.history.surprises.append(f"{self.name} failed: {error!r}")
        self.close()

    def visit(self, endpoint):
        """Whether it answered that there is nothing."""
        try:
            if endpoint not in self.connections:
                self.connections[endpoint] = self.register(endpoint)
            status, _, body = self.connections[endpoint].request("POST", "/v1/consumer/poll")
            if status not in (200, 204):
                raise RuntimeError(f"poll answered {status} {body[:200]!r}")
            return not self.take(body)
        except FAILURES:
            if connection := self.connections.pop(endpoint, None):
                connection.close()
            return False

    def register(self, endpoint):
        host, port = endpoint
        connection = polar.H2Connection(host, port + 2)
        connection.socket.settimeout(6)
        body = polar.json.dumps({"id": self.id, "group": "g", "topics": [TOPIC], "onNewGroup": 1})
        status, _, text = connection.request("POST", "/v1/consumer/register",
                                             [("content-type", "application/json")], body.encode())
        if status != 200:
            connection.close()
            raise RuntimeError(f"register answered {status} {text[:200]!r}")
        return connection

    def take(self, body):
        """How many records came."""
        count = 0
        for _, token, part, _, start, records in polar.records_of(body) if len(body) >= 2 else ():
            for at, (_, record) in enumerate(records):
                key, number = record.decode().split(":")
                self.history.delivered.append(
                    Delivered(key, int(number), (token, part), start + at))
                count += 1
        return count

    def close(self):
        for connection in self.connections.values():
            connection.close()
        self.connections = {}


def missing(history):
    """Acknowledged records that were not delivered yet."""
    seen = {(d.key, d.number) for d in list(history.delivered)}
    return [(key, number) for key, count in history.acknowledged.items() for number in range(count)
            if (key, number) not in seen]


def wait_delivered(history, consumers, deadline_s, phase):
    """Until all that was acknowledged was delivered and nothing comes again; whether that was so before
    the deadline."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if not missing(history) and all(one.empty_rounds > 2 for one in consumers):
            return True
        phase.over.wait(0.1)  # between two looks at a condition with a deadline
    return False
