# The Barco dialect's listeners of the real binary, with curl and with bytes that are no good requests.
"""barco_test.py --binary callboard"""
import json
import re
import socket
import struct
import subprocess
import urllib.request

from process_case import ProcessCase, main
from broker_process import free_port

NAMES = ("discovery", "producer", "consumer", "metrics", "binary")
BAD_LENGTH = ("Content length must be defined (HTTP/1.1 chunked not supported), greater than 0 and less than "
              "{} bytes")


def curl(*words, data=None):
    """Status and body."""
    done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", *words], input=data, capture_output=True, timeout=30)
    body, _, status = done.stdout.rpartition(b"\n")
    return int(status or 0), body.decode()


def raw(port, data):
    """All that is answered to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    return answer.decode()


class BarcoTest(ProcessCase):
    def open(self, *extra):
        """A broker with the dialect on free ports, which its log and its discovery tell."""
        broker = self.start("--barco", "127.0.0.1:0", *extra)
        with open(broker.log_path(), encoding="utf-8") as log:
            line = [one for one in log if "serving barco=" in one][-1]
        broker.barco = {name: int(re.search(rf" {name}=(\d+)", line)[1]) for name in NAMES}
        return broker

    def messages(self, broker, topic="orders", query=""):
        return f"http://127.0.0.1:{broker.barco['producer']}/v1/topic/{topic}/messages{query}"

    def test_a_tour_with_curl(self):
        broker = self.open()
        ports = broker.barco
        self.assertEqual(len(set(ports.values())), 5)
        status, body = curl(f"http://127.0.0.1:{ports['discovery']}/v1/brokers")
        self.assertEqual((status, body), (200, (
            '{"length":1,"names":["localhost"],"producerPort":%(producer)d,"producerBinaryPort":%(binary)d,'
            '"consumerPort":%(consumer)d}\n') % ports))
        for name, text in (("discovery", "Client discovery"), ("producer", "Producer"), ("consumer", "Consumer")):
            self.assertEqual(curl(f"http://127.0.0.1:{ports[name]}/status"),
                             (200, f"{text} server listening on {ports[name]}\n"))
        self.assertEqual(curl("-d", '{"n":1}', "-H", "Content-Type: application/json", self.messages(broker)),
                         (200, "OK"))
        self.assertEqual(curl("--data-binary", "@-", "-H", "Content-Type: application/x-ndjson",
                              self.messages(broker, query="?partitionKey=234"), data=b'{"n":2}\n\n{"n":3}'),
                         (200, "OK"))
        # curl follows the 307 and sends the body again.
        self.assertEqual(curl("-L", "-d", "7", self.messages(broker).replace("/v1/", "//V1/")), (200, "OK"))
        status, text = curl(f"http://127.0.0.1:{ports['metrics']}/metrics")
        self.assertEqual(status, 200)
        for line in ("polar_producer_requests_total 3", "barco_coalescer_messages_total 3",
                     "callboard_events_appended_total 4"):
            self.assertIn(f"\n{line}\n", text)
        read = urllib.request.Request(f"http://127.0.0.1:{broker.port}/streams/orders@1",
                                      headers={"Accept": "application/vnd.eventstore.atom+json"})
        with urllib.request.urlopen(read, timeout=30) as answer:
            self.assertEqual(len(json.load(answer)["entries"]), 1)
        self.assertEqual(broker.terminate(10)[1], 0)

    def test_what_was_ok_survives_a_kill(self):
        broker = self.open()
        for n in range(20):
            self.assertEqual(curl("-d", str(n), self.messages(broker, query="?partitionKey=k")), (200, "OK"))
        broker.kill()
        broker = self.open()
        self.assertEqual(curl("-d", "20", self.messages(broker, query="?partitionKey=k")), (200, "OK"))
        streams = urllib.request.Request(f"http://127.0.0.1:{broker.port}/streams?limit=10")
        with urllib.request.urlopen(streams, timeout=30) as answer:
            name = re.search(r"orders(@\d)?", answer.read().decode())[0]
        newest = urllib.request.Request(f"http://127.0.0.1:{broker.port}/streams/{name}/20",
                                        headers={"Accept": "application/json"})
        with urllib.request.urlopen(newest, timeout=30) as answer:
            self.assertEqual(answer.read(), b"20")

    def test_bad_requests_are_refused_and_store_nothing(self):
        broker = self.open("--barco-max-message", "1000")
        port = broker.barco["producer"]
        head = "POST /v1/topic/t/messages HTTP/1.1\r\nHost: h\r\n"
        text = BAD_LENGTH.format(1000)
        for sent in (head + "\r\n", head + "Content-Length: 0\r\n\r\n",
                     head + "Content-Length: 1001\r\n\r\n" + "x" * 1001,
                     head + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
                     head + "Transfer-Encoding: chunked\r\n\r\n7d0\r\n" + "x" * 2000 + "\r\n0\r\n\r\n"):
            answer = raw(port, sent.encode())
            self.assertTrue(answer.startswith("HTTP/1.1 400 Bad Request\r\n"), answer)
            self.assertTrue(answer.endswith("\r\n\r\n" + text), answer)
        ndjson = head + "Content-Type: application/x-ndjson\r\nContent-Length: 4\r\n\r\n\n\r\n\n"
        self.assertTrue(raw(port, ndjson.encode()).startswith("HTTP/1.1 400 "))
        frames = head + "Content-Type: application/vnd.polar.producer.frames\r\nContent-Length: {}\r\n\r\n"
        for body in (b"", b"\0", b"\0\0", b"\0\0\0", struct.pack(">I", 2) + b"a", struct.pack(">I", 1) + b"ab",
                     struct.pack(">I", 0xffffffff) + b"a"):
            answer = raw(port, frames.format(len(body)).encode() + body)
            self.assertTrue(answer.startswith("HTTP/1.1 400 "), (body, answer))
        raw(port, (head + "Content-Length: 10\r\n\r\nabc").encode())  # cut short
        self.assertNotIn("200", raw(port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")[:12])
        self.assertIn("\npolar_coalescer_messages_total 0\n",
                      curl(f"http://127.0.0.1:{broker.barco['metrics']}/metrics")[1])
        self.assertEqual(broker.terminate(10)[1], 0)

    def test_an_open_address_needs_to_be_meant(self):
        self.refused(2, "--barco-open", "--barco", f"0.0.0.0:{free_port()}")

    def test_a_port_in_use_names_its_option(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = other.getsockname()[1]
            for name in NAMES:
                self.refused(4, f"--barco-{name}", "--http", "127.0.0.1:0", "--barco", "127.0.0.1:0",
                             f"--barco-{name}", str(taken))

    def test_barcos_own_variables_move_its_ports(self):
        port = free_port()
        done = self.run_to_end("config", environment={"POLAR_PRODUCER_PORT": str(port), "BARCO_PRODUCER_PORT": "1"})
        self.assertIn(f"barco-producer = {port}   # POLAR_PRODUCER_PORT", done.stdout)


if __name__ == "__main__":
    main(__doc__)
