# Hostile clients, one kind after the other, while somebody publishes and consumes a hundred events a second.
import multiprocessing
import random
import resource
import time

import hostile
from legitimate import GROUP, STREAM, Legitimate
from pack import Broker, Client, Row, Scratch, Verdict, say

# What requests and answers may take (128 MiB each), recent events (48), LMDB's pages (64), and the program itself.
RSS_MAX_MIB = 420
GROWS_S = {"10,000 idle connections": 25.0}  # until a crowd has its size
QUICK = ("slow headers", "huge and deep bodies", "HTTP/2 rapid reset")


def allow_descriptors():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    return limit[1]


class Attack:
    """One kind of hostile client, in a process of its own."""

    def __init__(self, kind, ports, scale):
        self.stop_asked = multiprocessing.Event()
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=self.work, args=(kind, ports, scale, theirs), daemon=True)
        self.process.start()

    def work(self, kind, ports, scale, pipe):
        pipe.send(dict(hostile.KINDS[kind](ports, self.stop_asked, scale)))

    def stop(self):
        """What became of its connections; nothing if it died."""
        self.stop_asked.set()
        out = self.pipe.recv() if self.pipe.poll(30) else None
        self.process.join(10)
        if self.process.is_alive():
            self.process.kill()
        return out


def sample_rss(broker, seconds):
    most, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        most = max(most, broker.rss_mib())
        time.sleep(0.1)  # between two samples; the loop ends by its own time
    return most


def quiet_figures(legitimate, broker, seconds):
    begin = time.monotonic()
    rss = sample_rss(broker, seconds)
    return legitimate.between(begin, time.monotonic()), rss


def text_of(figures, quiet):
    factor = figures["p99"] / quiet["p99"] if quiet["p99"] else 0
    return (f"publish p50 {figures['p50'] * 1e3:.1f} ms, p99 {figures['p99'] * 1e3:.1f} ms (× {factor:.1f}), "
            f"through p99 {figures['through_p99'] * 1e3:.1f} ms, {figures['published']} published, {figures['refused']} refused")


def run_kind(kind, broker, legitimate, quiet, seconds, scale):
    ports = {"http": broker.port, "consumer": broker.barco_port + 2}
    attack = Attack(kind, ports, scale)
    time.sleep(GROWS_S.get(kind, 2.0) if seconds > 5 else 1.0)  # it grows to its size; what is measured is what follows
    begin = time.monotonic()
    rss = sample_rss(broker, seconds)
    figures = legitimate.between(begin, time.monotonic())
    became = attack.stop()
    lives = Verdict("hostile clients do not end it")
    code = broker.process.poll()
    lives.expect(code is None, f"it ended with {code}: {broker.log_tail()[-500:]}")
    bounded = Verdict(f"its memory stays below {RSS_MAX_MIB} MiB")
    bounded.expect(rss < RSS_MAX_MIB, f"{rss:.0f} MiB")
    served = Verdict("who just wants to be served is served meanwhile, and who is new is let in afterwards")
    for what in ("published", "through"):  # a tenth of what the machine lets through when nobody else is there
        served.expect(figures[what] > quiet[what] * 0.1, f"{figures}, with nobody else {quiet}")
    if code is None:
        served.expect(Client(broker.port, 10.0).request("GET", "/health/live").status == 204, "a new connection is not answered")
    felt = Verdict("the hostile clients did what they were to do")
    felt.expect(became is not None and sum(became.values()) > 0, f"{became}")
    became_text = ", ".join(f"{n} × {what}" for what, n in sorted((became or {}).items()))
    return Row("clients", kind, f"{text_of(figures, quiet)}; RSS ≤ {rss:.0f} MiB; they: {became_text}", [lives, bounded, served, felt])


def run(options):
    scale = min(1.0, (allow_descriptors() - 500) / 10_000) * (0.2 if options.quick else 1.0)
    seconds = 2.0 if options.quick else 12.0
    chance = random.Random(f"{options.seed}/clients")
    rows = []
    with Scratch("clients") as scratch:
        broker = Broker(options.binary, f"{scratch.path}/data", chance)
        broker.start()
        client = Client(broker.port)
        if client.create_group(STREAM, GROUP, {"startFrom": 0, "messageTimeoutMilliseconds": 60_000}).status != 201:
            raise RuntimeError("no group")
        client.close()
        legitimate = Legitimate(broker.port)
        try:
            time.sleep(1.0)  # caches fill
            quiet, rss = quiet_figures(legitimate, broker, seconds)
            rows.append(Row("clients", "nobody else", f"{text_of(quiet, quiet)}; RSS ≤ {rss:.0f} MiB"))
            for kind in hostile.KINDS:
                if not options.quick or kind in QUICK:
                    say(f"clients: {kind}")
                    rows.append(run_kind(kind, broker, legitimate, quiet, seconds, scale))
                    time.sleep(0 if options.quick else 2.0)  # what they left behind ends
            lost = Verdict("every event with a 201 was delivered")
            missing = legitimate.stop()
            lost.expect(not missing, f"{len(missing)} are missing: {missing[:5]}")
            rows[0].verdicts.append(lost)
            stops = Verdict("SIGTERM ends it with 0")
            code = broker.terminate(15.0)[1]
            stops.expect(code == 0, f"{code}: {broker.log_tail()[-500:]}")
            rows[0].verdicts.append(stops)
        finally:
            broker.abandon()
    return rows
