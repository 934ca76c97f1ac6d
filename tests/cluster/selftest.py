# Proves that the cluster test catches each broken promise: a fake cluster with one bug each, made-up histories.
"""
    selftest.py [--jobs 4] [--only BUG]

Runs the whole of `cluster_test.py` (real processes, kill -9, an orderly restart) against three
`fake_node.py`; topics and outages, which the fake has not, are checked on histories written by hand.
"""
import argparse
import contextlib
import copy
import itertools
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import fake_node
from barco_checks import check_barco
from barco_load import BarcoHistory, Delivered
from cluster_checks import check_outages
from nemesis import Fault
from nodes import Links, free_ports, host_of

HERE = os.path.dirname(os.path.abspath(__file__))

# Which verdict must fail; others may fail with it.
CAUGHT_BY = {
    "lose_publish": "every published event is in its stream exactly once",
    "forget_ids": "every published event is in its stream exactly once",
    "redeliver_acked": "what was acked, skipped or parked with a 202 was never delivered again",
    "forget_attempts": "every delivery of an event has an attempt of its own",
    "too_many_attempts": "no event was delivered more than 1 + maxRetryCount times",
    "park_twice": "nothing is parked twice",
    "refuse": "every answer was one that a broker may give",
    "bad_exit": "every node stops, refuses and is checked as it should",
    "bad_check": "`callboard check` finds nothing in any folder",
    "reorder": "a publisher's events are in its order, a batch in one piece",
    "diverge": "node 2 as the leader answers as node 1 does",
    "weak": "a 201 names fsync and a majority of the replicas",
    "slow_takeover": "a publish is accepted within 3 s of each fault",
    "rough_takeover": "in a rolling restart no request fails that is repeated once",
    "stuck": "everything published is settled or parked in time",
}


def cluster_test(bug, seed):
    command = [sys.executable, "-B", os.path.join(HERE, "cluster_test.py"), "--binary",
               os.path.join(HERE, "fake_node.py"), "--no-barco", "--only", "kill_leader", "kill_all",
               "rolling_restart", "--time-scale", "0.4", "--drain-deadline-s", "15", "--minimum", "0",
               "--keep", "never", "--seed", str(seed)]
    if bug:
        command.append(f"--serve-arg=--bug={bug}")
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=300)


def run_fake(bug):
    """What went wrong with this one, or nothing, and the output."""
    # A bug shows only in events that happen to meet it: another seed, other events.
    for seed in (1, 2, 3):
        done = cluster_test(bug, seed)
        if bug is None:
            return None if done.returncode == 0 else "a cluster without a bug failed", done.stdout
        failures = [line for line in done.stdout.splitlines() if line.startswith("FAIL ")]
        if done.returncode == 1 and any(CAUGHT_BY[bug] in line for line in failures):
            return None, done.stdout
    return f"not caught: {fake_node.BUGS[bug]}", done.stdout


def sound_topics():
    """Two keys in two partitions; the last batch of one came twice, one record is stored twice."""
    out = BarcoHistory({"a": 4, "b": 2}, {("b", 1): 1})
    for key, number, partition, offset in (("a", 0, 0, 0), ("a", 1, 0, 1), ("b", 0, 1, 0),
                                           ("a", 2, 0, 2), ("a", 3, 0, 3), ("a", 2, 0, 2),
                                           ("a", 3, 0, 3), ("b", 1, 1, 1), ("b", 1, 1, 2)):
        out.delivered.append(Delivered(key, number, (0, partition), offset))
    return out


def broken_topics():
    """(what, history, which verdict)"""
    def with_change(change):
        history = copy.deepcopy(sound_topics())
        change(history)
        return history

    def swap(history):
        history.delivered[3], history.delivered[4] = history.delivered[4], history.delivered[3]

    def set_offset(at, offset):
        return lambda history: setattr(history.delivered[at], "offset", offset)

    yield ("lost record", with_change(lambda h: h.acknowledged.update(a=5)),
           "every acknowledged record was delivered")
    yield "reordered records", with_change(swap), "a key's records are first delivered in order"
    yield ("duplicated record", with_change(lambda h: h.unknown.clear()),
           "a record is stored again only if its outcome was unknown")
    yield "changed offset", with_change(set_offset(3, 1)), "an offset always holds the same record"
    yield ("order in the log", with_change(set_offset(0, 9)),
           "a key stays in its partition, and its records lie there in order")
    yield ("invented record",
           with_change(lambda h: h.delivered.append(Delivered("c", 0, (0, 0), 9))),
           "no record is delivered that nobody produced")


def fails(verdicts):
    return {verdict.promise for verdict in verdicts if verdict.broken}


def run_made_up():
    """(name, what is wrong or None)"""
    yield "sound topics", ", ".join(fails(check_barco(sound_topics()))) or None
    for what, history, promise in broken_topics():
        yield what, None if promise in fails(check_barco(history)) else f"not caught: {promise}"
    fault = Fault("kill_leader", 1, True, 10.0, 10.0, 20.0)
    steady = [(10.0 + i / 10, 10.05 + i / 10) for i in range(100)]
    late = [(sent, ended) for sent, ended in steady if sent > 13.5]
    hole = [(sent, ended) for sent, ended in steady if not 14 < sent < 17.5]
    for what, accepted, broken in (("no outage", steady, 0), ("a late first publish", late, 2),
                                   ("never again", [], 2), ("a gap later on", hole, 1)):
        found = len(fails(check_outages([fault], accepted, 3.0)))
        yield what, None if found == broken else f"{found} verdicts failed, expected {broken}"


def run_links():
    """The proxy between the nodes, with an echo as node 2."""
    chance = random.Random()
    port = free_ports(chance, 1)
    echo = socket.create_server((host_of(2), port))
    threading.Thread(target=serve_echo, args=(echo,), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        links = Links(folder, chance, port)
        host, link_port = links.address(1, 2).split(":")
        client = socket.create_connection((host, int(link_port)), timeout=5)
        yield "a link passes", None if echoes(client, b"one") else "nothing came back"
        links.tell("drop", 1, 2)
        client.settimeout(0.3)
        yield "a cut link passes nothing", "bytes came back" if echoes(client, b"two") else None
        links.tell("heal", 1, 2)
        client.settimeout(5)
        yield "a healed link passes what waited", None if client.recv(9) == b"two" else "it is lost"
        links.tell("refuse", 1, 2)
        yield "a refused link is closed", "it is open" if echoes(client, b"three") else None
        links.close()
    echo.close()


def serve_echo(server):
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            while data := connection.recv(100):
                connection.sendall(data)


def echoes(client, data):
    try:
        client.sendall(data)
        return client.recv(100) == data
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--only", choices=sorted(CAUGHT_BY))
    options = parser.parse_args()
    assert set(CAUGHT_BY) == set(fake_node.BUGS), "each bug needs the check that catches it"
    bugs = [options.only] if options.only else [None, *CAUGHT_BY]
    results = []
    for name, wrong in [] if options.only else itertools.chain(run_links(), run_made_up()):
        print(f"{'FAIL' if wrong else 'ok  '} {name}{': ' + wrong if wrong else ''}")
        results.append(wrong)
    with ThreadPoolExecutor(options.jobs) as pool:
        for bug, (wrong, output) in zip(bugs, pool.map(run_fake, bugs)):
            print(f"{'FAIL' if wrong else 'ok  '} {bug or 'no bug'}{': ' + wrong if wrong else ''}")
            if wrong or options.only:
                print(output)
            results.append(wrong)
    failed = sum(wrong is not None for wrong in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
