# Publishers and consumers: random, seeded, and honest about what they were told.
import json
import random
import threading
import time
import uuid

from history import NEVER, Delivery, SentEvent, Settle

PAUSE_S = 0.02  # before asking again a broker that is down or a group that is empty


class Phase:
    """`publishing`, then `draining` (everything healthy is acked), then `over`."""

    def __init__(self):
        self.stop_publishing = threading.Event()
        self.over = threading.Event()

    @property
    def draining(self):
        return self.stop_publishing.is_set()


class Publisher(threading.Thread):
    """Sends events in order: the next ones only after a 2xx for the last ones, however often that
    takes. `versioned`: the only publisher of its stream, with exact expected versions."""

    def __init__(self, index, stream, client, history, phase, seed, rate, versioned):
        super().__init__(name=f"publisher-{index}", daemon=True)
        self.index, self.stream, self.history, self.phase = index, stream, history, phase
        self.random = random.Random(f"{seed}/publisher/{index}")
        self.client = client
        self.rate = rate
        self.expected = -1 if versioned else None
        self.order = 0
        self.batches = 0

    def run(self):
        try:
            while not self.phase.stop_publishing.is_set():
                count = 1 if self.random.random() < 0.6 else self.random.randint(2, 12)
                self.publish([self.new_event() for _ in range(count)])
                self.phase.stop_publishing.wait(count / self.rate * 2 * self.random.random())
        except Exception as error:  # a client that died silently would prove nothing
            self.history.surprise(f"{self.name} failed: {error!r}")
        self.client.close()

    def new_event(self):
        poison = self.random.random() < 0.03
        event_id = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        data = {"publisher": self.index, "order": self.order, "poison": poison,
                "text": "x" * self.random.choice((0, 10, 200, 900, 5000))}
        event = SentEvent(event_id, self.stream, self.index, self.order, data, poison,
                          time.monotonic(), self.batches)
        self.order += 1
        return event

    def publish(self, events):
        self.batches += 1
        now = time.monotonic()
        for event in events:
            event.first_sent = now
            self.history.sent[event.event_id] = event
        wire = [{"eventId": e.event_id, "eventType": "crash", "data": e.data} for e in events]
        alone = len(events) == 1 and self.random.random() < 0.8
        while not self.phase.over.is_set():
            if alone:
                reply = self.client.publish_one(self.stream, wire[0], self.expected)
            else:
                reply = self.client.publish_batch(self.stream, wire, self.expected)
            if not reply.never_left:
                self.history.count("publish", reply.status)
            if reply.status == 201:
                return self.published(events, reply)
            if reply.status not in self.client.try_again:
                self.history.surprise(f"publish of {wire[0]['eventId']} to {self.stream} answered "
                                      f"{reply.status} {reply.body[:200]!r}, expected version "
                                      f"{self.expected}, told "
                                      f"{reply.headers.get('ES-CurrentVersion')}")
            self.phase.over.wait(PAUSE_S)

    def published(self, events, reply):
        location = reply.headers.get("Location", "")
        try:
            first = int(location.rsplit("/", 1)[1])
        except (IndexError, ValueError):
            self.history.surprise(f"a publish's Location is {location!r}")
            return
        for position, event in enumerate(events):
            event.number = first + position
        if self.expected is not None:
            self.expected = first + len(events) - 1


class Consumer(threading.Thread):
    """Reads a group and settles what it got: mostly acks; also retries, delays, parks, skips,
    late answers, and silence. Poison is never acked, skipped or parked."""

    def __init__(self, index, plan, client, history, phase, seed):
        super().__init__(name=f"consumer-{plan.stream}/{plan.name}-{index}", daemon=True)
        self.plan, self.history, self.phase = plan, history, phase
        self.random = random.Random(f"{seed}/consumer/{plan.stream}/{plan.name}/{index}")
        self.client = client
        self.ready = threading.Event()  # the group exists
        self.late = []  # (when, delivery): to be acked after the lease is over

    def run(self):
        try:
            self.ready.wait()
            while not self.phase.over.is_set():
                got = self.fetch()
                self.settle(got)
                self.settle_late()
                if not got:
                    self.phase.over.wait(PAUSE_S)
        except Exception as error:
            self.history.surprise(f"{self.name} failed: {error!r}")
        self.client.close()

    def fetch(self):
        wait_s = 1 if self.random.random() < 0.4 else 0
        count = self.random.randint(1, 20)
        reply = self.client.fetch(self.plan.stream, self.plan.name, count, wait_s)
        if reply.never_left:
            return []
        self.history.count("read", reply.status)
        if reply.status in self.client.try_again:
            return []
        if reply.status != 200:
            self.history.surprise(f"{self.name}: read answered {reply.status} {reply.body[:200]!r}")
            return []
        return [self.deliver(entry, reply) for entry in reversed(reply.json()["entries"])]

    def deliver(self, entry, reply):
        event_id = entry["eventId"]
        delivery = Delivery(self.plan.key, event_id, entry["positionEventNumber"],
                            entry["retryCount"] + 1, reply.sent, reply.ended)
        self.history.deliveries.append(delivery)
        sent = self.history.sent.get(event_id)
        if sent is None or sent.stream != self.plan.stream:
            self.history.surprise(f"{self.name} was delivered {event_id}, which nobody published")
        elif json.loads(entry["data"]) != sent.data:
            self.history.surprise(f"{self.name} was delivered {event_id} with other data: "
                                  f"{entry['data'][:200]}")
        return delivery

    def settle(self, got):
        acks = []
        for delivery in got:
            sent = self.history.sent.get(delivery.event_id)
            poison = sent is not None and sent.poison
            choice = self.random.random()
            if poison:
                self.refuse(delivery, choice)
            elif self.phase.draining or choice < 0.80:
                acks.append(delivery)
            elif choice < 0.90:
                self.refuse(delivery, (choice - 0.80) * 10)
            elif choice < 0.92:
                self.send([delivery], "park", "nack", "action=park")
            elif choice < 0.93:
                self.send([delivery], "skip", "nack", "action=skip")
            elif choice < 0.95:
                self.late.append((delivery.received + self.plan.timeout_ms / 1000, delivery))
            # else: dropped, the lease runs out
        if acks and self.random.random() < 0.3:
            for delivery in acks:
                self.send([delivery], "ack", "ack")
        elif acks:
            self.send(acks, "ack", "ack")

    def refuse(self, delivery, choice):
        """Retry by a nack, with a delay of its own, or by silence."""
        if choice < 0.4:
            self.send([delivery], "retry", "nack", "action=retry" if choice < 0.2 else "")
        elif choice < 0.7:
            delay_ms = self.random.randint(0, 3 * self.plan.timeout_ms)
            self.send([delivery], "retry", "nack", f"action=retry&delay={delay_ms}ms",
                      delay_ms / 1000)

    def settle_late(self):
        now = time.monotonic()
        due = [delivery for when, delivery in self.late if when <= now]
        self.late = [(when, delivery) for when, delivery in self.late if when > now]
        for delivery in due:
            self.send([delivery], "ack", "ack")

    def send(self, deliveries, verb, route, query="", delay_s=None):
        reply = self.client.settle(self.plan.stream, self.plan.name, route,
                                   [d.event_id for d in deliveries], query)
        if reply.never_left:
            return
        self.history.count(verb, reply.status)
        ended = NEVER if reply.lingers else reply.ended
        for d in deliveries:
            self.history.settles.append(Settle(self.plan.key, d.event_id, verb, d.attempt, d.asked,
                                               reply.sent, ended, reply.status, delay_s))
        if reply.status != 202 and reply.status not in self.client.try_again:
            self.history.surprise(f"{self.name}: {verb} answered {reply.status} "
                                  f"{reply.body[:200]!r}")


class LaterPublisher(Publisher):
    """Publishes single events for later; each is a publisher of its own, as their order is that of their times."""

    def publish(self, events):
        for event in events:
            delay_ms = self.random.randint(0, 3000)
            event.publisher = f"later {event.event_id}"
            event.first_sent = time.monotonic()
            event.not_before = time.time() + delay_ms / 1000
            self.history.sent[event.event_id] = event
            wire = {"eventId": event.event_id, "eventType": "crash", "data": event.data}
            while not self.phase.over.is_set():
                reply = self.client.publish_later(self.stream, wire, delay_ms)
                if not reply.never_left:
                    self.history.count("publish later", reply.status)
                if reply.status == 202:
                    break
                if reply.status not in self.client.try_again:
                    self.history.surprise(f"publish of {event.event_id} for later answered "
                                          f"{reply.status} {reply.body[:200]!r}")
                self.phase.over.wait(PAUSE_S)


class SettlingConsumer(Consumer):
    """The same by `…/settle`: acks leave with the next fetch, everything names its lease, and a request whose outcome is
    unknown is repeated with its Idempotency-Key until it is known."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.waiting_acks = []

    def request(self, body, wait_s=0):
        """The first answer that tells something, sent when it was tried first."""
        key, first = str(uuid.UUID(int=self.random.getrandbits(128), version=4)), None
        while True:
            reply = self.client.settle_batch(self.plan.stream, self.plan.name, body, key, wait_s)
            first = reply.sent if first is None else first
            if not reply.never_left:
                self.history.count("settle", reply.status)
            if reply.status not in self.client.try_again or self.phase.over.is_set():
                reply.sent = first
                return reply
            self.phase.over.wait(PAUSE_S)

    def fetch(self):
        wait_s = 1 if self.random.random() < 0.4 else 0
        acks, self.waiting_acks = self.waiting_acks, []
        body = {"next": {"count": self.random.randint(1, 20), "wait": wait_s}}
        if acks:
            body["ack"] = [{"id": d.event_id, "lease": d.lease} for d in acks]
        reply = self.request(body, wait_s)
        self.settled(acks, "ack", reply, "ack")
        if reply.status != 200:
            if reply.status not in self.client.try_again:
                self.history.surprise(f"{self.name}: settle answered {reply.status} {reply.body[:200]!r}")
            return []
        return [self.deliver_lean(event, reply) for event in reply.json()["events"]]

    def deliver_lean(self, event, reply):
        delivery = self.deliver({"eventId": event["id"], "positionEventNumber": event["number"],
                                 "retryCount": event["attempt"] - 1, "data": json.dumps(event["data"])}, reply)
        delivery.lease = event["lease"]
        return delivery

    def send(self, deliveries, verb, route, query="", delay_s=None):
        if verb == "ack" and self.random.random() < 0.8:
            self.waiting_acks += deliveries
            return
        items = [{"id": d.event_id, "lease": d.lease} for d in deliveries]
        if route == "nack":
            for item in items:
                item["action"] = verb
                if delay_s is not None:
                    item["delay"] = round(delay_s * 1000)
                if verb == "park":
                    item["reason"] = "explicitly parked"
        self.settled(deliveries, verb, self.request({route: items}), route, delay_s)

    def settled(self, deliveries, verb, reply, route, delay_s=None):
        """An outcome of 202 is one that was applied; 409 one that changed nothing."""
        if reply.never_left or not deliveries:
            return
        if reply.status == 200:
            statuses = [202 if one == "applied" else 409 for one in reply.json()[route]]
        else:
            statuses = [reply.status] * len(deliveries)
        ended = NEVER if reply.lingers else reply.ended
        for d, status in zip(deliveries, statuses):
            self.history.settles.append(Settle(self.plan.key, d.event_id, verb, d.attempt, d.asked, reply.sent, ended,
                                               status, delay_s, d.lease))


def create_group(plan, client, history, phase):
    """Until it is there; 409 is right only after an attempt with an unknown outcome."""
    unsure = False
    while not phase.over.is_set():
        reply = client.create_group(plan.stream, plan.name, plan.settings())
        history.count("create", reply.status)
        if reply.status == 201 or (reply.status == 409 and unsure):
            return client.close()
        unsure = unsure or not reply.never_left
        if reply.status not in client.try_again:
            history.surprise(f"create of {plan.key} answered {reply.status} {reply.body[:200]!r}")
        phase.over.wait(PAUSE_S)
