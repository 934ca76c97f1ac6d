# Pure: from what clients did and saw, and what the broker says in the end, to a list of verdicts.
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

# Deadlines are whole milliseconds on the broker's side, and its clock is read again at a restart.
MARGIN_S = 0.02
SHOWN_MAX = 5


@dataclass
class Verdict:
    """One promise: how many things were looked at, and what broke it."""

    promise: str
    looked_at: int = 0
    broken: list = field(default_factory=list)

    def expect(self, true, text):
        self.looked_at += 1
        if not true:
            self.broken.append(text)

    def lines(self):
        head = f"{'FAIL' if self.broken else 'ok  '} {self.promise} ({self.looked_at})"
        shown = [f"       {text}" for text in self.broken[:SHOWN_MAX]]
        rest = len(self.broken) - SHOWN_MAX
        return [head] + shown + ([f"       and {rest} more"] if rest > 0 else [])


def check_streams(history, final):
    once = Verdict("every published event is in its stream exactly once")
    contiguous = Verdict("event numbers are contiguous from 0")
    known = Verdict("nothing is in a stream that nobody published, and data is what was sent")
    located = Verdict("a 2xx named the number that the event has")
    ordered = Verdict("a publisher's events are in its order, a batch in one piece")
    copies = defaultdict(list)  # event id -> numbers
    for stream, entries in final.streams.items():
        for position, entry in enumerate(entries):
            contiguous.expect(entry["eventNumber"] == position,
                              f"{stream} has number {entry['eventNumber']} at position {position}")
            sent = history.sent.get(entry["eventId"])
            known.expect(sent is not None and sent.stream == stream
                         and json.loads(entry["data"]) == sent.data,
                         f"{entry['eventNumber']}@{stream} {entry['eventId']} {entry['data'][:80]}")
            copies[entry["eventId"]].append(entry["eventNumber"])
    for sent in history.sent.values():
        numbers = copies[sent.event_id]
        once.expect(len(numbers) == 1, f"{sent.event_id} of {sent.stream}, answered with number "
                                       f"{sent.number}, is there as {numbers}")
        if sent.number >= 0 and numbers:
            located.expect(sent.number in numbers,
                           f"{sent.event_id} was {sent.number} and is {numbers}")
    by_publisher = defaultdict(list)
    for sent in history.sent.values():
        if len(copies[sent.event_id]) == 1:
            by_publisher[sent.publisher].append((sent, copies[sent.event_id][0]))
    for pairs in by_publisher.values():
        pairs.sort(key=lambda pair: pair[0].order)
        for (a, first), (b, second) in zip(pairs, pairs[1:]):
            right = second == first + 1 if a.batch == b.batch else second > first
            ordered.expect(right, f"publisher {a.publisher}: order {a.order} is {first}, "
                                  f"order {b.order} is {second}")
    return [once, contiguous, known, located, ordered]


class GroupStory:
    """What happened to each event in one group."""

    def __init__(self, plan, history, final):
        self.plan = plan
        self.history = history
        self.deliveries = defaultdict(list)
        self.settles = defaultdict(list)
        for delivery in history.deliveries:
            if delivery.group == plan.key:
                self.deliveries[delivery.event_id].append(delivery)
        for settle in history.settles:
            if settle.group == plan.key:
                self.settles[settle.event_id].append(settle)
        for some in self.deliveries.values():
            some.sort(key=lambda d: (d.attempt, d.received))
        self.parked = defaultdict(list)  # event id -> reasons
        for entry in final.parked.get(plan.key, []):
            reason = json.loads(entry.get("linkMetaData") or "{}").get("reason", "")
            self.parked[entry["eventId"]].append(reason)
        self.info = final.infos.get(plan.key, {})
        self.published = [s for s in history.sent.values() if s.stream == plan.stream]

    def leased_after(self, event_id, asked):
        """The lease of a delivery that was asked for then began at this time or later."""
        sent = self.history.sent.get(event_id)
        return max(asked, sent.first_sent) if sent else asked

    def certain(self, settle):
        """It took effect: 202 came while the lease it answers certainly lived, and no other
        request can have ended that lease before."""
        begin = self.leased_after(settle.event_id, settle.asked)
        if settle.status != 202 or settle.ended > begin + self.plan.timeout_ms / 1000 - MARGIN_S:
            return False
        if self.may_be_forgotten(begin, settle.ended):
            return False
        return not any(other is not settle and other.sent < settle.ended and other.ended > begin
                       for other in self.settles[settle.event_id])

    def may_be_forgotten(self, begin, end):
        """A lazy lease that is lost with its leader is no lease for the next one."""
        return self.plan.lazy and any(first < end and begin < last
                                      for first, last in self.history.disturbed)

    def certain_settles(self, *verbs):
        return [s for some in self.settles.values() for s in some
                if s.verb in verbs and self.certain(s)]


def check_attempts(stories, history):
    bounded = Verdict("no event was delivered more than 1 + maxRetryCount times")
    distinct = Verdict("every delivery of an event has an attempt of its own")
    for story in stories:
        attempts_max = 1 + story.plan.max_retry_count
        # A lazy group may forget one attempt in each crash; that is its bargain.
        forgiven = history.kills if story.plan.lazy else 0
        for event_id, some in story.deliveries.items():
            numbers = [d.attempt for d in some]
            bounded.expect(len(numbers) <= attempts_max + forgiven and max(numbers) <= attempts_max,
                           f"{story.plan.key} {event_id}: attempts {numbers}, most {attempts_max}")
            if not story.plan.lazy:
                distinct.expect(len(set(numbers)) == len(numbers),
                                f"{story.plan.key} {event_id}: attempts {numbers}")
    return [bounded, distinct]


def check_settled(stories):
    final = Verdict("what was acked, skipped or parked with a 202 was never delivered again")
    for story in stories:
        for settle in story.certain_settles("ack", "skip", "park"):
            later = [d for d in story.deliveries[settle.event_id]
                     if d.asked > settle.ended
                     or (d.attempt > settle.attempt and not story.plan.lazy)]
            final.expect(not later, f"{story.plan.key} {settle.event_id}: {settle.verb} of attempt "
                                    f"{settle.attempt}, then attempts {[d.attempt for d in later]}")
    return [final]


def check_parked(stories):
    poison = Verdict("poison is parked, exactly once")
    explicit = Verdict("what was parked with a 202 is parked, with that reason")
    acked = Verdict("what was acked or skipped with a 202 is not parked")
    single = Verdict("nothing is parked twice")
    for story in stories:
        for sent in story.published:
            if sent.poison:
                count = len(story.parked.get(sent.event_id, []))
                poison.expect(count == 1, f"{story.plan.key} {sent.event_id}: parked {count} times")
        for settle in story.certain_settles("park"):
            reasons = story.parked.get(settle.event_id, [])
            explicit.expect(len(reasons) == 1 and "explicitly" in reasons[0],
                            f"{story.plan.key} {settle.event_id}: parked as {reasons}")
        for settle in story.certain_settles("ack", "skip"):
            acked.expect(settle.event_id not in story.parked, f"{story.plan.key} {settle.event_id}")
        for event_id, reasons in story.parked.items():
            single.expect(len(reasons) == 1, f"{story.plan.key} {event_id}: {reasons}")
    return [poison, explicit, acked, single]


def check_times(stories):
    delayed = Verdict("no nacked event came back before its time")
    leased = Verdict("no silent lease ended before its time")
    for story in stories:
        plan = story.plan
        for event_id, some in story.deliveries.items():
            settles = story.settles[event_id]
            for earlier, later in zip(some, some[1:]):
                begin = story.leased_after(event_id, earlier.asked)
                if later.attempt <= earlier.attempt or (plan.lazy and later.received < begin):
                    continue  # a forgotten lazy lease, or two: attempts began anew
                if story.may_be_forgotten(begin, later.received):
                    continue
                between = [s for s in settles if s.sent < later.received and s.ended > begin]
                if not between:
                    due = begin + plan.timeout_ms / 1000 + plan.scheduled_delay_s(earlier.attempt)
                    leased.expect(later.received >= due - MARGIN_S,
                                  f"{plan.key} {event_id}: attempt {later.attempt} came "
                                  f"{due - later.received:.3f} s early")
                elif len(between) == 1 and between[0].verb == "retry" and story.certain(between[0]):
                    nack = between[0]
                    delay = (plan.scheduled_delay_s(nack.attempt) if nack.delay_s is None
                             else nack.delay_s)
                    delayed.expect(later.received >= nack.sent + delay - MARGIN_S,
                                   f"{plan.key} {event_id}: attempt {later.attempt} came "
                                   f"{nack.sent + delay - later.received:.3f} s early")
    return [delayed, leased]


def check_leases(stories):
    fenced = Verdict("a settle with a lease that is over changes nothing")
    for story in stories:
        for settle in (s for some in story.settles.values() for s in some if s.lease and s.status == 202):
            newer = [d for d in story.deliveries[settle.event_id]
                     if d.attempt > settle.attempt and d.received < settle.sent]
            fenced.expect(not newer, f"{story.plan.key} {settle.event_id}: {settle.verb} of {settle.lease}, attempt "
                                     f"{settle.attempt}, after attempt {[d.attempt for d in newer]}")
    return [fenced]


def check_later(history, final):
    timely = Verdict("nothing that was published for later was appended before its time")
    for entries in final.streams.values():
        for entry in entries:
            sent = history.sent.get(entry["eventId"])
            if sent is not None and sent.not_before:
                appended = datetime.fromisoformat(entry["updated"].replace("Z", "+00:00")).timestamp()
                timely.expect(appended >= sent.not_before - MARGIN_S,
                              f"{sent.event_id} came {sent.not_before - appended:.3f} s early")
    return [timely]


def check_complete(stories):
    excused = Verdict("what is settled, some client asked to settle")
    counts = Verdict("published = settled + parked, and nothing is left over")
    for story in stories:
        for sent in story.published:
            asked = any(s.verb in ("ack", "skip") for s in story.settles[sent.event_id])
            excused.expect(asked or sent.event_id in story.parked,
                           f"{story.plan.key} {sent.event_id} was neither parked nor acked: "
                           f"delivered {len(story.deliveries[sent.event_id])} times")
        info, published = story.info, len(story.published)
        parked = sum(map(len, story.parked.values()))
        told = {name: info.get(name) for name in
                ("settledMessageCount", "parkedMessageCount", "retryBufferCount",
                 "totalInFlightMessages", "readyMessageCount", "lastProcessedEventNumber")}
        right = {"settledMessageCount": published - parked, "parkedMessageCount": parked,
                 "retryBufferCount": 0, "totalInFlightMessages": 0, "readyMessageCount": 0,
                 "lastProcessedEventNumber": published - 1}
        counts.expect(told == right, f"{story.plan.key}: {told}, expected {right}")
    return [excused, counts]


def check_surprises(history):
    verdict = Verdict("every answer was one that a broker may give", sum(history.requests.values()))
    verdict.broken = list(history.surprises)
    return [verdict]


def check_exercised(history, verdicts, minimum):
    """A check that looked at nothing has shown nothing."""
    verdict = Verdict("the run exercised what it checks")
    verdict.expect(history.kills > 0, "the broker was never killed")
    for other in verdicts:
        verdict.expect(other.looked_at >= minimum,
                       f"only {other.looked_at} times: {other.promise}")
    return [verdict]


def check_all(history, final, plans, minimum=1):
    stories = [GroupStory(plan, history, final) for plan in plans]
    verdicts = (check_streams(history, final) + check_attempts(stories, history)
                + check_settled(stories) + check_parked(stories) + check_times(stories)
                + check_complete(stories))
    if any(plan.by_settle for plan in plans):
        verdicts += check_leases(stories) + check_later(history, final)
    return verdicts + check_surprises(history) + check_exercised(history, verdicts, minimum)


def answers(final):
    """What must be the same after a clean stop and start, in a form that can be compared."""
    kept = ("config", "settledMessageCount", "parkedMessageCount", "lastProcessedEventNumber",
            "lastKnownEventNumber", "readyMessageCount", "totalInFlightMessages",
            "retryBufferCount")
    feeds = {str(name): [(e["positionEventNumber"], e["eventId"], e.get("data"), e["updated"])
                         for e in entries]
             for some in (final.streams, final.parked) for name, entries in some.items()}
    infos = {str(key): {name: info.get(name) for name in kept} for key, info in final.infos.items()}
    return {"feeds": feeds, "infos": infos}


def differences(before, after, promise):
    verdict = Verdict(promise)
    for kind in before:
        for name in before[kind]:
            verdict.expect(before[kind][name] == after[kind].get(name), f"{kind} of {name}")
    return verdict


def request_summary(history):
    return ", ".join(f"{what} {status or 'unknown'}: {count}"
                     for (what, status), count in sorted(history.requests.items()))


def attempt_summary(history):
    spread = Counter(d.attempt for d in history.deliveries)
    return ", ".join(f"attempt {attempt}: {count}" for attempt, count in sorted(spread.items()))
