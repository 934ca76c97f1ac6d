# Clients that misbehave, each in its own way until it is stopped. All of them count what became of their connections.
import itertools
import selectors
import socket
import struct
import time
from collections import Counter

import h2.config
import h2.connection
import h2.errors
from pack import Client

HEAD = b"POST /streams/hostile HTTP/1.1\r\nHost: localhost\r\nES-EventType: t\r\n"
EVENT = b"Content-Type: application/json\r\n"
BATCH = b"Content-Type: application/vnd.eventstore.events+json\r\n"
BATCH_XML = b"Content-Type: application/vnd.eventstore.events+xml\r\n"


class Crowd:
    """Many connections at once, spread over source addresses, none of which waits for another."""

    def __init__(self, port, receive_buffer=None):
        self.port, self.receive_buffer = port, receive_buffer
        self.selector = selectors.DefaultSelector()
        self.open = {}  # socket -> bytes that were sent
        self.seen = Counter()

    def join(self, first=b""):
        one = socket.socket()
        if self.receive_buffer:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        one.bind((f"127.0.0.{2 + self.seen['connected'] // 4000}", 0))
        one.settimeout(10)
        try:
            one.connect(("127.0.0.1", self.port))
            one.sendall(first)
        except OSError:
            self.seen["not let in"] += 1
            one.close()
            return
        one.setblocking(False)
        self.seen["connected"] += 1
        self.open[one] = len(first)
        self.selector.register(one, selectors.EVENT_READ)

    def say(self, one, text):
        try:
            self.open[one] += one.send(text)
        except BlockingIOError:
            pass
        except OSError:
            self.leave(one, "cut off")

    def hear(self):
        """Whoever was answered or cut off leaves."""
        for key, _ in self.selector.select(0):
            try:
                answer = key.fileobj.recv(65536)
            except OSError:
                answer = b""
            self.leave(key.fileobj, answer[9:12].decode() if answer.startswith(b"HTTP/1.") else "cut off")

    def leave(self, one, how):
        self.seen[how] += 1
        self.selector.unregister(one)
        del self.open[one]
        one.close()

    def end(self):
        for one in list(self.open):
            self.leave(one, "held to the end")
        return self.seen


def byte_by_byte(port, stop, count, text):
    """`count` connections at a time; each sends a byte a second."""
    crowd = Crowd(port)
    while not stop.is_set():
        began = time.monotonic()
        for _ in range(min(100, count - len(crowd.open))):
            crowd.join(text[:30])
        for one in list(crowd.open):
            crowd.say(one, text[crowd.open[one] % len(text)].to_bytes(1, "big"))
        crowd.hear()
        stop.wait(max(0.0, (1.0 if len(crowd.open) >= count else 0.05) - (time.monotonic() - began)))  # that is its pace
    return crowd.end()


def slow_headers(ports, stop, scale):
    return byte_by_byte(ports["http"], stop, int(1000 * scale), HEAD + b"X-Filler: " + b"x" * 1000)


def slow_bodies(ports, stop, scale):
    return byte_by_byte(ports["http"], stop, int(1000 * scale), HEAD + EVENT + b"Content-Length: 1000000\r\n\r\n" + b"1" * 1000)


def half_open(ports, stop, scale):
    """Half a request, then silence, an end of sending, or a reset."""
    crowd = Crowd(ports["http"])
    for turn in itertools.count():
        if stop.is_set():
            return crowd.end()
        if len(crowd.open) < 1000 * scale:
            crowd.join(HEAD)
        for one in list(crowd.open)[:5] if turn % 2 else ():
            if turn % 4 == 1:
                one.shutdown(socket.SHUT_WR)
                crowd.seen["stopped sending"] += 1
            else:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                crowd.leave(one, "reset")
        crowd.hear()
        stop.wait(0.002)  # that is its pace
    return None


def one_after_the_other(port, stop, requests):
    seen = Counter()
    for text in itertools.cycle(requests):
        if stop.is_set():
            return seen
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as one:
                try:
                    one.sendall(text)
                except OSError:
                    seen["cut off while sending"] += 1
                answer = one.recv(65536)
                seen[answer[9:12].decode() or "cut off"] += 1
        except OSError:
            seen["cut off"] += 1
    return seen


def bodies(ports, stop, _):
    """Huge and deep ones."""
    deep = [b"[" * 100_000, b'[{"eventId":"00000000-0000-4000-8000-000000000001","eventType":"t","data":' + b'{"a":' * 50_000,
            b'[{"eventId":"00000000-0000-4000-8000-000000000002","eventType":"t","data":' + b"[" * 2000 + b"]" * 2000 + b"}]"]
    deep_xml = [b"<events>" + b"<a>" * 100_000, b"<!DOCTYPE a [<!ENTITY a 'aaaa'>]><a>&a;</a>",
                b"<events><event><EventId>00000000-0000-4000-8000-000000000003</EventId><EventType>t</EventType><Data>" + b"<a>" * 300
                + b"</a>" * 300 + b"</Data></event></events>"]
    requests = [HEAD + BATCH + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in deep]
    requests += [HEAD + BATCH_XML + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in deep_xml]
    requests += [HEAD + EVENT + b"Content-Length: 16000000\r\n\r\n" + b"1" * 16_000_000,
                 HEAD + EVENT + b"Content-Length: 99999999999\r\n\r\n" + b"1" * 1_000_000,
                 HEAD + EVENT + b"Transfer-Encoding: chunked\r\n\r\n" + (b"100000\r\n" + b"1" * 0x100000 + b"\r\n") * 20]
    # Each would take many times its length, once it is read.
    many = [b"[" + (one + b",") * (15_000_000 // (len(one) + 1)) + one + b"]" for one in (b"{}", b"1", b"[]")]
    requests += [HEAD + BATCH + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in many]
    return one_after_the_other(ports["http"], stop, requests)


def headers(ports, stop, _):
    many = b"".join(b"X-%d: y\r\n" % i for i in range(20_000))
    return one_after_the_other(ports["http"], stop, [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + many + b"\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"GET /" + b"z" * 1_000_000 + b" HTTP/1.1\r\n\r\n", b"\r\n" * 100_000, b"\x16\x03\x01" + b"\xff" * 1000])


def rapid_reset(ports, stop, _):
    """HTTP/2 requests that are taken back at once, as many as are let in, then on another connection."""
    seen = Counter()
    while not stop.is_set():
        protocol = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        protocol.initiate_connection()
        try:
            with socket.create_connection(("127.0.0.1", ports["consumer"]), timeout=5) as one:
                while not stop.is_set():
                    for _ in range(50):
                        stream = protocol.get_next_available_stream_id()
                        protocol.send_headers(stream, [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"),
                                                       (":path", "/v1/consumer/poll")])
                        protocol.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
                        seen["reset"] += 1
                    one.sendall(protocol.data_to_send())
        except (OSError, h2.exceptions.ProtocolError):
            seen["cut off"] += 1
    return seen


def idle(ports, stop, scale):
    """Connections that say nothing, or nothing more."""
    crowd = Crowd(ports["http"])
    while not stop.is_set():
        for _ in range(200):
            if len(crowd.open) < 10_000 * scale and crowd.seen["not let in"] < 200:
                crowd.join(b"" if crowd.seen["connected"] % 2 else b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for key, _ in crowd.selector.select(0):
            try:
                if not key.fileobj.recv(65536):
                    crowd.leave(key.fileobj, "cut off")
            except OSError:
                crowd.leave(key.fileobj, "cut off")
        stop.wait(0.02)  # that is its pace
    return crowd.end()


def churn(ports, stop, _):
    """Connect, ask, go away: some 2,000 a second."""
    seen, began = Counter(), time.monotonic()
    while not stop.is_set():
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no port stays behind
            one.settimeout(5)
            try:
                one.connect(("127.0.0.1", ports["http"]))
                one.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                seen[one.recv(4096)[9:12].decode() or "cut off"] += 1
            except OSError:
                seen["cut off"] += 1
        ahead = sum(seen.values()) / 2000 - (time.monotonic() - began)
        if ahead > 0:
            stop.wait(ahead)  # that is its pace
    return seen


def never_reading(ports, stop, scale):
    """Large pages, and events that are pushed, to clients that do not read."""
    client = Client(ports["http"])
    for i in range(16):
        client.publish_one("large", {"eventId": f"00000000-0000-4000-9000-{i:012}", "eventType": "t", "data": {"a": "x" * 1_000_000}})
    client.create_group("large", "pushed", {"startFrom": 0})
    login = b"Authorization: " + client.authorization.encode() + b"\r\n\r\n"
    page = b"GET /streams/large/0/forward/20?embed=body HTTP/1.1\r\nHost: localhost\r\nAccept: application/vnd.eventstore.atom+json\r\n"
    pushed = b"GET /subscriptions/large/pushed/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
    crowd = Crowd(ports["http"], receive_buffer=4096)
    while not stop.is_set():
        if len(crowd.open) < 400 * scale:
            crowd.join((pushed if len(crowd.open) % 4 == 0 else page) + login)
        stop.wait(0.01)  # that is its pace
    return crowd.end()


KINDS = {
    "slow headers": slow_headers, "slow bodies": slow_bodies, "half-open connections": half_open, "huge and deep bodies": bodies,
    "header floods": headers, "HTTP/2 rapid reset": rapid_reset, "10,000 idle connections": idle, "connection churn": churn,
    "consumers that never read": never_reading,
}
