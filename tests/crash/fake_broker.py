# A tiny broker with the same command line, durable in one file, that can be told to lie.
"""
Only for `selftest.py`: a correct broker in miniature, and with --bug NAME one that breaks exactly
one promise. A line is written (not flushed: the page cache survives kill -9) before the answer.
"""
import argparse
import json
import os
import re
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

BUGS = {
    "lose_publish": "answers 201 to an event now and then and forgets it in the next crash",
    "forget_ids": "forgets in a crash which ids were published",
    "gap": "skips an event number now and then",
    "swap_data": "delivers an event with other data now and then",
    "redeliver_acked": "forgets an ack now and then in the next crash",
    "forget_attempts": "forgets in a crash what was leased",
    "too_many_attempts": "parks one delivery too late",
    "early_retry": "half the delay of a retry",
    "early_lease_end": "half the lease",
    "lose_delivery": "settles an event now and then that nobody was given",
    "park_twice": "parks an event twice now and then",
    "park_nothing": "forgets an event now and then instead of parking it",
    "wrong_count": "counts one settled event too many",
    "refuse": "answers 400 to a publish now and then",
    "bad_exit": "ends with 3 when it is asked to stop",
    "slow_exit": "never ends when it is asked to stop",
    "bad_check": "finds something wrong with every folder",
    "forget_at_stop": "loses the last parked event in a clean stop",
}


class Group:
    def __init__(self, settings):
        self.settings = settings
        self.next = 0  # nothing below is ready
        self.open = {}  # number -> [state, attempt, due]; leased or retry
        self.parked = []  # (number, reason)
        self.settled = 0


class Broker:
    """All state is what the lines of the file add up to."""

    def __init__(self, folder, bug):
        os.makedirs(folder, exist_ok=True)
        self.bug = bug
        self.streams = {}  # name -> [event]
        self.ids = {}  # (stream, id) -> number
        self.remembered = {}  # the same, of publishes that are repeats if they come again
        self.groups = {}
        self.changed = threading.Condition()
        self.counters = {}
        path = os.path.join(folder, "log")
        if os.path.exists(path):
            with open(path, "rb") as log:
                for line in log.read().split(b"\n")[:-1]:
                    self.apply(json.loads(line))
        if bug == "forget_ids":
            self.remembered = {}
        self.file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def sometimes(self, bug, every):
        """True in one of `every` calls if the broker has this bug."""
        if self.bug != bug:
            return False
        self.counters[bug] = self.counters.get(bug, 0) + 1
        return self.counters[bug] % every == 0

    def record(self, durable=True, **change):
        if durable:
            os.write(self.file, json.dumps(change).encode() + b"\n")
        self.apply(change)
        self.changed.notify_all()

    def apply(self, change):
        kind = change["do"]
        if kind == "publish":
            events = self.streams.setdefault(change["stream"], [])
            for event in change["events"]:
                self.ids[change["stream"], event["eventId"]] = event["number"]
                self.remembered[change["stream"], event["eventId"]] = event["number"]
                events.append(event)
            return
        key = tuple(change["key"])
        if kind == "create":
            self.groups[key] = Group(change["settings"])
            return
        group, number = self.groups[key], change["number"]
        if kind in ("lease", "retry"):
            group.next = max(group.next, number + 1)
            group.open[number] = [kind, change["attempt"], change["due"]]
        elif kind == "settle":
            group.next = max(group.next, number + 1)
            group.settled += 1
            group.open.pop(number, None)
        elif kind == "park":
            group.open.pop(number, None)
            group.parked.append((number, change["reason"]))

    def publish(self, stream, events):
        known = self.remembered.get((stream, events[0]["eventId"]))
        if known is not None:
            return known
        next_number = self.streams[stream][-1]["number"] + 1 if self.streams.get(stream) else 0
        next_number += self.sometimes("gap", 10)
        for position, event in enumerate(events):
            event["number"] = next_number + position
            event["updated"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.record(durable=not self.sometimes("lose_publish", 8), do="publish", stream=stream,
                    events=events)
        return next_number

    def fetch(self, key, count, wait_s):
        until = time.time() + wait_s
        while True:
            self.tick(key)
            numbers = self.ready(key)[:count]
            if numbers or time.time() >= until:
                break
            self.changed.wait(timeout=0.02)
        return [self.lease(key, number) for number in numbers]

    def ready(self, key):
        group = self.groups[key]
        due = sorted(n for n, (state, _, at) in group.open.items()
                     if state == "retry" and at <= time.time())
        fresh = [e["number"] for e in self.streams.get(key[0], []) if e["number"] >= group.next]
        if fresh and self.sometimes("lose_delivery", 50):
            self.record(do="settle", key=key, number=fresh.pop(0))
        return due + fresh

    def lease(self, key, number):
        group = self.groups[key]
        attempt = group.open[number][1] + 1 if number in group.open else 1
        timeout = group.settings["messageTimeoutMilliseconds"] / 1000
        due = time.time() + timeout * (0.5 if self.bug == "early_lease_end" else 1)
        self.record(durable=self.bug != "forget_attempts", do="lease", key=key, number=number,
                    attempt=attempt, due=due)
        return number, attempt

    def tick(self, key):
        """Ends the leases that are over."""
        for number, (state, attempt, due) in list(self.groups[key].open.items()):
            if state == "lease" and due <= time.time():
                self.give_back(key, number, attempt, None)

    def give_back(self, key, number, attempt, delay_s):
        settings = self.groups[key].settings
        if attempt > settings["maxRetryCount"] + (self.bug == "too_many_attempts"):
            return self.park(key, number, f"Reached retry count of {settings['maxRetryCount']}")
        if delay_s is None:
            delays = settings.get("retrySchedule", {}).get("delaysMilliseconds", [0])
            delay_s = delays[min(attempt, len(delays)) - 1] / 1000
        due = time.time() + delay_s * (0.5 if self.bug == "early_retry" else 1)
        self.record(do="retry", key=key, number=number, attempt=attempt, due=due)

    def park(self, key, number, reason):
        if self.sometimes("park_nothing", 3):
            return self.record(do="settle", key=key, number=number)
        for _ in range(2 if self.sometimes("park_twice", 5) else 1):
            self.record(do="park", key=key, number=number, reason=reason)

    def settle(self, key, verb, ids, action, delay_s):
        self.tick(key)
        group = self.groups[key]
        for event_id in ids:
            number = self.ids.get((key[0], event_id))
            if number is None or group.open.get(number, [""])[0] != "lease":
                continue
            if verb == "ack" or action == "skip":
                self.record(durable=not self.sometimes("redeliver_acked", 20), do="settle",
                            key=key, number=number)
            elif action == "park":
                self.park(key, number, "Client explicitly NAK'ed message.\nNacked from HTTP")
            else:
                self.give_back(key, number, group.open[number][1], delay_s)

    def info(self, key):
        self.tick(key)
        group = self.groups[key]
        states = [state for state, _, _ in group.open.values()]
        last = len(self.streams.get(key[0], [])) - 1
        checkpoint = min(group.open, default=group.next) - 1
        return {"config": group.settings,
                "settledMessageCount": group.settled + (self.bug == "wrong_count"),
                "parkedMessageCount": len(group.parked), "lastProcessedEventNumber": checkpoint,
                "lastKnownEventNumber": last, "retryBufferCount": states.count("retry"),
                "totalInFlightMessages": states.count("lease"),
                "readyMessageCount": last + 1 - group.next}

    def entry(self, stream, event, attempt=None, link=None):
        data = event["data"]
        if attempt is not None and self.sometimes("swap_data", 40):
            data = {"publisher": -1}
        return {"eventId": event["eventId"], "eventNumber": event["number"],
                "positionEventNumber": event["number"] if link is None else link[0],
                "linkMetaData": None if link is None else json.dumps({"reason": link[1]}),
                "retryCount": (attempt or 1) - 1, "data": json.dumps(data),
                "title": f"{event['number']}@{stream}", "updated": event["updated"]}

    def forget_last_parked(self):
        """The bug of the same name."""
        keys = {key for key, group in self.groups.items() if group.parked}
        with open(os.path.join(f"/proc/self/fd/{self.file}"), "rb") as log:
            lines = log.read().split(b"\n")[:-1]
        for at in range(len(lines) - 1, -1, -1):
            change = json.loads(lines[at])
            if change["do"] == "park" and tuple(change["key"]) in keys:
                del lines[at]
                break
        os.ftruncate(self.file, 0)
        os.write(self.file, b"\n".join(lines) + b"\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet an answer
    broker: Broker

    def log_message(self, *_):
        pass

    def answer(self, status, document=None, **headers):
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = urlsplit(self.path).path
        broker = self.broker
        with broker.changed:
            if path == "/health/live":
                return self.answer(204)
            if found := re.fullmatch(r"/streams/(\w+)/(\d+)/forward/(\d+)", path):
                stream, first, count = found[1], int(found[2]), int(found[3])
                page = [e for e in broker.streams.get(stream, []) if e["number"] >= first][:count]
                return self.feed([broker.entry(stream, e) for e in page])
            view = r"/subscriptions/viewparkedmessages/(\w+)/(\w+)/(\d+)/forward/(\d+)"
            if found := re.fullmatch(view, path):
                links = list(enumerate(broker.groups[found[1], found[2]].parked))
                events = {e["number"]: e for e in broker.streams[found[1]]}
                return self.feed([broker.entry(found[1], events[number], link=(at, reason))
                                  for at, (number, reason) in
                                  links[int(found[3]):int(found[3]) + int(found[4])]
                                  if number in events])
            if found := re.fullmatch(r"/subscriptions/(\w+)/(\w+)/info", path):
                return self.answer(200, broker.info((found[1], found[2])))
            found = re.fullmatch(r"/subscriptions/(\w+)/(\w+)/(\d+)", path)
            key = (found[1], found[2])
            leased = broker.fetch(key, int(found[3]), int(self.headers.get("ES-LongPoll", 0)))
            events = {e["number"]: e for e in broker.streams.get(key[0], [])} if leased else {}
            self.feed([broker.entry(key[0], events[number], attempt) for number, attempt in leased])

    def feed(self, entries):
        self.answer(200, {"entries": entries[::-1]})

    def do_PUT(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = tuple(urlsplit(self.path).path.split("/")[2:4])
        with self.broker.changed:
            if key in self.broker.groups:
                return self.answer(409)
            self.broker.record(do="create", key=key, settings=body)
            self.answer(201)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts, query = urlsplit(self.path), parse_qs(urlsplit(self.path).query)
        broker = self.broker
        with broker.changed:
            if found := re.fullmatch(r"/streams/(\w+)", parts.path):
                if broker.sometimes("refuse", 10):
                    return self.answer(400)
                events = (json.loads(body) if "events+json" in self.headers["Content-Type"] else
                          [{"eventId": self.headers["ES-EventId"], "data": json.loads(body)}])
                number = broker.publish(found[1], events)
                if broker.bug == "forget_ids":  # a crash between record and answer is more likely
                    broker.changed.wait_for(lambda: False, timeout=0.1)
                return self.answer(201, Location=f"http://x/streams/{found[1]}/{number}")
            found = re.fullmatch(r"/subscriptions/(\w+)/(\w+)/(ack|nack)(?:/([^/]+))?", parts.path)
            ids = [found[4]] if found[4] else query["ids"][0].split(",")
            delay = query.get("delay", [None])[0]
            broker.settle((found[1], found[2]), found[3], ids, query.get("action", ["retry"])[0],
                          int(delay[:-2]) / 1000 if delay else None)
            self.answer(202)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=("serve", "check"))
    parser.add_argument("--data", required=True)
    parser.add_argument("--http")
    parser.add_argument("--barco")
    parser.add_argument("--bug", choices=BUGS)
    options = parser.parse_args()
    marker = os.path.join(options.data, "bad_check")
    if options.verb == "check":
        return 2 if os.path.exists(marker) else 0
    broker = Handler.broker = Broker(options.data, options.bug)
    if options.bug == "bad_check":
        open(marker, "w").close()
    ThreadingHTTPServer.daemon_threads = True
    ThreadingHTTPServer.request_queue_size = 64
    host, port = options.http.rsplit(":", 1)
    server = ThreadingHTTPServer((host, int(port)), Handler)

    def stop(*_):
        if options.bug == "slow_exit":
            return
        if options.bug == "forget_at_stop":
            broker.forget_last_parked()
        os._exit(3 if options.bug == "bad_exit" else 0)

    signal.signal(signal.SIGTERM, stop)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
