# A directory with something of everything that is ever stored, and the questions whose answers must stay what they are.
import json
import uuid
from dataclasses import dataclass, field

import polar_client as polar
from client import EVENTS, GROUP_FEED, STREAM_FEED

JSON = {"Content-Type": "application/json"}
HOUR_MS = 3_600_000
STREAMS = {"small": 400, "large": 12, "cut": 60}  # how many events
TOPIC = "topic"
AFTER_PUBLISH = f"/streams/small/{STREAMS['small']}?embed=body"


def name_of(stream, number):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{stream}/{number}"))


def event_of(stream, number):
    size = 30_000 if stream == "large" else 40 + 7 * (number % 90)
    return {"eventId": name_of(stream, number), "eventType": "t", "data": {"number": number, "text": f"{number:05}" * (size // 5)}}


class Builder:
    def __init__(self, client):
        self.client = client

    def ask(self, wanted, method, path, body=None, headers=None):
        reply = self.client.request(method, path, None if body is None else json.dumps(body).encode(), {**JSON, **(headers or {})})
        if reply.status != wanted:
            raise RuntimeError(f"{method} {path} answered {reply.status} {reply.body[:300]!r}, not {wanted}")
        return reply

    def build(self, barco_port):
        ask = self.ask
        for login in ("anna", "paul"):
            ask(201, "POST", "/users/", {"loginName": login, "fullName": login, "password": "secret-1", "groups": ["staff"]})
        ask(201, "POST", "/streams/cut/metadata", [{"eventId": name_of("meta", 1), "eventType": "$user-updated",
                                                    "data": {"$maxCount": 20}}], {"Content-Type": EVENTS})
        for stream, count in STREAMS.items():
            step = 4 if stream == "large" else 50
            for first in range(0, count, step):
                events = [event_of(stream, number) for number in range(first, min(first + step, count))]
                ask(201, "POST", f"/streams/{stream}", events, {"Content-Type": EVENTS})
        for i in range(120):  # many streams: their rows need a tree of their own
            ask(201, "POST", f"/streams/many-{i:03}", event_of(f"many-{i:03}", 0)["data"],
                {"ES-EventType": "t", "ES-EventId": name_of(f"many-{i:03}", 0)})
        self.build_groups()
        self.build_delayed()
        self.build_topic(barco_port)

    def build_groups(self):
        settings = {"messageTimeoutMilliseconds": HOUR_MS, "startFrom": 0, "maxRetryCount": 5}
        for stream, group in (("small", "a"), ("small", "b"), ("large", "a")):
            self.ask(201, "PUT", f"/subscriptions/{stream}/{group}", settings)
        for i in range(60):
            self.ask(201, "PUT", f"/subscriptions/many-{i:03}/g", settings)
        for round_ in range(4):
            events = self.fetch("small", "a", 20)
            verbs = {"ack": [], "nack": []}
            for i, event in enumerate(events):
                item = {"id": event["id"]}
                if i % 5 == 1:
                    verbs["nack"].append({**item, "action": "retry", "delay": f"{HOUR_MS}ms"})
                elif i % 5 == 2:
                    verbs["nack"].append({**item, "action": "park", "reason": "set aside"})
                elif i % 5 != 3:  # that one stays leased
                    verbs["ack"].append(item)
            self.ask(200, "POST", "/subscriptions/small/a/settle", verbs, {"Idempotency-Key": f"key-{round_}"})
        self.fetch("large", "a", 3)

    def fetch(self, stream, group, count):
        return self.ask(200, "POST", f"/subscriptions/{stream}/{group}/settle", {"next": {"count": count}}).json()["events"]

    def build_delayed(self):
        for i in range(40):
            text = "x" * (9000 if i % 8 == 0 else 20)
            self.ask(202, "POST", "/streams/later", {"i": i, "text": text},
                     {"ES-EventType": "t", "ES-EventId": name_of("later", i), "Deliver-At": f"2090-01-01T00:00:{i:02}Z"})

    @staticmethod
    def build_topic(barco_port):
        brokers = polar.Brokers("127.0.0.1", barco_port)
        producer = polar.BinaryProducer("127.0.0.1", brokers.binary_port)
        for i in range(60):
            producer.produce(TOPIC, f"key{i % 7}", [f"{i}:{n}".encode() for n in range(4)])
        producer.close()
        consumer = polar.Consumer(brokers, "c1", "g1", [TOPIC], policy=1)
        consumer.poll()
        consumer.commit()
        consumer.close()


def last_words(client):
    """The last thing on disk: its frame of the log may be taken for a torn end."""
    reply = client.publish_one("last", {"eventId": name_of("last", 0), "eventType": "t", "data": {"last": True}})
    if reply.status != 201:
        raise RuntimeError(f"the last publish answered {reply.status}")


@dataclass
class Question:
    name: str
    method: str
    path: str
    headers: dict = field(default_factory=dict)
    body: bytes = b""


def questions():
    """Those that change something come last, and change the same from the same state."""
    out = []

    def get(path, accept="application/json"):
        out.append(Question(path, "GET", path, {"Accept": accept}))

    for stream, count in {**STREAMS, "topic": 60, "topic@0": 60, "topic@1": 60, "topic@2": 60, "topic@3": 60, "many-000": 1, "many-077": 1,
                          "$$cut": 1, "$persistentsubscription-small::a-parked": 40, "last": 1}.items():
        for first in range(0, count, 100):
            get(f"/streams/{stream}/{first}/forward/100?embed=body", STREAM_FEED)
    get("/streams/$all/00000000000000000000000000000000/forward/4000?embed=rich", STREAM_FEED)
    get("/streams?limit=1000&system=true")
    get("/users/")
    get("/subscriptions")
    for stream, group in (("small", "a"), ("small", "b"), ("large", "a"), ("many-000", "g"), ("many-059", "g")):
        get(f"/subscriptions/{stream}/{group}/info")
        get(f"/subscriptions/{stream}/{group}/in-flight")
    get("/subscriptions/viewparkedmessages/small/a/0/forward/100?embed=body", GROUP_FEED)
    for number in (0, 1, 2, 3, 24, 55):
        get(f"/subscriptions/small/a/messages/{name_of('small', number)}/explain")
    get("/delayed?limit=1000&kind=publish,retry,lease-end")  # when a session ends depends on when it was started
    get(f"/delayed/p0-{name_of('later', 0)}")
    for key in range(4):  # the answer that was given before, or that the key is known with another body
        out.append(Question(f"settle again {key}", "POST", "/subscriptions/small/a/settle", {**JSON, "Idempotency-Key": f"key-{key}"},
                            b'{"ack":[]}'))
    for stream in ("small", "large", "many-077"):
        event = event_of(stream, 0)
        out.append(Question(f"publish again {stream}", "POST", f"/streams/{stream}",
                            {**JSON, "ES-EventType": "t", "ES-EventId": event["eventId"]}, json.dumps(event["data"]).encode()))
    for stream, group in (("small", "a"), ("small", "b"), ("large", "a"), ("many-059", "g")):
        out.append(Question(f"fetch {stream}/{group}", "POST", f"/subscriptions/{stream}/{group}/settle", JSON, b'{"next":{"count":100}}'))
    out.append(Question("publish", "POST", "/streams/small", {**JSON, "ES-EventType": "t", "ES-EventId": name_of("new", 0)}, b'{"new":1}'))
    get(AFTER_PUBLISH, STREAM_FEED)
    return out


@dataclass
class Answer:
    status: int
    content: object  # JSON, or text; of a failure: its text
    location: str = ""


def ask_all(client, which):
    """Answers by question, until one does not come (status 0)."""
    out = {}
    for question in which:
        reply = client.request(question.method, question.path, question.body or None, question.headers)
        try:
            content = reply.json()
        except ValueError:
            content = reply.body.decode(errors="replace")
        out[question.name] = Answer(reply.status, content, reply.headers.get("Location", ""))
        if reply.status == 0:
            break
    return out


def poll_topic(barco_port):
    """Records that a new registration of the consumer is handed, sorted; or the failure's text."""
    try:
        brokers = polar.Brokers("127.0.0.1", barco_port)
        consumer = polar.Consumer(brokers, "c1", "g1", [TOPIC], policy=1)
        try:
            got = consumer.poll() + consumer.poll()
        finally:
            consumer.close()
    except (OSError, RuntimeError, ValueError, KeyError, polar.h2.exceptions.ProtocolError) as error:
        return Answer(500, f"{type(error).__name__}: {error}")
    return Answer(200, sorted([topic, part, start + i, record.decode(errors="replace")] for topic, _, part, _, start, records in got
                              for i, (_, record) in enumerate(records)))
