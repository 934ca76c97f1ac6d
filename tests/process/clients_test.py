# The whole life of a stream and a group, with two clients that know nothing of this broker: curl and urllib.
"""clients_test.py --binary callboard"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
from broker_process import BrokerProcess  # noqa: E402

BINARY = ""
EVENTS = "application/vnd.eventstore.events+json"
FEED = "application/vnd.eventstore.atom+json"
MESSAGES = "application/vnd.eventstore.competingatom+json"


def by_curl(verb, url, headers, body):
    """Status and body, as curl gets them."""
    command = ["curl", "--silent", "--show-error", "--user", "admin:changeit", "--request", verb, url,
               "--max-time", "30", "--write-out", "\n%{http_code}"]
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    if body is not None:
        command += ["--data-binary", "@-"]
    done = subprocess.run(command, input=body, capture_output=True, text=True, check=True, timeout=60)
    content, _, status = done.stdout.rpartition("\n")
    return int(status), content


class UrllibClient:
    def __init__(self, base):
        passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
        passwords.add_password(None, base, "admin", "changeit", is_authenticated=True)
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                                  urllib.request.HTTPBasicAuthHandler(passwords))

    def __call__(self, verb, url, headers, body):
        data = None if body is None else body.encode()
        asked = urllib.request.Request(url, data, headers, method=verb)
        try:
            with self.opener.open(asked, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()


class ClientsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.broker = BrokerProcess(BINARY, os.path.join(cls.folder, "data"))
        cls.broker.start()
        cls.base = f"http://127.0.0.1:{cls.broker.port}"

    @classmethod
    def tearDownClass(cls):
        cls.broker.abandon()
        shutil.rmtree(cls.folder)

    def test_curl(self):
        self.live(by_curl, "curl")

    def test_urllib(self):
        self.live(UrllibClient(self.base), "urllib")

    def ask(self, status, verb, url, accept=None, kind=None, body=None):
        """What the broker says, as JSON or text; `status` is what it must be."""
        headers = {name: value for name, value in (("Accept", accept), ("Content-Type", kind)) if value}
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        url = url if url.startswith("http") else self.base + url
        got, content = self.client(verb, url, headers, text)
        self.assertEqual(got, status, f"{verb} {url}: {content[:300]}")
        return json.loads(content) if accept and "json" in accept and content else content

    def fetch(self, count):
        return self.ask(200, "GET", f"{self.group}/{count}?embed=body", MESSAGES)

    def settle(self, entry, relation, query=""):
        """By the link that came with it."""
        link = next(x["uri"] for x in entry["links"] if x["relation"] == relation)
        self.ask(202, "POST", link + query, kind="application/json", body="{}")

    def info(self):
        return self.ask(200, "GET", f"{self.group}/info", "application/json")

    def live(self, client, name):
        self.client = client
        self.stream, self.group = f"/streams/{name}", f"/subscriptions/{name}/workers"
        self.publish()
        self.consume()
        self.park_and_replay()
        self.describe_and_delete()

    def publish(self):
        batch = [{"eventId": str(uuid.uuid4()), "eventType": "placed", "data": {"order": i}} for i in range(4)]
        self.ask(201, "POST", self.stream, kind=EVENTS, body=batch)
        self.ask(201, "POST", self.stream, kind=EVENTS, body=batch)  # a repeat is the same batch
        feed = self.ask(200, "GET", f"{self.stream}/0/forward/10", FEED)
        self.assertEqual(len(feed["entries"]), 4)
        self.assertEqual(self.ask(200, "GET", f"{self.stream}/2", "application/json"), {"order": 2})

    def consume(self):
        settings = {"startFrom": 0, "maxRetryCount": 3}
        self.ask(201, "PUT", self.group, "application/json", "application/json", settings)
        self.ask(409, "PUT", self.group, "application/json", "application/json", settings)
        newest_first = self.fetch(2)["entries"]
        self.assertEqual([json.loads(e["data"])["order"] for e in newest_first], [1, 0])
        self.settle(newest_first[1], "ack")
        self.settle(newest_first[0], "nack")
        again = self.fetch(1)["entries"]
        self.assertEqual([(e["eventNumber"], e["retryCount"]) for e in again], [(1, 1)])
        self.settle(again[0], "ack")
        self.assertEqual(self.info()["lastCheckpointedEventPosition"], "1")

    def park_and_replay(self):
        third = self.fetch(1)["entries"][0]
        self.settle(third, "nack", "?action=park")
        self.assertEqual(self.info()["parkedMessageCount"], 1)
        self.ask(200, "POST", f"{self.group}/replayParked", "application/json")
        replayed = self.fetch(1)["entries"][0]
        self.assertEqual(replayed["eventId"], third["eventId"])
        self.settle(replayed, "ack")
        last = self.fetch(10)
        self.assertEqual([e["eventNumber"] for e in last["entries"]], [3])
        self.settle(last, "ackAll")
        self.assertEqual(self.fetch(10)["entries"], [])
        self.assertEqual(self.info()["parkedMessageCount"], 0)

    def describe_and_delete(self):
        document = [{"eventId": str(uuid.uuid4()), "eventType": "$metadata", "data": {"$maxCount": 2}}]
        self.ask(201, "POST", f"{self.stream}/metadata", kind=EVENTS, body=document)
        self.assertEqual(self.ask(200, "GET", f"{self.stream}/metadata", "application/json"), {"$maxCount": 2})
        self.assertEqual(len(self.ask(200, "GET", self.stream, FEED)["entries"]), 2)
        self.ask(200, "DELETE", self.group, "application/json")
        self.ask(404, "GET", f"{self.group}/info", "application/json")
        self.ask(204, "DELETE", self.stream)
        self.ask(404, "GET", self.stream, FEED)


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", required=True)
    settings, rest = options.parse_known_args()
    BINARY = settings.binary
    unittest.main(argv=[sys.argv[0], *rest])
