# Pure: what must hold of topics, from what their producers and consumers saw.
import os
import sys
from collections import defaultdict

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
from checks import Verdict  # noqa: E402


def check_barco(history):
    delivered = Verdict("every acknowledged record was delivered")
    ordered = Verdict("a key's records are first delivered in order")
    stable = Verdict("an offset always holds the same record")
    repeated = Verdict("a record is stored again only if its outcome was unknown")
    placed = Verdict("a key stays in its partition, and its records lie there in order")
    known = Verdict("no record is delivered that nobody produced")
    first = {}  # (key, number) -> position in the order of arrival
    records = {}  # (partition, offset) -> (key, number)
    offsets = defaultdict(set)  # (key, number) -> {(partition, offset)}
    last = defaultdict(lambda: -1)  # key -> highest number so far
    for d in history.delivered:
        record, place = (d.key, d.number), (d.partition, d.offset)
        count = history.acknowledged.get(d.key, -1)
        known.expect(count >= 0 and d.number <= count, f"{record}, {count} are acknowledged")
        stable.expect(records.setdefault(place, record) == record,
                      f"{place} was {records[place]} and then {record}")
        offsets[record].add(place)
        if record not in first:
            first[record] = len(first)
            ordered.expect(d.number == last[d.key] + 1, f"{record} after {last[d.key]}")
            last[d.key] = max(last[d.key], d.number)
    for key, count in history.acknowledged.items():
        for number in range(count):
            delivered.expect((key, number) in first, f"{key}:{number}")
    by_key = defaultdict(list)  # key -> its records' first offsets, in order of number
    for record, places in sorted(offsets.items()):
        allowed = 1 + history.unknown.get(record, 0)
        repeated.expect(len(places) <= allowed, f"{record} is at {sorted(places)}, allowed {allowed}")
        by_key[record[0]].append(min(places))
    for key, places in by_key.items():
        placed.expect(len({partition for partition, _ in places}) == 1 and places == sorted(places),
                      f"{key}: {places[:20]}")
    surprises = Verdict("every answer of the Barco dialect was one that a broker may give")
    surprises.broken = list(history.surprises)
    return [delivered, ordered, stable, repeated, placed, known, surprises]
