# Clients that go to any node, and those that measure and judge what they meet there.
import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
from client import STREAM_FEED, Client  # noqa: E402
from workload import Publisher  # noqa: E402

MOVED_TIMEOUT_S = 6.0  # longer than any node is stopped


class RoamingClient(Client):
    """Asks one node until that fails, then another. Beside what a single broker may say, one whose
    disk is full may say so (507). What was asked of a node that failed may still reach the leader."""

    try_again = Client.try_again + (507,)
    moves = 0.03  # the share of requests before which it moves without need

    def __init__(self, endpoints, chance, timeout=MOVED_TIMEOUT_S):
        self.endpoints, self.chance = list(endpoints), chance
        host, port = chance.choice(self.endpoints)
        super().__init__(port, timeout, host)

    def move(self):
        self.close()
        others = [one for one in self.endpoints if one != (self.host, self.port)]
        self.host, self.port = self.chance.choice(others or self.endpoints)

    def request(self, *what, **how):
        if self.chance.random() < self.moves:
            self.move()
        reply = super().request(*what, **how)
        if reply.status in self.try_again:
            reply.lingers = not reply.never_left
            self.move()
        return reply


class Probe(Publisher):
    """Publishes single events to its own node, one after the other, and keeps when each was accepted:
    `accepted` has (sent, ended) of the request that got the 201."""

    def __init__(self, index, node, history, phase, seed):
        client = Client(node.port, 2.0, node.host)
        client.try_again = RoamingClient.try_again
        super().__init__(index, f"probe{node.id}", client, history, phase, seed, 1, False)
        self.accepted = []

    def run(self):
        try:
            while not self.phase.stop_publishing.is_set():
                event = self.new_event()
                event.poison = event.data["poison"] = False
                self.publish([event])
                self.phase.stop_publishing.wait(0.03)
        except Exception as error:  # a client that died silently would prove nothing
            self.history.surprise(f"{self.name} failed: {error!r}")
        self.client.close()

    def published(self, events, reply):
        super().published(events, reply)
        self.accepted.append((reply.sent, reply.ended))
        self.history.count("durability", reply.headers.get("Durability"))


class RetryOnce(Publisher):
    """While `active`, publishes and reads, and repeats a request once, at another node, if it got 503
    or no answer. `failed`: requests that even then had no success."""

    def __init__(self, index, endpoints, history, phase, seed, active):
        client = RoamingClient(endpoints, random.Random(f"{seed}/retry-once/{index}"))
        client.moves = 0  # back to the node that just failed it would be no second try
        super().__init__(index, f"rolling{index}", client, history, phase, seed, 1, False)
        self.active = active
        self.asked = 0
        self.failed = []

    def run(self):
        try:
            while not self.phase.stop_publishing.is_set():
                if self.active.wait(0.1):
                    event = self.new_event()
                    event.poison = event.data["poison"] = False
                    self.publish([event])
                    self.twice("read", lambda: self.client.request(
                        "GET", f"/streams/{self.stream}/head/backward/1",
                        headers={"Accept": STREAM_FEED}))
                    self.phase.stop_publishing.wait(0.01)
        except Exception as error:
            self.history.surprise(f"{self.name} failed: {error!r}")
        self.client.close()

    def publish(self, events):
        event = events[0]
        event.first_sent = time.monotonic()
        self.history.sent[event.event_id] = event
        wire = {"eventId": event.event_id, "eventType": "rolling", "data": event.data}
        reply = self.twice("publish", lambda: self.client.publish_one(self.stream, wire))
        if reply.status == 201:
            self.published(events, reply)
        else:  # judged already; now it must get there, as all others
            super().publish(events)

    def twice(self, what, ask):
        self.asked += 1
        replies = [ask()]
        if replies[0].status in (0, 503):
            replies.append(ask())
        if not 200 <= replies[-1].status < 300:
            told = [(reply.status, f"after {reply.ended - reply.sent:.2f} s", reply.body[:120])
                    for reply in replies]
            self.failed.append(f"{what} at {time.monotonic():.2f}: {told}")
        return replies[-1]
