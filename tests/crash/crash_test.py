# Kills the real broker again and again under load, and checks that it kept every promise.
"""
    crash_test.py --binary build/dev/callboard [--seconds 60] [--seed N] [--keep always]

Starts `callboard serve` on a temporary folder, publishes (single events, batches, exact versions)
and consumes (several groups: short leases, retry schedules, few attempts, one lazy; consumers ack,
retry, delay, park, skip, answer late, or say nothing; some events are poison), and meanwhile does
`kill -9` every 0.5-3 s. In the end it drains, reads everything back and checks (`checks.py`) that

  * every published event is in its stream exactly once, in order, with its data;
  * nothing that was acked, skipped or parked with a 202 was delivered again;
  * no event was delivered more than 1 + maxRetryCount times, poison is parked exactly once;
  * no retry and no expired lease came before its time;
  * published = settled + parked, and what is settled somebody asked to settle;
  * schedules, breakers and replays with a rate go on as promised (`steering.py`);
  * SIGTERM ends it with 0 within 5 s, `callboard check` finds nothing, a new start answers the
    same.

A run is repeated with the seed that it prints (the clients' choices; the timing is the machine's).
The data folder and the log stay if it failed. `selftest.py` proves that the checks catch a broken
broker.
"""
import argparse
import os
import random
import shutil
import sys
import tempfile
import threading
import time

import checks
from broker_process import BrokerFailed, BrokerProcess
from client import Client
from history import FinalState, GroupPlan, History
from steering import all_cases
from workload import Consumer, LaterPublisher, Phase, Publisher, SettlingConsumer, create_group

STOP_DEADLINE_S = 5.0


def plans(scale, dialect_only):
    def ms(value):
        return int(value * scale)

    of_our_own = [GroupPlan("orders", "settling", ms(600), 2, (ms(100), ms(500)), by_settle=True)]
    return ([] if dialect_only else of_our_own) + [
        GroupPlan("orders", "strict", ms(500), 2),
        GroupPlan("orders", "scheduled", ms(1000), 3, (ms(200), ms(700))),
        GroupPlan("orders", "lazy", ms(800), 2, lazy=True),
        GroupPlan("visits", "patient", ms(1500), 3, (ms(100), ms(100), ms(900))),
        GroupPlan("visits", "once", ms(1200), 0),
        GroupPlan("visits", "newcomer", ms(700), 2, created_at_share=0.3),
    ]


class CrashTest:
    client_class = Client  # the fault pack's knows more answers that leave an outcome unknown

    def __init__(self, options):
        self.options = options
        self.random = random.Random(f"{options.seed}/kills")
        self.plans = plans(options.time_scale, options.dialect_only)
        self.streams = sorted({plan.stream for plan in self.plans})
        self.history = History()
        self.phase = Phase()
        self.folder = tempfile.mkdtemp(prefix="callboard-crash-")
        self.broker = BrokerProcess(options.binary, os.path.join(self.folder, "data"),
                                    options.serve_arg, vary_threads=True)
        self.publishers = []
        self.consumers = []
        self.creators = []
        self.steering = []

    def run(self):
        """Verdicts. Raises BrokerFailed."""
        self.broker.start()
        self.start_clients()
        self.kill_repeatedly()
        for thread in self.creators:
            self.join(thread)
        self.phase.stop_publishing.set()
        for publisher in self.publishers:
            self.join(publisher)
        drained = self.drain()
        for case in self.steering:
            self.join(case.thread)
        self.phase.over.set()
        for consumer in self.consumers:
            self.join(consumer)
        final = self.read_everything()
        verdicts = checks.check_all(self.history, final, self.plans, self.options.minimum)
        client = self.client_class(self.broker.port)
        steered = [verdict for case in self.steering for verdict in case.verdicts(client)]
        steered += checks.check_exercised(self.history, steered, min(self.options.minimum, 1))
        return [drained] + verdicts + (steered if self.steering else []) + self.stop_and_start(final)

    def start_clients(self):
        port, seed = self.broker.port, self.options.seed
        consumers = {plan.key: [(SettlingConsumer if plan.by_settle else Consumer)(
            i, plan, self.client_class(port), self.history, self.phase, seed) for i in range(2)] for plan in self.plans}
        self.consumers = [one for some in consumers.values() for one in some]
        rate = self.options.rate / 3
        self.publishers = [Publisher(i, stream, self.client_class(port), self.history, self.phase, seed, rate,
                                     exact)
                           for i, (stream, exact) in
                           enumerate((("orders", False), ("orders", False), ("visits", True)))]
        if not self.options.dialect_only:
            self.publishers.append(LaterPublisher(3, "orders", self.client_class(port), self.history, self.phase, seed, rate, False))
        for plan in self.plans:
            def create(plan=plan):
                self.phase.over.wait(plan.created_at_share * self.options.seconds)
                create_group(plan, self.client_class(port), self.history, self.phase)
                for consumer in consumers[plan.key]:
                    consumer.ready.set()
            thread = threading.Thread(target=create, name=f"create {plan.key}", daemon=True)
            self.creators.append(thread)
            thread.start()
        if not self.options.dialect_only:
            self.steering = all_cases(lambda: self.client_class(port), self.history, self.phase, seed, self.options.seconds)
        for thread in self.publishers + self.consumers + [case.thread for case in self.steering]:
            thread.start()

    def join(self, thread):
        thread.join(timeout=60)
        if thread.is_alive():
            self.broker.expect_running()
            raise BrokerFailed(f"{thread.name} gets no answer for 60 s: is the broker stuck?\n"
                               + self.broker.log_tail())

    def kill_repeatedly(self):
        end = time.monotonic() + self.options.seconds
        shortest, longest = self.options.kill_after
        while True:
            up = self.random.uniform(shortest, longest)
            if time.monotonic() + up > end:
                break
            self.wait(up)
            self.kill()
            if self.random.random() < 0.15:  # once more while it starts
                self.broker.spawn()
                self.wait(self.random.uniform(0, 0.15))
                self.kill()
            if self.random.random() < 0.2:  # leases and retries become due while it is down
                self.wait(self.random.uniform(0, shortest + longest / 2))
            self.broker.start()
        self.wait(max(0.0, end - time.monotonic()))
        self.broker.expect_running()

    def kill(self):
        self.broker.kill()
        self.history.kills += 1

    def wait(self, seconds):
        self.phase.over.wait(seconds)  # pacing, not synchronisation: nothing sets it meanwhile

    def drain(self):
        """Waits until no group has anything left to deliver."""
        verdict = checks.Verdict("everything published is settled or parked in time")
        deadline = time.monotonic() + self.options.drain_deadline_s
        client = self.client_class(self.broker.port)
        while self.scheduled(client) and time.monotonic() < deadline:
            self.broker.expect_running()
            self.wait(0.05)
        open_groups = list(self.plans)
        while open_groups and time.monotonic() < deadline:
            self.broker.expect_running()
            open_groups = [plan for plan in open_groups if self.left(client.info(*plan.key))]
            self.wait(0.05)
        for plan in self.plans:
            verdict.expect(plan not in open_groups,
                           f"{plan.key}: {client.info(*plan.key)}" if plan in open_groups else "")
        client.close()
        return verdict

    def scheduled(self, client):
        """Whether something that was published for later is not in its stream yet."""
        awaited = {sent.stream for sent in self.history.sent.values() if sent.not_before}
        return any(len(client.read_stream(stream)) < sum(sent.stream == stream for sent in self.history.sent.values())
                   for stream in awaited)

    @staticmethod
    def left(info):
        return any(info[name] for name in ("readyMessageCount", "retryBufferCount",
                                           "totalInFlightMessages"))

    def read_everything(self):
        client = self.client_class(self.broker.port, timeout=60.0)
        final = FinalState({stream: client.read_stream(stream) for stream in self.streams},
                           {plan.key: client.read_parked(*plan.key) for plan in self.plans},
                           {plan.key: client.info(*plan.key) for plan in self.plans})
        client.close()
        return final

    def stop_and_start(self, final):
        stopped = checks.Verdict("SIGTERM ends it with 0 within 5 s, though a poll waits")
        sound = checks.Verdict("`callboard check` finds nothing")
        poll = threading.Thread(target=self.wait_for_nothing, daemon=True)
        poll.start()
        self.wait(0.2)  # usually it waits by then; either way the stop must be clean
        seconds, code = self.broker.terminate(STOP_DEADLINE_S)
        stopped.expect(code == 0,
                       f"after {seconds:.1f} s, exit code {code}\n{self.broker.log_tail()}")
        code, text = self.broker.check()
        sound.expect(code == 0, f"exit code {code}: {text[-2000:]}")
        self.broker.start()
        same = checks.differences(checks.answers(final), checks.answers(self.read_everything()),
                                  "a stop and a start change no answer")
        empty = checks.Verdict("a new start delivers nothing again")
        client = self.client_class(self.broker.port)
        for plan in self.plans:
            entries = client.fetch(plan.stream, plan.name, 100).json()["entries"]
            empty.expect(not entries, f"{plan.key}: {[e['title'] for e in entries]}")
        self.broker.terminate(STOP_DEADLINE_S)
        return [stopped, sound, same, empty]

    def wait_for_nothing(self):
        self.client_class(self.broker.port, timeout=60.0).fetch("visits", "once", 1, wait_s=30)

    def last_words(self):
        code = self.broker.process.poll() if self.broker.process else None
        if code is None:
            return ""
        return f"\nthe broker has ended with {code}\n{self.broker.log_tail()}"

    def close(self, failed):
        self.phase.over.set()
        self.broker.abandon()
        if self.options.keep == "always" or (failed and self.options.keep == "failed"):
            print(f"data and log are kept in {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


def report(test, verdicts):
    history = test.history
    for verdict in verdicts:
        print("\n".join(verdict.lines()))
    print(f"kills: {history.kills}, slowest start: {test.broker.slowest_start_s:.2f} s, "
          f"events: {len(history.sent)}, deliveries: {len(history.deliveries)}")
    print(f"requests: {checks.request_summary(history)}")
    print(f"deliveries: {checks.attempt_summary(history)}")


def parse_options(arguments):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, help="callboard, or fake_broker.py")
    parser.add_argument("--seconds", type=float, default=60.0, help="under load; then it drains")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--rate", type=float, default=150.0, help="events a second, about")
    parser.add_argument("--kill-after", type=float, nargs=2, default=(0.5, 3.0),
                        metavar=("SHORTEST", "LONGEST"), help="seconds")
    parser.add_argument("--time-scale", type=float, default=1.0, help="of the groups' timeouts")
    parser.add_argument("--drain-deadline-s", type=float, default=90.0)
    parser.add_argument("--minimum", type=int, default=5,
                        help="what each check must have looked at, or the run fails")
    parser.add_argument("--dialect-only", action="store_true", help="nothing that is our own: no settle, no publishing for later")
    parser.add_argument("--serve-arg", action="append", default=[], help="more for `serve`")
    parser.add_argument("--keep", choices=("failed", "always", "never"), default="failed",
                        help="the data folder and the log")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    return options


def main(arguments):
    options = parse_options(arguments)
    print(f"seed {options.seed}, {options.seconds:g} s of load", flush=True)
    test = CrashTest(options)
    verdicts = []
    try:
        verdicts = test.run()
    except (BrokerFailed, RuntimeError, OSError, ValueError, KeyError) as error:
        verdicts.append(checks.Verdict("the broker lived through the test", 1,
                                       [f"{type(error).__name__}: {error}{test.last_words()}"]))
        verdicts += checks.check_surprises(test.history)
    failed = sum(bool(verdict.broken) for verdict in verdicts)
    report(test, verdicts)
    test.close(failed)
    print(f"{len(verdicts) - failed} passed, {failed} failed (seed {options.seed})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
