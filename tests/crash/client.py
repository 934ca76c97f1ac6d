# One HTTP/1.1 connection to a broker, and the few calls of its API that the crash tests make.
import base64
import http.client
import json
import socket
import time
from dataclasses import dataclass, field

GROUP_FEED = "application/vnd.eventstore.competingatom+json"
STREAM_FEED = "application/vnd.eventstore.atom+json"
EVENTS = "application/vnd.eventstore.events+json"
IDLE_S_MAX = 30.0  # brokers cut what is idle for longer, as while a test judges what it has seen


@dataclass
class Reply:
    """What came back. `status` 0: nothing did, so the outcome is unknown; `lingers`: the broker
    may still act on the request, because it was given up while the broker lived."""

    status: int
    sent: float
    ended: float
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    lingers: bool = False
    never_left: bool = False  # no connection: the broker never saw it

    def json(self):
        return json.loads(self.body)


def basic_authorization(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Client:
    """Belongs to one thread. Connects when needed, again after every failure."""

    authorization = basic_authorization("admin", "changeit")
    try_again = (0, 408, 429, 503)  # repeat it: not done, or nobody knows

    def __init__(self, port, timeout=15.0, host="127.0.0.1"):
        self.host, self.port = host, port
        self.timeout = timeout
        self.connection = None
        self.used = 0.0

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def request(self, method, path, body=None, headers=None, timeout=None):
        sent = time.monotonic()
        if sent - self.used > IDLE_S_MAX:
            self.close()
        try:
            if self.connection is None:
                self.connect()
        except OSError:
            self.close()
            return Reply(0, sent, time.monotonic(), never_left=True)
        try:
            self.connection.sock.settimeout(timeout or self.timeout)
            everything = {"Authorization": self.authorization, **(headers or {})}
            if body is not None or method in ("POST", "PUT"):
                everything["Content-Length"] = str(len(body or b""))
            self.connection.request(method, path, body=body, headers=everything)
            answer = self.connection.getresponse()
            content = answer.read()
            ended = self.used = time.monotonic()
            reply = Reply(answer.status, sent, ended, dict(answer.getheaders()), content)
            if answer.will_close:
                self.close()
            return reply
        except socket.timeout:
            self.close()
            return Reply(0, sent, time.monotonic(), lingers=True)
        except (OSError, http.client.HTTPException):
            self.close()
            return Reply(0, sent, time.monotonic())

    def connect(self):
        self.connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # --- streams

    def publish_one(self, stream, event, expected=None):
        headers = {"Content-Type": "application/json", "ES-EventId": event["eventId"],
                   "ES-EventType": event["eventType"]}
        if expected is not None:
            headers["ES-ExpectedVersion"] = str(expected)
        body = json.dumps(event["data"]).encode()
        return self.request("POST", f"/streams/{stream}", body, headers)

    def publish_batch(self, stream, events, expected=None):
        headers = {"Content-Type": EVENTS}
        if expected is not None:
            headers["ES-ExpectedVersion"] = str(expected)
        return self.request("POST", f"/streams/{stream}", json.dumps(events).encode(), headers)

    def read_forward(self, path, accept, page=400):
        """All entries of the feed at `path`, oldest first. Raises on anything but 200 and, for a
        stream that does not exist, 404."""
        out, start = [], 0
        while True:
            url = f"{path}/{start}/forward/{page}?embed=body"
            reply = self.request("GET", url, headers={"Accept": accept})
            if reply.status == 404 and not out:
                return []
            if reply.status != 200:
                raise RuntimeError(f"GET {url} answered {reply.status} {reply.body[:200]!r}")
            feed = reply.json()
            out.extend(reversed(feed["entries"]))
            on = [link["uri"] for link in feed.get("links", ()) if link["relation"] == "previous"]
            if not feed["entries"] and not on:
                return out
            # without entries the link leads to the first event that is still there
            start = int(on[0].rsplit("/", 3)[1]) if on else out[-1]["positionEventNumber"] + 1

    def read_stream(self, stream):
        return self.read_forward(f"/streams/{stream}", STREAM_FEED)

    # --- groups

    def create_group(self, stream, group, settings):
        return self.request("PUT", f"/subscriptions/{stream}/{group}",
                            json.dumps(settings).encode(), {"Content-Type": "application/json"})

    def fetch(self, stream, group, count, wait_s=0):
        headers = {"Accept": GROUP_FEED}
        if wait_s:
            headers["ES-LongPoll"] = str(wait_s)
        return self.request("GET", f"/subscriptions/{stream}/{group}/{count}?embed=body",
                            headers=headers, timeout=self.timeout + wait_s)

    def publish_later(self, stream, event, delay_ms):
        headers = {"Content-Type": "application/json", "ES-EventId": event["eventId"],
                   "ES-EventType": event["eventType"], "Delay": f"{delay_ms}ms"}
        return self.request("POST", f"/streams/{stream}", json.dumps(event["data"]).encode(), headers)

    def settle_batch(self, stream, group, body, key, wait_s=0):
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        return self.request("POST", f"/subscriptions/{stream}/{group}/settle", json.dumps(body).encode(),
                            headers, timeout=self.timeout + wait_s)

    def settle(self, stream, group, verb, ids, query=""):
        """`verb`: ack or nack; `query`: `action=...` or `delay=...`."""
        base = f"/subscriptions/{stream}/{group}/{verb}"
        if len(ids) == 1:
            return self.request("POST", f"{base}/{ids[0]}" + (f"?{query}" if query else ""))
        return self.request("POST", f"{base}?ids={','.join(ids)}" + (f"&{query}" if query else ""))

    def info(self, stream, group):
        reply = self.request("GET", f"/subscriptions/{stream}/{group}/info",
                             headers={"Accept": "application/json"})
        if reply.status != 200:
            raise RuntimeError(f"info of {stream}/{group} answered {reply.status}")
        return reply.json()

    def read_parked(self, stream, group):
        return self.read_forward(f"/subscriptions/viewparkedmessages/{stream}/{group}", GROUP_FEED)
