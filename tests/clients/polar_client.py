# What the official Go client of PolarStreams does on the wire (barco-http.md 2.6, 6.1, 6.3), call by call.
"""Discovery over HTTP/1.1, a pipelined binary producer, and a consumer bound to HTTP/2 connections by prior knowledge."""
import json
import os
import socket
import struct
import threading
import urllib.request
import zlib

import h2.config
import h2.connection
import h2.events
import zstandard

STARTUP, READY, ERROR, PRODUCE, PRODUCED, HEARTBEAT = 1, 2, 3, 4, 5, 6
MASK = 2**64 - 1


def murmur3(key: bytes) -> int:
    """The first 64 bits of MurmurHash3 x64/128 in Cassandra's variant, signed."""
    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F

    def rotl(x, n):
        return ((x << n) | (x >> (64 - n))) & MASK

    def mix(k):
        k ^= k >> 33
        k = k * 0xFF51AFD7ED558CCD & MASK
        k ^= k >> 33
        k = k * 0xC4CEB9FE1A85EC53 & MASK
        return k ^ (k >> 33)

    h1 = h2_ = 0
    blocks = len(key) // 16
    for i in range(blocks):
        k1, k2 = struct.unpack_from("<QQ", key, 16 * i)
        h1 ^= rotl(k1 * c1 & MASK, 31) * c2 & MASK
        h1 = ((rotl(h1, 27) + h2_) * 5 + 0x52DCE729) & MASK
        h2_ ^= rotl(k2 * c2 & MASK, 33) * c1 & MASK
        h2_ = ((rotl(h2_, 31) + h1) * 5 + 0x38495AB5) & MASK
    tail, k1, k2 = key[16 * blocks:], 0, 0
    for i, byte in enumerate(tail):
        extended = (byte - 256 if byte > 127 else byte) & MASK
        if i < 8:
            k1 ^= extended << (8 * i) & MASK
        else:
            k2 ^= extended << (8 * (i - 8)) & MASK
    if len(tail) > 8:
        h2_ ^= rotl(k2 * c2 & MASK, 33) * c1 & MASK
    if tail:
        h1 ^= rotl(k1 * c1 & MASK, 31) * c2 & MASK
    h1, h2_ = h1 ^ len(key), h2_ ^ len(key)
    h1 = (h1 + h2_) & MASK
    h2_ = (h2_ + h1) & MASK
    out = (mix(h1) + mix(h2_)) & MASK
    return out - 2**64 if out >= 2**63 else out


class Brokers:
    """`GET /v1/brokers`; of a single broker with one name the discovery host is used."""

    def __init__(self, host, port):
        with urllib.request.urlopen(f"http://{host}:{port}/v1/brokers", timeout=2) as answer:
            told = json.load(answer)
        self.told = told
        if told["length"] == 1 and len(told["names"]) == 1:
            self.hosts = [host]
        else:
            self.hosts = told["names"]
        self.producer_port = told["producerPort"]
        self.binary_port = told["producerBinaryPort"]
        self.consumer_port = told["consumerPort"]
        if not self.binary_port:
            raise ValueError("a broker without a binary port is too old")


def frame(stream, opcode, body=b"", flags=0):
    header = struct.pack(">BBHBI", 1, flags, stream, opcode, len(body))
    return header + struct.pack(">I", zlib.crc32(header)) + body


def produce_body(topic, key, records, timestamp=None):
    body = b"" if timestamp is None else struct.pack(">q", timestamp)
    body += bytes([len(key)]) + key + bytes([len(topic)]) + topic
    return body + b"".join(struct.pack(">I", len(one)) + one for one in records)


class BinaryProducer:
    """One connection; any number of frames in flight, streams 1 to 1023."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lock = threading.Condition()
        self.free = list(range(1, 1024))
        self.outcome = {}  # by stream: None while in flight, then (opcode, body)
        self.broken = None
        self.socket.sendall(frame(0, STARTUP))
        opcode, stream, body = self._receive()
        if (opcode, stream, body) != (READY, 0, b""):
            raise ConnectionError(f"no ready but {opcode} {body}")
        self.socket.settimeout(None)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _exactly(self, size):
        out = b""
        while len(out) < size:
            some = self.socket.recv(size - len(out))
            if not some:
                raise ConnectionError("closed")
            out += some
        return out

    def _receive(self):
        _, _, stream, opcode, length, _ = struct.unpack(">BBHBII", self._exactly(13))
        if length > 512:
            raise ConnectionError("a body longer than the client's buffer")
        return opcode, stream, self._exactly(length)

    def _read(self):
        try:
            while True:
                opcode, stream, body = self._receive()
                if opcode == ERROR and not body:
                    raise ConnectionError("an error without a code")
                with self.lock:
                    if stream not in self.outcome or self.outcome[stream] is not None:
                        raise ConnectionError(f"stream {stream} is not in flight")
                    self.outcome[stream] = (opcode, body)
                    self.lock.notify_all()
        except (OSError, ConnectionError) as why:
            with self.lock:
                self.broken = why
                self.lock.notify_all()

    def begin(self, topic, key, records, timestamp=None):
        """Sends a frame; returns its stream."""
        with self.lock:
            self.lock.wait_for(lambda: self.free or self.broken, 30)
            if self.broken:
                raise ConnectionError(str(self.broken))
            stream = self.free.pop(0)
            self.outcome[stream] = None
            body = produce_body(topic.encode(), key.encode(), records, timestamp)
            self.socket.sendall(frame(stream, PRODUCE, body, 0 if timestamp is None else 1))
        return stream

    def end(self, stream):
        """Waits for the outcome: nothing, or ConnectionError, or RuntimeError for an error frame."""
        with self.lock:
            if not self.lock.wait_for(lambda: self.outcome[stream] is not None or self.broken, 30):
                raise TimeoutError("no answer")
            got = self.outcome.pop(stream)
            if got is None:
                raise ConnectionError(str(self.broken))
            self.free.append(stream)
        opcode, body = got
        if opcode == ERROR:
            raise RuntimeError(body[1:].decode())
        if (opcode, body) != (PRODUCED, b""):
            raise ConnectionError(f"unexpected {opcode} {body}")

    def produce(self, topic, key, records, timestamp=None):
        self.end(self.begin(topic, key, records, timestamp))

    def close(self):
        # The thread that reads holds the file description: only this wakes it.
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class H2Connection:
    """HTTP/2 by prior knowledge, one request at a time."""

    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=30)
        self.authority = f"{host}:{port}"
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.socket.sendall(self.h2.data_to_send())

    def _events(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed")
        out = self.h2.receive_data(data)
        self.socket.sendall(self.h2.data_to_send())
        return out

    def request(self, method, path, headers=(), body=b""):
        stream = self.h2.get_next_available_stream_id()
        asked = [(":method", method), (":scheme", "http"), (":authority", self.authority), (":path", path),
                 ("accept-encoding", "gzip"), *headers]  # Go's transport says so by itself
        if body:
            asked.append(("content-length", str(len(body))))
        self.h2.send_headers(stream, asked, end_stream=not body)
        if body:
            self.h2.send_data(stream, body, end_stream=True)
        self.socket.sendall(self.h2.data_to_send())
        got, content = {}, b""
        while True:
            for event in self._events():
                if isinstance(event, h2.events.ResponseReceived):
                    got = dict(event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    content += event.data
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    self.socket.sendall(self.h2.data_to_send())
                elif isinstance(event, h2.events.StreamEnded):
                    if "content-encoding" in got:  # Go unpacks it and forgets the length: the client drops the answer
                        raise RuntimeError(f"{path}: content encoding {got['content-encoding']}")
                    return int(got[":status"]), got, content
                elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                    raise ConnectionError(str(event))

    def ping(self):
        self.h2.ping(b"12345678")
        self.socket.sendall(self.h2.data_to_send())
        while not any(isinstance(event, h2.events.PingAckReceived) for event in self._events()):
            pass

    def close(self):
        self.socket.close()


def records_of(body):
    """(topic, token, range, version, start offset, [(timestamp, record)]) of a binary poll."""
    out, at = [], 2
    for _ in range(struct.unpack_from(">H", body)[0]):
        token, part, version, length = struct.unpack_from(">qBIB", body, at)
        at += 14
        topic = body[at:at + length].decode()
        at += length
        start, size = struct.unpack_from(">qi", body, at)
        at += 12
        payload = zstandard.ZstdDecompressor().decompressobj().decompress(body[at:at + size])
        at += size
        records, where = [], 0
        while where < len(payload):
            timestamp, count = struct.unpack_from(">qI", payload, where)
            records.append((timestamp, payload[where + 12:where + 12 + count]))
            where += 12 + count
        out.append((topic, token, part, version, start, records))
    if at != len(body):
        raise ValueError("bytes behind the last item")
    return out


class Consumer:
    """Registers on each broker's connection, polls without an Accept header, never says goodbye."""

    def __init__(self, brokers, name, group, topics, policy=None):
        self.brokers, self.name = brokers, name
        info = {"id": name, "group": group, "topics": topics}
        if policy is not None:
            info["onNewGroup"] = policy
        self.info = json.dumps(info).encode()
        self.connections = []
        self.connect()

    def connect(self):
        self.close()
        for host in self.brokers.hosts:
            connection = H2Connection(host, self.brokers.consumer_port)
            self.connections.append(connection)
            status, _, body = connection.request("POST", "/v1/consumer/register",
                                                 [("content-type", "application/json")], self.info)
            if status != 200:
                raise RuntimeError(f"not registered: {status} {body}")

    def poll(self):
        out = []
        for connection in self.connections:
            status, headers, body = connection.request("POST", "/v1/consumer/poll")
            if status == 204:
                continue
            if status != 200:
                raise RuntimeError(f"{status} {body}")
            if headers.get("content-type") != "application/vnd.polar.consumermessage":
                raise RuntimeError(f"content type {headers.get('content-type')}")
            if int(headers.get("content-length", 0)) < 2:
                continue  # as the client does: nothing, and no error
            out += records_of(body)
        return out

    def commit(self):
        for connection in self.connections:
            status, _, body = connection.request("POST", "/v1/consumer/commit")
            if status != 204:
                raise RuntimeError(f"commit: {status} {body}")

    def close(self):
        for connection in self.connections:
            connection.close()
        self.connections = []


def place(key, partitions):
    """Index of the partition of a key on a single broker."""
    above = murmur3(key.encode()) + 2**63
    width = (2**64 - 1) // partitions + (1 if partitions > 1 else 0)
    return min(above // width, partitions - 1)


UNIT = (2**64 - 1) // 12288


def token(brokers, index):
    return UNIT * (12288 // brokers) * index - 2**63


def place_in_ring(key, brokers, ranges=4):
    """(index of the token, range) of a key in a cluster."""
    above, width = murmur3(key.encode()) + 2**63, UNIT * (12288 // brokers)
    index = min(above // width, brokers - 1)
    part = (above - index * width) // (width // ranges)
    return index, part if part < ranges else 0


if __name__ == "__main__":
    assert place_in_ring("hui", 3) == (2, 3) and place_in_ring("key-1", 3) == (1, 1)
    assert murmur3(b"hello") == -3758069500696749310, murmur3(b"hello")
    assert murmur3("日本".encode()) == -7507319893842418264
    print("murmur3 ok", os.path.basename(__file__))
