# Three real brokers, clients on all of them, and one fault after the other: did they keep every promise?
"""
    cluster_test.py --binary build/dev/callboard [--rounds 1] [--only KIND ...] [--seed N] [--keep always]
    cluster_test.py --containers [PROJECT]

Starts three brokers on 127.0.0.1 to 127.0.0.3, linked through a proxy; publishes and consumes on all of
them at random, in both dialects; and meanwhile kills, stops, cuts off, fills up, damages, empties and
restarts nodes (`nemesis.py`). In the end everything heals and drains; then it checks what
`tests/crash/checks.py` checks of one broker, and that

  * after each fault a publish is accepted within 3 s, and no 201 names less than a majority;
  * an orderly restart of all nodes fails no request that is repeated once;
  * all three nodes, made leader in turn, give the same answers;
  * topics keep the order of their keys, and lose and repeat nothing (`barco_checks.py`);
  * every node ends with 0 when asked to, and `callboard check` finds nothing.

A run is repeated with the seed that it prints (the choices of clients and faults; the timing is the
machine's). A failure prints the story of the events it names and the end of each node's log.
With --containers the nodes are those of docker-compose.yml, running. `selftest.py` proves that the
checks catch a broken cluster.
"""
import argparse
import os
import random
import re
import shutil
import sys
import tempfile
import threading
import time

from cluster import IDS, BrokerFailed, Client
from cluster_checks import (check_durability, check_nodes, check_outages, check_rolling, outage_lines,
                            story)
from nemesis import STOP_DEADLINE_S, Nemesis
from roaming import Probe, RetryOnce, RoamingClient

import checks  # noqa: E402  of tests/crash, which the modules above have put on the path
from history import FinalState, GroupPlan, History  # noqa: E402
from workload import Consumer, Phase, Publisher, create_group  # noqa: E402

STREAMS = (("orders", False), ("orders", False), ("visits", True))  # (stream, exact versions)


def plans(scale):
    def ms(value):
        return int(value * scale)

    return [
        GroupPlan("orders", "strict", ms(1500), 4),
        GroupPlan("orders", "scheduled", ms(2000), 3, (ms(200), ms(700))),
        GroupPlan("orders", "lazy", ms(1500), 2, lazy=True),
        GroupPlan("visits", "patient", ms(3000), 3, (ms(100), ms(900))),
        GroupPlan("visits", "newcomer", ms(1500), 5, created_at_share=0.3),
    ]


class ClusterTest:
    def __init__(self, options):
        self.options = options
        self.origin = time.monotonic()
        self.random = random.Random(f"{options.seed}/faults")
        self.plans = plans(options.time_scale)
        self.history = History()
        self.phase = Phase()
        self.folder = tempfile.mkdtemp(prefix="callboard-cluster-")
        self.cluster = self.make_cluster()
        self.rolling = threading.Event()
        self.nemesis = Nemesis(self.cluster, self.history, self.random, self.phase, self.rolling)
        self.publishers, self.consumers, self.probes, self.rollers = [], [], [], []
        self.creators = []
        self.barco = None

    def make_cluster(self):
        if self.options.containers:
            from containers import ContainerCluster
            return ContainerCluster(self.options.containers)
        from nodes import Cluster
        return Cluster(self.options.binary, self.folder, random.Random(), self.options.barco,
                       self.options.serve_arg, tmpfs_node=self.random.choice(IDS))

    def run(self):
        """Verdicts. Raises BrokerFailed."""
        self.cluster.start()
        self.start_clients()
        for kinds in self.rounds():
            self.nemesis.run(kinds)
        for thread in self.creators:
            self.join(thread)
        self.phase.stop_publishing.set()
        for thread in self.publishers + self.probes + self.rollers:
            self.join(thread)
        drained = self.drain()
        self.phase.over.set()
        for thread in self.consumers:
            self.join(thread)
        finals = self.read_as_each_leader()
        first = finals[min(finals)]
        verdicts = checks.check_all(self.history, first, self.plans, self.options.minimum)
        return ([drained] + verdicts + self.own_verdicts() + self.compare(finals)
                + self.stop_and_check())

    def rounds(self):
        kinds = self.options.only or Nemesis.KINDS
        for _ in range(self.options.rounds):
            some = list(kinds)
            self.random.shuffle(some)
            yield some

    def start_clients(self):
        endpoints = self.cluster.endpoints()
        seed, history, phase = self.options.seed, self.history, self.phase

        def roaming(name):
            return RoamingClient(endpoints, random.Random(f"{seed}/{name}"))

        consumers = {plan.key: [Consumer(i, plan, roaming(f"{plan.key}/{i}"), history, phase, seed)
                                for i in range(2)] for plan in self.plans}
        self.consumers = [one for some in consumers.values() for one in some]
        rate = self.options.rate / len(STREAMS)
        self.publishers = [Publisher(i, stream, roaming(i), history, phase, seed, rate, exact)
                           for i, (stream, exact) in enumerate(STREAMS)]
        self.probes = [Probe(10 + node.id, node, history, phase, seed)
                       for node in self.cluster.nodes.values()]
        self.rollers = [RetryOnce(20 + i, endpoints, history, phase, seed, self.rolling)
                        for i in range(2)]
        for plan in self.plans:
            def create(plan=plan):
                self.phase.over.wait(plan.created_at_share * 30)
                create_group(plan, roaming(f"create {plan.key}"), history, phase)
                for consumer in consumers[plan.key]:
                    consumer.ready.set()
            self.creators.append(threading.Thread(target=create, name=f"create {plan.key}", daemon=True))
        if self.options.barco:
            self.start_barco()
        for thread in (self.creators + self.publishers + self.probes + self.rollers + self.consumers):
            thread.start()

    def start_barco(self):
        import barco_load  # which needs Debian's python3-h2 and python3-zstandard
        self.barco = barco_load.BarcoHistory()
        endpoints = self.cluster.barco_endpoints()
        for name in ("key-a", "key-b", "key-c", "key-d"):
            self.publishers.append(barco_load.KeyProducer(
                name, endpoints, self.barco, self.phase, random.Random(f"{self.options.seed}/{name}")))
        for name in ("c1", "c2"):
            self.consumers.append(barco_load.KeyConsumer(
                name, endpoints, self.barco, self.phase, random.Random(f"{self.options.seed}/{name}")))

    def join(self, thread):
        thread.join(timeout=90)
        if thread.is_alive():
            raise BrokerFailed(f"{thread.name} gets no answer for 90 s: is the cluster stuck?")

    def client(self):
        return RoamingClient(self.cluster.endpoints(), random.Random(0), 30.0)

    def drain(self):
        """Waits until no group has anything left to deliver, and no topic."""
        verdict = checks.Verdict("everything published is settled or parked in time")
        deadline = time.monotonic() + self.options.drain_deadline_s
        client = self.client()
        open_groups = list(self.plans)
        while open_groups and time.monotonic() < deadline:
            open_groups = [plan for plan in open_groups if self.left(client, plan)]
            self.phase.over.wait(0.1)
        for plan in self.plans:
            verdict.expect(plan not in open_groups, f"{plan.key}: {self.info(client, plan)}")
        client.close()
        if self.barco:
            from barco_load import KeyConsumer, wait_delivered
            consumers = [one for one in self.consumers if isinstance(one, KeyConsumer)]
            left_s = max(20.0, deadline - time.monotonic())
            verdict.expect(wait_delivered(self.barco, consumers, left_s, self.phase),
                           "records of a topic are missing, or what was committed comes again")
        return verdict

    @staticmethod
    def info(client, plan):
        """Or None: ask again."""
        try:
            return client.info(*plan.key)
        except RuntimeError:
            return None

    def left(self, client, plan):
        info = self.info(client, plan)
        return info is None or any(info[name] for name in ("readyMessageCount", "retryBufferCount",
                                                           "totalInFlightMessages"))

    def read_as_each_leader(self):
        """What each node says once it leads."""
        finals = {}
        first = self.cluster.wait_leader()
        for i in [first] + [j for j in IDS if j != first]:
            self.cluster.make_leader(i, self.mark)
            node = self.cluster.nodes[i]
            finals[i] = self.read_everything(Client(node.port, 60.0, node.host))
            if self.cluster.leader_now() != i:
                raise BrokerFailed(f"node {i} lost its leadership while nothing was wrong")
        return finals

    def mark(self):
        """Something that is committed while a node is down, so that it cannot lead at once."""
        client = self.client()
        event = {"eventId": f"{random.getrandbits(128):032x}", "eventType": "mark", "data": {}}
        event["eventId"] = re.sub(r"^(.{8})(.{4})(.{4})(.{4})", r"\1-\2-\3-\4-", event["eventId"])
        self.cluster.wait(lambda: client.publish_one("marks", event).status == 201, 10, "a mark is kept")
        client.close()

    def read_everything(self, client):
        """Again if a leader that is new refuses at first."""
        deadline = time.monotonic() + 20
        while True:
            try:
                final = self.read_once(client)
                client.close()
                return final
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)  # between two tries, with a deadline

    def read_once(self, client):
        streams = sorted({one.stream for one in self.publishers + self.probes + self.rollers
                          if hasattr(one, "stream")})
        return FinalState({stream: client.read_stream(stream) for stream in streams},
                          {plan.key: client.read_parked(*plan.key) for plan in self.plans},
                          {plan.key: client.info(*plan.key) for plan in self.plans})

    def own_verdicts(self):
        restarts = sum(fault.kind == "rolling_restart" for fault in self.nemesis.faults)
        verdicts = (check_outages(self.nemesis.faults, self.accepted(), self.options.outage_max_s)
                    + check_rolling(self.rollers, restarts) + check_durability(self.history)
                    + check_nodes(self.nemesis))
        if self.barco:
            from barco_checks import check_barco
            verdicts += check_barco(self.barco)
        return verdicts

    def accepted(self):
        return [one for probe in self.probes for one in probe.accepted]

    @staticmethod
    def compare(finals):
        first = min(finals)
        return [checks.differences(checks.answers(finals[first]), checks.answers(finals[i]),
                                   f"node {i} as the leader answers as node {first} does")
                for i in finals if i != first]

    def stop_and_check(self):
        stopped = checks.Verdict("SIGTERM ends every node with 0 within 5 s")
        sound = checks.Verdict("`callboard check` finds nothing in any folder")
        for node in self.cluster.nodes.values():
            seconds, code = node.terminate(STOP_DEADLINE_S)
            stopped.expect(code == 0, f"node {node.id}: after {seconds:.1f} s, {code}")
        for node in self.cluster.nodes.values():
            code, text = node.check()
            sound.expect(code == 0, f"node {node.id}: {code}: {text[-2000:]}")
        return [stopped, sound]

    def close(self, failed):
        self.phase.over.set()
        self.rolling.set()
        self.cluster.close()
        if self.options.keep == "always" or (failed and self.options.keep == "failed"):
            print(f"data and logs are kept in {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def report(test, verdicts):
    history = test.history
    for verdict in verdicts:
        print("\n".join(verdict.lines()))
    for fault in test.nemesis.faults:
        print(fault.line(test.origin))
    for kind, why in test.nemesis.skipped.items():
        print(f"skipped {kind}: {why}")
    print("\n".join(outage_lines(test.nemesis.faults, test.accepted())))
    print(f"events: {len(history.sent)}, deliveries: {len(history.deliveries)}, records: "
          + str(sum(test.barco.acknowledged.values()) if test.barco else 0))
    print(f"requests: {checks.request_summary(history)}")
    print(f"deliveries: {checks.attempt_summary(history)}")


def report_failure(test, verdicts):
    """What else is known of the events that the verdicts name."""
    text = "\n".join("\n".join(verdict.lines()) for verdict in verdicts if verdict.broken)
    for event_id in list(dict.fromkeys(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", text)))[:5]:
        print(f"--- the story of {event_id}, in seconds since the beginning")
        print("\n".join(story(test.history, event_id, test.origin)))
    print(test.cluster.last_words())


def parse_options(arguments):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--binary", help="callboard, or fake_node.py")
    where.add_argument("--containers", nargs="?", const="callboard", metavar="PREFIX",
                       help="of the names of running containers: PREFIX-node1 ...")
    parser.add_argument("--rounds", type=int, default=1, help="how often each kind of fault happens")
    parser.add_argument("--only", nargs="+", choices=Nemesis.KINDS, metavar="KIND")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--rate", type=float, default=100.0, help="events a second, about")
    parser.add_argument("--time-scale", type=float, default=1.0, help="of the groups' timeouts")
    parser.add_argument("--outage-max-s", type=float, default=3.0)
    parser.add_argument("--drain-deadline-s", type=float, default=90.0)
    parser.add_argument("--minimum", type=int, default=5,
                        help="what each check of events must have looked at, or the run fails")
    parser.add_argument("--no-barco", dest="barco", action="store_false")
    parser.add_argument("--serve-arg", action="append", default=[], help="more for `serve`")
    parser.add_argument("--keep", choices=("failed", "always", "never"), default="failed")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse_options(arguments)
    print(f"seed {options.seed}, {options.rounds} rounds", flush=True)
    test = ClusterTest(options)
    verdicts = []
    try:
        verdicts = test.run()
    except (BrokerFailed, RuntimeError, OSError, ValueError, KeyError) as error:
        verdicts.append(checks.Verdict("the cluster lived through the test", 1,
                                       [f"{type(error).__name__}: {error}"]))
        verdicts += checks.check_surprises(test.history)
    failed = sum(bool(verdict.broken) for verdict in verdicts)
    report(test, verdicts)
    if failed:
        report_failure(test, verdicts)
    test.close(failed)
    print(f"{len(verdicts) - failed} passed, {failed} failed (seed {options.seed})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
