#!/usr/bin/env python3
# Measures delayed messages of a running broker: how late events are published, and how long a change of many takes.
"""delayed.py --port 2113 [--pending 0] [--later 20000 --rate 5000] [--cancel 100000]

pending: so many more wait for years all the while. later: so many events over 64 streams fall due at that rate; how much after their time they were recorded, by the broker's
own times. cancel: so many wait for years and are taken away by one request, while one connection publishes: its times
before and meanwhile. Prints a line each."""
import argparse
import base64
import http.client
import json
import re
import secrets
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

BATCH = 1000
FILLERS = 4
BATCH_TYPE = "application/vnd.eventstore.events+json"
LOGIN = "Basic " + base64.b64encode(b"admin:changeit").decode()


class Broker:
    def __init__(self, port):
        self.to = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def call(self, verb, path, body=None, **more):
        self.to.request(verb, path, body, {"Authorization": LOGIN, **more})
        reply = self.to.getresponse()
        text = reply.read()
        if reply.status >= 300:
            raise SystemExit(f"{verb} {path}: {reply.status} {text[:300]}")
        return text

    def publish(self, stream, events):
        self.call("POST", f"/streams/{stream}", json.dumps(events), **{"Content-Type": BATCH_TYPE})


def percentile(values, share):
    return sorted(values)[min(int(len(values) * share), len(values) - 1)] if values else float("nan")


def moment(at_s):
    return datetime.utcfromtimestamp(at_s).isoformat(timespec="milliseconds") + "Z"


def later(port, count, rate):
    broker = Broker(port)
    name = f"later-{uuid.uuid4().hex[:8]}"
    begin = time.time() + 2 + count / 10000  # by then all are scheduled
    for first in range(0, count, BATCH):
        events = []
        for n in range(first, min(first + BATCH, count)):
            due = begin + n / rate
            events.append({"eventId": str(uuid.uuid4()), "eventType": "t", "data": {"due": due}, "deliverAt": moment(due)})
        for part in range(8):  # eight of the streams each time
            some = events[part::8]
            if some:
                broker.publish(f"{name}-{(first // BATCH * 8 + part) % 64}", some)
    spare = begin - time.time()
    time.sleep(max(begin + count / rate + 2 - time.time(), 0))
    late = []
    for stream in range(min(64, -(-count // BATCH) * 8)):
        for at in range(0, count, 1000):
            page = json.loads(broker.call("GET", f"/streams/{name}-{stream}/{at}/forward/1000?embed=body",
                                          Accept="application/vnd.eventstore.atom+json"))
            for entry in page["entries"]:
                recorded = datetime.fromisoformat(re.sub(r"(\.\d+)?Z$", lambda m: f".{(m[1] or '.0')[1:]:0<6}+00:00",
                                                         entry["updated"]))
                late.append((recorded.timestamp() - json.loads(entry["data"])["due"]) * 1000)
            if len(page["entries"]) < 1000:
                break
    print(f"later: {len(late)} of {count} events at {rate}/s, scheduled {spare:.1f} s before: "
          f"lateness p50 {percentile(late, .5):.1f} p99 {percentile(late, .99):.1f} ms", flush=True)
    return len(late) == count


def fill(port, name, count, first_day):
    """So many events that wait for years, on streams called like that; how long it took."""
    def part(which):
        broker = Broker(port)
        for first in range(which * BATCH, count, FILLERS * BATCH):
            events = [{"eventId": f"{secrets.token_hex(4)}-{secrets.token_hex(2)}-4{secrets.token_hex(2)[1:]}-8000-{n:012x}",
                       "eventType": "t", "data": {"n": n}, "delay": f"{first_day + n % 1000}d"}
                      for n in range(first, min(first + BATCH, count))]
            broker.publish(f"{name}-{first // BATCH % 64}", events)

    began = time.time()
    with ThreadPoolExecutor(FILLERS) as pool:
        list(pool.map(part, range(FILLERS)))
    return time.time() - began


def cancel(port, count):
    broker = Broker(port)
    name = f"years-{uuid.uuid4().hex[:8]}"
    filled = fill(port, name, count, 3650)
    took, phase, stop = {"before": [], "meanwhile": []}, ["before"], threading.Event()

    def publish():
        own = Broker(port)
        while not stop.is_set():
            sent = time.time()
            own.publish(f"{name}-other", [{"eventId": str(uuid.uuid4()), "eventType": "t", "data": {}}])
            took[phase[0]].append((time.time() - sent) * 1000)

    publisher = threading.Thread(target=publish)
    publisher.start()
    time.sleep(5)
    phase[0], began = "meanwhile", time.time()
    job = json.loads(broker.call("DELETE", f"/delayed?kind=publish&to={moment(time.time() + 5000 * 86400)}"))["job"]
    while not (seen := json.loads(broker.call("GET", f"/delayed/jobs/{job}")))["done"]:
        time.sleep(0.1)
    seconds = time.time() - began
    stop.set()
    publisher.join()
    print(f"cancel: {seen['changed']} scheduled in {filled:.1f} s, taken away in {seconds:.2f} s; publish "
          + ", ".join(f"{when} p50 {percentile(times, .5):.2f} p99 {percentile(times, .99):.2f} ms"
                      for when, times in took.items()), flush=True)
    return seen["changed"] >= count


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--port", type=int, default=2113)
    options.add_argument("--pending", type=int, default=0)
    options.add_argument("--later", type=int, default=20000)
    options.add_argument("--rate", type=int, default=5000)
    options.add_argument("--cancel", type=int, default=100000)
    asked = options.parse_args()
    if asked.pending:
        print(f"pending: {asked.pending} scheduled in {fill(asked.port, 'pending', asked.pending, 10000):.0f} s", flush=True)
    good = asked.later == 0 or later(asked.port, asked.later, asked.rate)
    good = (asked.cancel == 0 or cancel(asked.port, asked.cancel)) and good
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
