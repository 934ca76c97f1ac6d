# Hours in minutes: both dialects with kills, checked as the crash and cluster tests check; then one long life whose memory and
# files must not grow.
import json
import random
import time
import uuid
from argparse import Namespace

import crash_test
from barco_checks import check_barco
from barco_load import BarcoHistory, KeyConsumer, KeyProducer, wait_delivered
from checks import GroupStory, check_attempts, check_complete, check_leases, check_settled, check_surprises, check_times
from history import FinalState, GroupPlan, History
from pack import Broker, BrokerFailed, Client, Row, Verdict, metric, say, slope_an_hour, wait_until
from workload import Consumer, Phase, Publisher, SettlingConsumer

GROWTH_MAX_MIB = 16  # in the second half, whatever its length: less is noise
STORE_GROWTH_MAX = 1.25
KEYS = [f"key{i}" for i in range(6)]


class BarcoLoad:
    """Producers with a key each, and consumers of one group, on a broker that may be killed."""

    def __init__(self, broker, phase, seed):
        self.history, self.phase = BarcoHistory(), phase
        at = [("127.0.0.1", broker.barco_port)]
        self.producers = [KeyProducer(key, at, self.history, phase, random.Random(f"{seed}/{key}")) for key in KEYS]
        self.consumers = [KeyConsumer(f"c{i}", at, self.history, phase, random.Random(f"{seed}/c{i}")) for i in range(2)]
        for thread in self.producers + self.consumers:
            thread.start()

    def finish(self):
        """Once producers were told to stop: verdicts."""
        for thread in self.producers:
            thread.join(60)
        in_time = Verdict("every acknowledged record is delivered in time")
        in_time.expect(wait_delivered(self.history, self.consumers, 90, self.phase), "it is not")
        return [in_time]

    def verdicts(self):
        for thread in self.consumers:
            thread.join(60)
        return check_barco(self.history)


class KilledLife(crash_test.CrashTest):
    """The crash test, with topics as well; its directory stays for the long life."""

    def __init__(self, options, seconds, shortest, longest):
        super().__init__(Namespace(binary=options.binary, seconds=seconds, seed=options.seed, rate=100.0, kill_after=(shortest, longest),
                                   time_scale=1.0, drain_deadline_s=90.0, minimum=1 if options.quick else 5, dialect_only=False,
                                   serve_arg=[], keep="failed"))
        self.broker = Broker(options.binary, self.broker.folder, random.Random(options.seed))

    def start_clients(self):
        super().start_clients()
        self.barco = BarcoLoad(self.broker, self.phase, self.options.seed)

    def drain(self):
        self.barco_verdicts = self.barco.finish()
        self.breaches = progress(self.broker)
        return super().drain()

    def stop_and_start(self, final):
        self.barco_verdicts += self.barco.verdicts()
        return super().stop_and_start(final) + self.barco_verdicts + [self.breaches]


def progress(broker):
    verdict = Verdict("whoever waits gets what is there: no progress rule is broken")
    client = Client(broker.port)
    breaches = metric(client, "callboard_progress_breaches_total")
    client.close()
    verdict.expect(breaches == 0, f"callboard_progress_breaches_total is {breaches}")
    return verdict


class HealthyPublisher(Publisher):
    def new_event(self):
        event = super().new_event()
        event.poison = False
        event.data["poison"] = False
        return event


class Careful:
    """Acks most, nacks some, forgets some; parks and skips nothing, so that nothing is kept for ever."""

    def settle(self, got):
        acks = []
        for delivery in got:
            choice = self.random.random()
            if self.phase.draining or choice < 0.93:
                acks.append(delivery)
            elif choice < 0.98:
                self.refuse(delivery, self.random.random())
        if acks:
            self.send(acks, "ack", "ack")


class CarefulConsumer(Careful, Consumer):
    pass


class CarefulSettling(Careful, SettlingConsumer):
    pass


class LongLife:
    """Streams with bounds, so that files can stop growing, in the directory that was killed before."""

    def __init__(self, options, broker, seconds):
        self.options, self.broker, self.seconds = options, broker, seconds
        self.history, self.phase = History(), Phase()
        self.history.kills = 0
        self.plans = [GroupPlan("bounded", "settling", 5000, 50, (100, 500), by_settle=True), GroupPlan("bounded", "plain", 5000, 50),
                      GroupPlan("aged", "plain", 1500, 50, (200,))]
        self.samples = []  # (seconds, RSS in MiB, store bytes, log bytes, RSS without files in MiB)

    def bound(self, stream, metadata):
        client = Client(self.broker.port)
        event = [{"eventId": f"00000000-0000-4000-a000-{random.randrange(10**12):012}", "eventType": "$metadata", "data": metadata}]
        reply = client.request("POST", f"/streams/{stream}/metadata", json.dumps(event).encode(),
                               {"Content-Type": "application/vnd.eventstore.events+json"})
        client.close()
        if reply.status != 201:
            raise RuntimeError(f"metadata of {stream} answered {reply.status} {reply.body[:200]!r}")

    def run(self):
        """Verdicts."""
        seed, port = f"{self.options.seed}/long", self.broker.port
        age = max(20, int(self.seconds / 15))  # no event that is dropped a few times may be gone before
        self.bound("bounded", {"$maxCount": 5000})
        self.bound("aged", {"$maxAge": age})
        for topic_part in ["visits-by-key"] + [f"visits-by-key@{p}" for p in range(4)]:
            self.bound(topic_part, {"$maxAge": age})
        for plan in self.plans:
            if (reply := Client(port).create_group(plan.stream, plan.name, plan.settings())).status != 201:
                raise RuntimeError(f"group: {reply.status} {reply.body[:200]!r}")
        consumers = [(CarefulSettling if plan.by_settle else CarefulConsumer)(i, plan, Client(port), self.history, self.phase, seed)
                     for plan in self.plans for i in range(2)]
        publishers = [HealthyPublisher(i, stream, Client(port), self.history, self.phase, seed, 40.0, False)
                      for i, stream in enumerate(("bounded", "bounded", "aged"))]
        for consumer in consumers:
            consumer.ready.set()
        for thread in publishers + consumers:
            thread.start()
        self.barco = BarcoLoad(self.broker, self.phase, seed)
        self.warm_up()
        self.watch()
        self.phase.stop_publishing.set()
        for thread in publishers:
            thread.join(60)
        verdicts = self.barco.finish() + [self.drain(), progress(self.broker)]
        self.phase.over.set()
        for thread in consumers:
            thread.join(60)
        client = Client(port)
        final = FinalState({}, {plan.key: client.read_parked(*plan.key) for plan in self.plans},
                           {plan.key: client.info(*plan.key) for plan in self.plans})
        client.close()
        stories = [GroupStory(plan, self.history, final) for plan in self.plans]
        verdicts += (check_attempts(stories, self.history) + check_settled(stories) + check_times(stories) + check_complete(stories)
                     + check_leases(stories) + check_surprises(self.history) + self.barco.verdicts())
        return verdicts + self.judge()

    def warm_up(self):
        """Fills what the broker remembers of recent events (48 MiB, and 100,000 ids in each partition), so that what grows afterwards is
        something else."""
        client = Client(self.broker.port, 60.0)
        for stream in range(0 if self.options.quick else 16):
            self.bound(f"warm-{stream}", {"$maxCount": 1})
            for count, size in [(10_000, 1)] * 3 + [(10, 400_000)] * 2:
                events = [{"eventId": str(uuid.uuid4()), "eventType": "t", "data": "x" * size} for _ in range(count)]
                reply = client.publish_batch(f"warm-{stream}", events)
                if reply.status != 201:
                    raise RuntimeError(f"publish answered {reply.status} {reply.body[:200]!r}")
        client.close()

    def watch(self):
        began = time.monotonic()
        while (now := time.monotonic() - began) < self.seconds:
            self.broker.expect_running()
            self.samples.append((now, self.broker.rss_mib(), self.broker.store_bytes(), self.broker.wal_bytes(),
                                 self.broker.rss_mib("RssAnon")))
            self.phase.over.wait(min(1.0, self.seconds / 20))  # that is how often it is looked at

    def drain(self):
        verdict, client = Verdict("everything published is settled in time"), Client(self.broker.port)
        verdict.expect(wait_until(lambda: not any(crash_test.CrashTest.left(client.info(*plan.key)) for plan in self.plans), 90),
                       "a group has something left")
        client.close()
        return verdict

    def judge(self):
        """The second half is the steady part; a life too short for slopes is judged by what it grew."""
        steady = [sample for sample in self.samples if sample[0] >= self.seconds / 2]
        self.slope = slope_an_hour([(sample[0], sample[4]) for sample in steady])
        self.rss = (steady[0][4], steady[-1][4], max(sample[1] for sample in self.samples))
        third = len(self.samples) // 3
        middle, last = (max(sample[2] for sample in some) for some in (self.samples[third:2 * third], self.samples[-third:]))
        self.store, self.wal = (middle, last), max(sample[3] for sample in self.samples)
        memory = Verdict(f"memory grows by no more than {GROWTH_MAX_MIB} MiB in the second half")
        files = Verdict("files stop growing")
        if not self.options.quick:
            memory.expect(self.rss[1] - self.rss[0] < GROWTH_MAX_MIB, f"{self.rss[0]:.0f} MiB, then {self.rss[1]:.0f} MiB")
            files.expect(last <= middle * STORE_GROWTH_MAX, f"the store had {middle} bytes, then {last}")
        files.expect(self.wal <= 6 * (64 << 20), f"{self.wal} bytes of log")
        return [memory, files]

    def figures(self):
        if not hasattr(self, "rss"):
            return ""
        begin, end, most = self.rss
        return (f"{self.seconds / 60:.1f} min; memory without files {begin:.0f} → {end:.0f} MiB in the second half, slope "
                f"{self.slope:+.1f} MiB/h, RSS ≤ {most:.0f} MiB; store {self.store[0] / 2**20:.1f} → {self.store[1] / 2**20:.1f} MiB (most in the second and "
                f"the last third), log ≤ {self.wal / 2**20:.0f} MiB; {len(self.history.sent)} events, {len(self.history.deliveries)} deliveries, "
                f"{sum(self.barco.history.acknowledged.values())} records")


def figures_of_kills(test):
    return (f"{test.history.kills} kills, slowest start {test.broker.slowest_start_s:.2f} s; {len(test.history.sent)} events, "
            f"{len(test.history.deliveries)} deliveries, {sum(test.barco.history.acknowledged.values())} records")


def failed(error, broker):
    return [Verdict("the broker lived through it", 1, [f"{type(error).__name__}: {error}\n{broker.log_tail()}"])]


ERRORS = (BrokerFailed, RuntimeError, OSError, ValueError, KeyError)


def run(options):
    minutes = 0.2 if options.quick else options.minutes
    rows = []
    say(f"soak: {minutes / 2:g} minutes with kills")
    shortest, longest = (0.5, 2.0) if options.quick else (1.0, 10.0)
    test = KilledLife(options, minutes * 30, shortest, longest)
    try:
        verdicts = test.run()
        rows.append(Row("soak", "load with kill -9", figures_of_kills(test), verdicts))
    except ERRORS as error:
        rows.append(Row("soak", "load with kill -9", figures_of_kills(test), failed(error, test.broker)))
    test.phase.over.set()
    test.broker.abandon()
    say(f"soak: {minutes / 2:g} minutes of one life")
    test.broker.start()
    life = LongLife(options, test.broker, minutes * 30)
    try:
        verdicts = life.run()
        stops = Verdict("SIGTERM ends it with 0")
        stops.expect(test.broker.terminate(10.0)[1] == 0, "it does not")
        sound = Verdict("`callboard check` finds nothing")
        code, text = test.broker.check()
        sound.expect(code == 0, text[-500:])
        verdicts += [stops, sound]
    except ERRORS as error:
        verdicts = failed(error, test.broker)
    life.phase.over.set()
    rows.append(Row("soak", "one long life, streams and topics with bounds", life.figures(), verdicts))
    test.close(any(row.broken for row in rows))
    return rows
