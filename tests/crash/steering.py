# What a broker goes on with by itself while it is killed: schedules, breakers, replays with a rate. Each on a stream of its own.
import json
import random
import threading
import time
import uuid
from collections import Counter
from datetime import datetime

from checks import MARGIN_S, Verdict
from workload import PAUSE_S

REPLAY_RATE = 20
REPLAYED_AT_ONCE = 40  # two seconds' worth
TICK_S = 1.0  # the shortest that a schedule may have
LEASE_MS = 2000


class Steering:
    """One thread each. Ends when `stop_publishing` is set and its work is done; then `verdicts` tells of it."""

    def __init__(self, client, history, phase, seed, seconds):
        name = type(self).__name__
        self.client, self.history, self.phase, self.seconds = client, history, phase, seconds
        self.random = random.Random(f"{seed}/{name}")
        self.thread = threading.Thread(target=self.run, name=name, daemon=True)

    def run(self):
        try:
            self.work()
        except Exception as error:  # a client that died silently would prove nothing
            self.history.surprise(f"{self.thread.name} failed: {error!r}")
        self.client.close()

    def new_id(self):
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def insist(self, what, right, ask):
        """Asks until the answer is right; the last one. Also the last one if the test is over before."""
        while True:
            reply = ask()
            if not reply.never_left:
                self.history.count(what, reply.status)
            if reply.status in right or self.phase.over.is_set():
                return reply
            if reply.status not in self.client.try_again:
                self.history.surprise(f"{what} answered {reply.status} {reply.body[:200]!r}")
            self.phase.over.wait(PAUSE_S)

    def post(self, path, body, **headers):
        return self.client.request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})

    def publish(self, stream, count):
        """The ids of so many new events."""
        ids = [self.new_id() for _ in range(count)]
        self.insist("publish", (201,), lambda: self.client.publish_batch(
            stream, [{"eventId": one, "eventType": "steered", "data": {}} for one in ids]))
        return ids

    def create(self, stream, group, retries):
        settings = {"messageTimeoutMilliseconds": LEASE_MS, "startFrom": 0, "maxRetryCount": retries}
        self.insist("create", (201, 409), lambda: self.client.create_group(stream, group, settings))

    def info(self, stream, group):
        path = f"/subscriptions/{stream}/{group}/info"
        reply = self.insist("info", (200,), lambda: self.client.request("GET", path, headers={"Accept": "application/json"}))
        return reply.json()


class Recurring(Steering):
    """Schedules that come each second, half as often as the test has seconds."""

    plans = (("ticks-all", "all"), ("ticks-once", "once"))

    def work(self):
        self.count = max(2, int(self.seconds / 2))
        self.begun = time.time()
        for stream, catch_up in self.plans:
            body = {"stream": stream, "every": "PT1S", "count": self.count, "catchUp": catch_up,
                    "event": {"eventId": self.new_id(), "eventType": "tick", "data": {"of": stream}}}
            self.insist("schedule", (200, 201), lambda body=body: self.post("/delayed", body))
        while self.pending() and not self.phase.over.is_set():
            self.phase.over.wait(0.1)

    def pending(self):
        reply = self.client.request("GET", "/delayed?kind=recurring", headers={"Accept": "application/json"})
        return reply.status != 200 or reply.json()["items"]

    def verdicts(self, client):
        once = Verdict("a schedule published each of its events exactly once")
        timely = Verdict("no event of a schedule came before its time")
        for stream, catch_up in self.plans:
            entries = client.read_stream(stream)
            ids = Counter(entry["eventId"] for entry in entries)
            once.expect(all(count == 1 for count in ids.values()), f"{stream}: {ids}")
            right = len(entries) == self.count if catch_up == "all" else 0 < len(entries) <= self.count
            once.expect(right, f"{stream}: {len(entries)} events, expected {self.count} ({catch_up})")
            for number, entry in enumerate(entries):
                once.expect(json.loads(entry["data"]) == {"of": stream}, f"{number}@{stream}: {entry['data']}")
                came = datetime.fromisoformat(entry["updated"].replace("Z", "+00:00")).timestamp()
                timely.expect(came >= self.begun + number * TICK_S - MARGIN_S, f"{number}@{stream} came early")
        return [once, timely]


class Breaker(Steering):
    """One consumer, which trips its group's breaker now and then."""

    stream, group = "tripping", "fragile"

    def work(self):
        self.trips, self.reads, self.acked, self.published = [], [], [], 0  # trips: (from, until); reads: (asked, received, ids)
        self.create(self.stream, self.group, 100)
        while not self.phase.over.is_set():
            if not self.phase.draining:
                self.published += len(self.publish(self.stream, self.random.randint(1, 4)))
            elif self.info(self.stream, self.group)["settledMessageCount"] == self.published:
                return
            got = self.read()
            if got and not self.phase.draining and self.random.random() < 0.3:
                self.trip(got.pop())
            for event in got:
                self.ack(event)
            if not got:
                self.phase.over.wait(PAUSE_S)

    def settle(self, body):
        return self.post(f"/subscriptions/{self.stream}/{self.group}/settle", body)

    def read(self):
        reply = self.settle({"next": {"count": 5, "wait": "200ms"}})
        if not reply.never_left:
            self.history.count("settle", reply.status)
        if reply.status != 200:
            return []
        events = reply.json()["events"]
        self.reads.append((reply.sent, reply.ended, [event["id"] for event in events]))
        return events

    def trip(self, event):
        delay_ms = self.random.randint(200, 1500)
        nack = {"id": event["id"], "lease": event["lease"], "scope": "group", "delay": f"{delay_ms}ms", "reason": "no bank"}
        reply = self.settle({"nack": [nack]})
        if reply.status == 200 and reply.json()["nack"] == ["applied"]:
            self.trips.append((reply.ended, reply.sent + delay_ms / 1000 - MARGIN_S))

    def ack(self, event):
        reply = self.settle({"ack": [{"id": event["id"], "lease": event["lease"]}]})
        if reply.status == 200 and reply.json()["ack"] == ["applied"]:
            self.acked.append((reply.ended, event["id"]))

    def verdicts(self, _):
        closed = Verdict("nothing was delivered while the breaker was open")
        probed = Verdict("after a breaker's time one event was tried")
        settled = Verdict("what was acked around a breaker was not delivered again")
        done = Verdict("all events of a group that tripped are settled", 1)
        for begin, until in self.trips:
            early = [read for read in self.reads if read[0] > begin and read[1] < until and read[2]]
            closed.expect(not early, f"delivered {until - early[0][1]:.3f} s early" if early else "")
            later = [read for read in self.reads if read[0] > begin and read[2]]
            probed.expect(not later or len(later[0][2]) == 1, f"{len(later[0][2])} events" if later else "")
        for when, event_id in self.acked:
            settled.expect(not any(asked > when and event_id in ids for asked, _, ids in self.reads), event_id)
        info = self.info(self.stream, self.group)
        if info["settledMessageCount"] != self.published:
            done.broken.append(f"{info['settledMessageCount']} of {self.published}")
        return [closed, probed, settled, done]


class Replays(Steering):
    """Parks many events, has them replayed at a rate, and acks what comes; again and again."""

    stream, group = "shelved", "workbench"

    def work(self):
        self.rounds, self.lost = [], []  # rounds: (the replay was sent, ids, deliveries: (asked, received, id), acks: (ended, id))
        self.create(self.stream, self.group, 5)
        while not self.phase.draining:
            ids = self.publish(self.stream, REPLAYED_AT_ONCE)
            self.until("parkedMessageCount", REPLAYED_AT_ONCE, lambda: self.park(self.read()))
            path = f"/subscriptions/{self.stream}/{self.group}/parked/replay"
            sent = time.monotonic()
            self.insist("replay", (200, 409), lambda: self.post(path, {"rate": REPLAY_RATE}))
            deliveries, acks = [], []
            before = len(self.rounds)
            self.until("settledMessageCount", (before + 1) * REPLAYED_AT_ONCE, lambda: self.take(deliveries, acks))
            self.rounds.append((sent, ids, deliveries, acks))

    def until(self, name, count, step):
        while not self.phase.over.is_set() and self.info(self.stream, self.group)[name] != count:
            step()

    def settle(self, body):
        return self.post(f"/subscriptions/{self.stream}/{self.group}/settle", body)

    def read(self):
        """The answer, and its events: a replayed one is settled by the id of its parked entry."""
        reply = self.settle({"next": {"count": 10}})
        events = reply.json()["events"] if reply.status == 200 else []
        if not events:
            self.phase.over.wait(PAUSE_S)
        return reply, events

    def park(self, got):
        if events := got[1]:
            self.settle({"nack": [{"id": one["id"], "action": "park"} for one in events]})

    def take(self, deliveries, acks):
        reply, events = self.read()
        deliveries += [(reply.sent, reply.ended, one.get("eventId", one["id"])) for one in events]
        if not events:
            return
        answer = self.settle({"ack": [{"id": one["id"], "lease": one["lease"]} for one in events]})
        if answer.status == 200:
            acks += [(answer.ended, one.get("eventId", one["id"]))
                     for one, how in zip(events, answer.json()["ack"]) if how == "applied"]

    def verdicts(self, client):
        all_came = Verdict("a replay delivers each parked event, and nothing else")
        paced = Verdict("a replay keeps its rate over kills")
        settled = Verdict("what was acked after a replay did not come again")
        empty = Verdict("nothing stays parked after its replay", 1)
        for sent, ids, deliveries, acks in self.rounds:
            all_came.expect({one for _, _, one in deliveries} == set(ids), f"{len(deliveries)} deliveries of {len(ids)}")
            first = {}
            for _, received, one in deliveries:
                first.setdefault(one, received)
            for number, when in enumerate(sorted(first.values())):
                due = sent + max(0, number // REPLAY_RATE) / 1 - MARGIN_S  # a second's worth at a time
                paced.expect(when >= due, f"number {number} came {due - when:.3f} s early")
            for ended, one in acks:
                settled.expect(not any(asked > ended and again == one for asked, _, again in deliveries), one)
        if left := client.read_parked(self.stream, self.group):
            empty.broken.append(f"{len(left)} are")
        return [all_came, paced, settled, empty]


def all_cases(new_client, *arguments):
    return [case(new_client(), *arguments) for case in (Recurring, Breaker, Replays)]
