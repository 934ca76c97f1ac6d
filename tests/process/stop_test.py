# Stopped at any moment, whatever its clients wait for: it answers them and ends.
"""stop_test.py --binary callboard"""
import http.client
import json
import random
import re
import socket
import threading
import time
import uuid

from process_case import ProcessCase, main
from client import GROUP_FEED, STREAM_FEED, Client, basic_authorization

STOPS = 25
STOP_S_MAX = 2.9  # less than the bound of the drain (3 s), which is for clients that send nothing more
PROMISED_S_MAX = 5.0
BEFORE_STOP_S_MAX = 0.08  # about as long as all of them need to begin


class StopTest(ProcessCase):
    def waiting_calls(self, port, consumer_port):
        """What clients of all kinds ask for, each of which waits: (port, method, path, headers, body)."""
        json_body = {"Content-Type": "application/json"}
        following = json.dumps({"next": {"count": 1, "wait": "30s"}}).encode()
        name = uuid.uuid4().hex
        return [
            (port, "GET", "/subscriptions/s/g/1", {"Accept": GROUP_FEED, "ES-LongPoll": "30"}, b""),
            (port, "POST", "/subscriptions/s/g/settle", json_body, following),
            (port, "GET", "/streams/other/999999/forward/5", {"Accept": STREAM_FEED, "ES-LongPoll": "30"}, b""),
            (port, "GET", "/subscriptions/s/pushed/events", {"Accept": "text/event-stream"}, b""),
            (consumer_port, "POST", f"/v1/consumer/poll?consumerId={name}&group=g&topic=t",
             {"Prefer": "wait=30", "Content-Length": "0"}, b""),
        ]

    def call(self, port, method, path, headers, body):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Authorization": basic_authorization("admin", "changeit"), **headers}
        try:
            if "consumer" in path:  # its poll names what it registers
                connection.request("PUT", path.replace("/poll", "/register"), headers=headers)
                connection.getresponse().read()
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            self.statuses.append((path.partition("?")[0], answer.status))
            answer.read()
        except (OSError, http.client.HTTPException):
            pass  # the broker had ended, or not yet begun to listen again
        finally:
            connection.close()

    def publish(self, port, over):
        client = Client(port)
        while not over.is_set():
            client.publish_one("other", {"eventId": str(uuid.uuid4()), "eventType": "t", "data": {}})
        client.close()

    def test_a_stop_at_any_moment_answers_all_and_ends(self):
        seed = random.randrange(2 ** 32)
        chance = random.Random(seed)
        self.statuses = []
        broker = self.start("--barco", "127.0.0.1:0")
        client = Client(broker.port)
        for group in ("g", "pushed"):
            self.assertEqual(client.create_group("s", group, {}).status, 201)
        client.close()
        for stop in range(STOPS):
            with open(broker.log_path(), encoding="utf-8") as log:
                consumer = int(re.findall(r"serving barco=.* consumer=(\d+)", log.read())[-1])
            over = threading.Event()
            calls = self.waiting_calls(broker.port, consumer) * 2
            threads = [threading.Thread(target=self.call, args=call, daemon=True) for call in calls]
            threads.append(threading.Thread(target=self.publish, args=(broker.port, over), daemon=True))
            chance.shuffle(threads)
            for thread in threads:
                thread.start()
            time.sleep(chance.random() * BEFORE_STOP_S_MAX)  # any moment, not one that is awaited
            seconds, code = broker.terminate(15)
            over.set()
            self.assertEqual(code, 0, f"seed {seed}, stop {stop}: {seconds:.1f} s\n{broker.log_tail()}")
            self.assertLess(seconds, STOP_S_MAX, f"seed {seed}, stop {stop}\n{broker.log_tail()}")
            for thread in threads:
                thread.join(timeout=30)
                self.assertFalse(thread.is_alive(), f"seed {seed}, stop {stop}: a client still waits")
            broker.start()
        served = {path for path, status in self.statuses if status < 300}
        self.assertLessEqual({"/subscriptions/s/g/1", "/subscriptions/s/g/settle", "/subscriptions/s/pushed/events",
                              "/streams/other/999999/forward/5", "/v1/consumer/poll"}, served, self.statuses)

    def test_a_stop_with_a_client_in_the_middle_of_a_body_takes_less_than_what_is_promised(self):
        broker = self.start()
        with socket.create_connection(("127.0.0.1", broker.port), timeout=30) as client:
            client.sendall(b"POST /streams/s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                           b"Content-Length: 100\r\n\r\n")
            self.assertIn(b"100 Continue", client.recv(1000))
            client.sendall(b"half of it")
            seconds, code = broker.terminate(15)
        self.assertEqual(code, 0, broker.log_tail())
        self.assertLess(seconds, PROMISED_S_MAX, broker.log_tail())


if __name__ == "__main__":
    main(__doc__)
