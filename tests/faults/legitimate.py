# Who just wants to be served while others misbehave: a publisher with a fixed rate and a consumer, in a process of their own.
import multiprocessing
import threading
import time
import uuid

from pack import Client, percentile

RATE = 100.0
LANES = 8
BEHIND_MAX_S = 1.0  # who is further behind than that gives up what was due
STREAM, GROUP = "orders", "workers"


class Legitimate:
    """Publishes on time, however slow the last answer was; latencies count from when a publish was due."""

    def __init__(self, port):
        self.port = port
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=self.work, args=(theirs,), daemon=True)
        self.process.start()

    def work(self, pipe):
        self.stopping = threading.Event()
        self.sent, self.published, self.received = {}, [], []
        self.taken = set()
        threads = [threading.Thread(target=self.publish, args=(lane,)) for lane in range(LANES)] + [threading.Thread(target=self.consume)]
        for thread in threads:
            thread.start()
        while (asked := pipe.recv()) != "stop":
            pipe.send(self.figures(*asked))
        self.stopping.set()
        for thread in threads[:-1]:
            thread.join()
        threads[-1].join(30)
        wanted = {event_id for _, _, status, event_id in self.published if status == 201}
        pipe.send(sorted(wanted - self.taken))

    def publish(self, lane):
        client, due = Client(self.port, 15.0), time.monotonic() + lane / RATE
        while not self.stopping.is_set():
            due = max(due, time.monotonic() - BEHIND_MAX_S)
            self.stopping.wait(max(0.0, due - time.monotonic()))
            event_id = str(uuid.uuid4())
            self.sent[event_id] = time.monotonic()
            reply = client.publish_one(STREAM, {"eventId": event_id, "eventType": "t", "data": {"text": "x" * 200}})
            now = time.monotonic()
            self.published.append((now, now - due, reply.status, event_id))
            due += LANES / RATE
        client.close()

    def consume(self):
        """Until it was stopped and nothing is left."""
        client, acks, empty = Client(self.port, 30.0), [], 0
        while not (self.stopping.is_set() and empty > 1):
            body = {"next": {"count": 20, "wait": "1s"}}
            if acks:
                body["ack"] = acks
            reply = client.settle_batch(STREAM, GROUP, body, str(uuid.uuid4()), 1)
            if reply.status != 200:
                self.stopping.wait(0.05)  # before it is asked again
                continue
            acks, now = [], time.monotonic()
            for event in reply.json()["events"]:
                acks.append({"id": event["id"], "lease": event["lease"]})
                self.taken.add(event["id"])
                if event["id"] in self.sent:
                    self.received.append((now, now - self.sent[event["id"]]))
            empty = 0 if acks else empty + 1
        client.close()

    def figures(self, begin, end):
        published = [one for one in self.published if begin <= one[0] < end]
        good = [seconds for _, seconds, status, _ in published if status == 201]
        through = [seconds for now, seconds in self.received if begin <= now < end]
        return {"published": len(good), "refused": len(published) - len(good), "p50": percentile(good, 0.5), "p99": percentile(good, 0.99),
                "through": len(through), "through_p99": percentile(through, 0.99)}

    def between(self, begin, end):
        self.pipe.send((begin, end))
        return self.pipe.recv()

    def stop(self):
        """Events that got a 201 and were never delivered."""
        self.pipe.send("stop")
        out = self.pipe.recv()
        self.process.join(10)
        return out
