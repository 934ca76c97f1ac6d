# Clients that send large bodies slowly, or do not read large answers: the broker's memory stays small, and others
# are served.
"""slow_clients_test.py --binary callboard"""
import resource
import select
import socket
import time

from process_case import ProcessCase, main
from client import STREAM_FEED, Client

CLIENTS = 1000
BODY_BYTES = 16 << 20
RSS_MAX_KIB = 300 << 10
HEAD = (f"POST /streams/slow HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
        f"ES-EventType: t\r\nContent-Length: {BODY_BYTES}\r\n\r\n").encode()


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


class SlowClients:
    """Each has sent its header; `trickle` sends more on all that the broker has not closed."""

    def __init__(self, port, count):
        self.open = {}
        self.answers = []
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", port), timeout=10)
            one.sendall(HEAD)
            one.setblocking(False)
            self.open[one.fileno()] = one

    def trickle(self, part):
        for number, one in list(self.open.items()):
            try:
                one.send(part)
            except BlockingIOError:
                pass
            except OSError:
                self.end(number)

    def collect(self):
        poll = select.poll()
        for number in self.open:
            poll.register(number, select.POLLIN)
        for number, _ in poll.poll(0):
            try:
                self.answers.append(self.open[number].recv(4096))
            except OSError:
                pass
            self.end(number)

    def end(self, number):
        self.open.pop(number).close()

    def close(self):
        for number in list(self.open):
            self.end(number)


class SlowClientsTest(ProcessCase):
    def setUp(self):
        super().setUp()
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit[1], 4096), limit[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limit)

    def publish(self, client, number):
        event = {"eventId": f"00000000-0000-0000-0000-{number:012}", "eventType": "t", "data": {"a": number}}
        began = time.monotonic()
        self.assertEqual(client.publish_one("quick", event).status, 201)
        return time.monotonic() - began

    def trickled(self, part, rounds):
        """Each client sends `part` that often: the most memory that the broker had, and what it answered."""
        broker = self.start()
        client = Client(broker.port)
        slow = SlowClients(broker.port, CLIENTS)
        self.addCleanup(slow.close)
        most = 0
        for number in range(1, rounds + 1):
            slow.trickle(part)
            self.assertLess(self.publish(client, number), 2)
            most = max(most, rss_kib(broker.process.pid))
            slow.collect()
        left = len(slow.open)
        slow.close()
        self.publish(client, rounds + 1)
        client.close()
        self.assertEqual(broker.terminate(10)[1], 0)
        return most, left, slow.answers

    def test_a_trickle_costs_what_has_come_and_not_what_was_announced(self):
        most, left, _ = self.trickled(b"x" * 100, 20)
        self.assertLess(most, RSS_MAX_KIB / 2)
        self.assertEqual(left, CLIENTS)

    def test_more_than_there_is_memory_for_is_refused_by_name(self):
        most, left, answers = self.trickled(b"x" * 16384, 20)
        self.assertLess(most, RSS_MAX_KIB)
        self.assertGreater(left, 0)
        self.assertTrue(answers)
        for answer in answers:
            self.assertIn(b" 503 Too many large requests", answer)
            self.assertIn(b"\r\nRetry-After: ", answer)
            self.assertIn(b"\r\nConnection: close", answer)

    def test_answers_that_nobody_reads_are_bounded_together(self):
        broker = self.start()
        client = Client(broker.port)
        for i in range(1, 9):
            event = {"eventId": f"00000000-0000-0000-0001-{i:012}", "eventType": "t", "data": {"a": "x" * 1_000_000}}
            self.assertEqual(client.publish_one("large", event).status, 201)
        get = (f"GET /streams/large/0/forward/20?embed=body HTTP/1.1\r\nHost: localhost\r\nAccept: {STREAM_FEED}\r\n\r\n")
        deaf = []
        most = 0
        for number in range(100, 300):
            one = socket.socket()
            self.addCleanup(one.close)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(("127.0.0.1", broker.port))
            one.sendall(get.encode())
            deaf.append(one)
            if number % 10 == 0:
                self.assertLess(self.publish(client, number), 2)
                most = max(most, rss_kib(broker.process.pid))
        client.close()
        self.assertLess(most, RSS_MAX_KIB)
        deaf[-1].settimeout(20)
        self.assertIn(b" 503 Too many large answers", deaf[-1].recv(4096))


if __name__ == "__main__":
    main(__doc__)
