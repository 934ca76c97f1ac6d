# Pure: verdicts that only a cluster needs, from what probes, faults and nodes told.
import os
import statistics
import sys
from collections import defaultdict

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
from checks import Verdict  # noqa: E402

NOT_MEASURED = ("rolling_restart",)  # several stops; its clients have a verdict of their own


def outage_s(accepted, since):
    """From `since` until a publish was accepted that was sent later than that; None: never."""
    return min((ended - since for sent, ended in accepted if sent >= since), default=None)


def longest_gap_s(accepted, begin, end):
    """The longest time within [begin, end) in which nothing was accepted."""
    times = [begin] + sorted(t for _, t in accepted if begin <= t < end) + [end]
    return max(later - earlier for earlier, later in zip(times, times[1:]))


def check_outages(faults, accepted, outage_max_s):
    """`accepted`: (sent, ended) of all probes."""
    first = Verdict(f"a publish is accepted within {outage_max_s:g} s of each fault")
    gaps = Verdict(f"no pause is longer than {outage_max_s:g} s while a fault lasts or heals")
    for fault in faults:
        if fault.kind in NOT_MEASURED:
            continue
        took = outage_s(accepted, fault.measured_from)
        first.expect(took is not None and took <= outage_max_s,
                     f"{fault.kind} of node {fault.node}: {'never' if took is None else round(took, 2)}")
        gap = longest_gap_s(accepted, fault.measured_from, fault.healed)
        gaps.expect(gap <= outage_max_s, f"{fault.kind} of node {fault.node}: {gap:.2f} s")
    return [first, gaps]


def outage_lines(faults, accepted):
    """p50 and max for each kind of fault."""
    times = defaultdict(list)
    gaps = defaultdict(list)
    for fault in faults:
        took = outage_s(accepted, fault.measured_from)
        if fault.kind not in NOT_MEASURED and took is not None:
            kind = f"{fault.kind} ({'leader' if fault.led else 'follower'})"
            times[kind].append(took)
            gaps[kind].append(longest_gap_s(accepted, fault.measured_from, fault.healed))
    return [f"outage {kind}: p50 {statistics.median(some):.2f} s, max {max(some):.2f} s, longest gap "
            f"{max(gaps[kind]):.2f} s, n={len(some)}" for kind, some in sorted(times.items())]


def check_durability(history):
    """All that a probe's 201 named."""
    verdict = Verdict("a 201 names fsync and a majority of the replicas")
    for (what, value), count in history.requests.items():
        if what == "durability":
            verdict.expect(value in ("fsync, replicas=2/3", "fsync, replicas=3/3"),
                           f"{count} times {value!r}")
    return [verdict]


def check_rolling(clients, restarts):
    """`restarts`: how many there were; without one, nothing is asked."""
    verdict = Verdict("in a rolling restart no request fails that is repeated once",
                      sum(client.asked for client in clients))
    verdict.broken = [text for client in clients for text in client.failed]
    exercised = Verdict("a rolling restart met requests")
    exercised.expect(not restarts or verdict.looked_at >= 20 * restarts, f"only {verdict.looked_at}")
    return [verdict, exercised]


def check_nodes(nemesis):
    verdict = Verdict("every node stops, refuses and is checked as it should",
                      len(nemesis.faults))
    verdict.broken = list(nemesis.broken)
    return [verdict]


def story(history, event_id, origin):
    """Everything that is known of one event, as lines in order of time."""
    lines = []
    if sent := history.sent.get(event_id):
        lines.append((sent.first_sent, f"first sent to {sent.stream} by publisher {sent.publisher}, "
                                       f"number {sent.number}"))
    for d in history.deliveries:
        if d.event_id == event_id:
            lines.append((d.received, f"{d.group}: delivered, attempt {d.attempt}, number "
                                      f"{d.number}, asked at {d.asked - origin:.3f}"))
    for s in history.settles:
        if s.event_id == event_id:
            lines.append((s.sent, f"{s.group}: {s.verb} of attempt {s.attempt} answered {s.status} "
                                  f"at {s.ended - origin:.3f}"))
    return [f"{when - origin:9.3f} {text}" for when, text in sorted(lines)]
