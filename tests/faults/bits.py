# One flipped bit at rest, in each kind of page, key, value, frame and file: it is refused, told, or does no harm.
import os
import random
import shutil
import subprocess
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from lmdb_pages import LmdbFile, Region, wal_regions
from pack import Broker, BrokerFailed, Row, Scratch, Verdict, say
from client import Client
from small_world import AFTER_PUBLISH, Answer, Builder, ask_all, last_words, poll_topic, questions

START_DEADLINE_S = 20.0
ANSWER_DEADLINE_S = 10.0
YOUNG_S = 300.0  # answers to settles are remembered for ten minutes
CHUNK = 4096
OF_THE_MOMENT = ("status", "readBufferCount")  # members that tell what a group is doing just now
ARGUMENTS = ("--barco-consumer-timeout", "86400000")  # the consumer is not to be forgotten during the test


class Image:
    """A directory's files, without their zeros."""

    def __init__(self, folder):
        self.files = {}
        for where, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(where, name)
                self.files[os.path.relpath(path, folder)] = self.read(path)

    @staticmethod
    def read(path):
        parts, at, size = {}, 0, os.path.getsize(path)
        with open(path, "rb") as file:
            while at < size:
                try:
                    at = os.lseek(file.fileno(), at, os.SEEK_DATA) // CHUNK * CHUNK
                except OSError:
                    break  # a hole up to the end
                chunk = os.pread(file.fileno(), 1 << 20, at)
                for offset in range(0, len(chunk), CHUNK):
                    if piece := chunk[offset:offset + CHUNK].rstrip(b"\0"):
                        parts[at + offset] = piece
                at += len(chunk)
        return size, parts

    def write(self, folder):
        for where, names, files in os.walk(folder, topdown=False):
            for name in files:
                if os.path.relpath(os.path.join(where, name), folder) not in self.files:
                    os.unlink(os.path.join(where, name))
        for name, (size, parts) in self.files.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.truncate(size)
                for at, piece in parts.items():
                    os.pwrite(file.fileno(), piece, at)

    def content(self, name):
        size, parts = self.files[name]
        out = bytearray(size)
        for at, piece in parts.items():
            out[at:at + len(piece)] = piece
        return bytes(out)

    def changed(self, other):
        """Files that are not the same; those that are made anew by each start do not count."""
        return sorted(name for name in self.files.keys() | other.files.keys()
                      if name not in ("lock", os.path.join("store", "lock.mdb")) and self.files.get(name) != other.files.get(name))


@dataclass
class Flip:
    file: str
    region: Region
    byte: int
    bit: int

    def text(self):
        return f"{self.region.kind}: {self.file} byte {self.byte} bit {self.bit}"


@dataclass
class Outcome:
    what: str  # refused, told, harmless, or what is wrong
    text: str = ""
    check: int | None = 0  # the exit code of `callboard check`
    check_text: str = ""
    broken: dict = field(default_factory=dict)  # promise -> text


NO_SIGNAL = "no flipped bit ends the broker, or `callboard check`, by a signal"
NO_HANG = "no flipped bit makes it hang"
NO_LIE = "what a flipped bit changed or hid is refused or told, never served as good"
REFUSAL = "a start that is refused says why in a line, and changes no file"
CHECKED = "what was refused or told is found by `callboard check` as well"


class Subject:
    """A stopped directory, the answers that it gives, and what of them differs from start to start anyway."""

    def __init__(self, binary, folder, chance, clean):
        self.folder, self.clean = os.path.join(folder, "data"), clean
        self.broker = Broker(binary, self.folder, chance, ARGUMENTS, live_deadline_s=START_DEADLINE_S)
        self.questions = questions()
        self.renew()

    def renew(self):
        """The directory, built anew: what it answers must not have become old."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.built = time.monotonic()
        self.build()
        self.expected = self.answers_of_whole()
        self.unstable = {name: set(differing_paths(self.expected[name].content, again.content))
                         for name, again in self.answers_of_whole().items()}
        # Only a crash leaves a frame that is nowhere else, and looks like one whose flush never ended.
        self.last_frame = self.find_last_frame() if not self.clean else None
        self.regions = self.find_regions()

    def build(self):
        self.broker.start()
        client = Client(self.broker.port)
        Builder(client).build(self.broker.barco_port)
        if self.clean:
            last_words(client)
            stop(self.broker)
        else:
            stop(self.broker)  # the rest is in LMDB already
            self.broker.start()
            client = Client(self.broker.port)
            for i in range(30):
                client.publish_one("small", {"eventId": f"00000000-0000-4000-8000-{i:012}", "eventType": "t", "data": {"late": i}})
            last_words(client)
            self.broker.kill()
        client.close()
        self.image = Image(self.folder)

    def answers_of_whole(self):
        self.image.write(self.folder)
        self.broker.start()
        out, _ = self.ask()
        stop(self.broker)
        bad = {name: answer.status for name, answer in out.items() if answer.status == 0 or answer.status >= 500}
        if bad:
            raise RuntimeError(f"the undamaged directory answers {bad}")
        return out

    def ask(self):
        client = Client(self.broker.port, ANSWER_DEADLINE_S)
        out = ask_all(client, self.questions)
        client.close()
        alive = self.broker.process.poll() is None
        if alive:
            out["poll of the topic"] = poll_topic(self.broker.barco_port)
        return out, alive

    def find_last_frame(self):
        best = (0, 0, 0, "")
        for name in self.image.files:
            if name.endswith(".wal"):
                number, begin, end = wal_regions(self.image.content(name))[1]
                best = max(best, (number, begin, end, name))
        return best[3], best[1], best[2]

    def find_regions(self):
        """(kind -> [(file, region)])."""
        out = defaultdict(list)
        for name, (size, _) in sorted(self.image.files.items()):
            if name == os.path.join("store", "data.mdb"):
                found = LmdbFile(self.image.content(name)).regions
            elif name.endswith(".wal"):
                found = wal_regions(self.image.content(name))[0]
            elif size:
                found = [Region(f"file {'spare log' if name.endswith('.spare') else name}", 0, size)]
            else:
                continue
            for region in found:
                out[region.kind].append((name, region))
        return out

    def try_one(self, flip):
        self.image.write(self.folder)
        with open(os.path.join(self.folder, flip.file), "r+b") as file:
            byte = os.pread(file.fileno(), 1, flip.byte)[0]
            os.pwrite(file.fileno(), bytes([byte ^ 1 << flip.bit]), flip.byte)
        out = Outcome("")
        self.check(out)
        before = Image(self.folder)
        self.serve(flip, out, before)
        if out.what in ("refused", "told") and out.check == 0:
            out.broken[CHECKED] = out.text
        return out

    def check(self, out):
        try:
            out.check, out.check_text = self.broker.check()
        except subprocess.TimeoutExpired:
            out.broken[NO_HANG] = "`callboard check` does not end"
            return
        if out.check < 0 or out.check > 128:
            out.broken[NO_SIGNAL] = f"`callboard check` ended with {out.check}"

    def serve(self, flip, out, before):
        open(self.broker.log_path(), "wb").close()
        self.broker.spawn()
        client = Client(self.broker.port, 2.0)
        end = time.monotonic() + START_DEADLINE_S
        while client.request("GET", "/health/live").status != 204 and self.broker.process.poll() is None:
            if time.monotonic() > end:
                out.what, out.broken[NO_HANG] = "hangs", "it is not live, and does not end"
                return self.broker.abandon()
            time.sleep(0.005)  # between two polls of a condition with a deadline
        client.close()
        if self.broker.process.poll() is not None:
            return self.refused(flip, out, before)
        answers, alive = self.ask()
        if alive and self.broker.process.poll() is None and any(answer.status == 0 for answer in answers.values()):
            name = next(name for name, answer in answers.items() if answer.status == 0)
            out.what, out.broken[NO_HANG] = "hangs", f"no answer to {name}"
            return self.broker.abandon()
        if self.broker.process.poll() is not None:
            return self.ended(out)
        self.compare(flip, out, answers)
        self.stop(out)

    def refused(self, flip, out, before):
        code, text = self.broker.process.returncode, self.broker.log_tail()
        if code < 0:
            return self.ended(out)
        said = [line for line in text.splitlines() if line.startswith("callboard: ")]
        changed = set(before.changed(Image(self.folder)))
        if flip.file.endswith(".wal"):
            changed -= {os.path.join("store", "data.mdb")}  # what is good in the log may have reached it before
        out.what, out.text = "refused", " ".join(said)[-300:]
        if code not in (1, 3) or len(said) != 1 or changed:
            out.broken[REFUSAL] = f"exit code {code}, {text[-300:]!r}, changed {sorted(changed)}"

    def ended(self, out):
        """While it served, or started: with a named cause it is a refusal that came late."""
        code, text = self.broker.process.returncode, self.broker.log_tail()
        said = [line for line in text.splitlines() if line.startswith("callboard: ")]
        if code == 1 and said:
            out.what, out.text = "refused", said[-1]
        else:
            out.what, out.broken[NO_SIGNAL] = "crashes", f"it ended with {code}: {text[-300:]!r}"

    def compare(self, flip, out, answers):
        told, wrong = [], []
        torn = self.last_frame and flip.file == self.last_frame[0] and self.last_frame[1] <= flip.byte < self.last_frame[2]
        for name, expected in self.expected.items():
            got = answers.get(name)
            if got is None:
                wrong.append(f"{name}: no answer")
            elif name == AFTER_PUBLISH and answers["publish"].status != 201:
                continue
            elif got.status >= 500:
                told.append(f"{name}: {got.status} {str(got.content)[:80]}")
                if not got.content:
                    wrong.append(f"{name}: {got.status} without a word")
            elif text := difference(expected, got, self.unstable[name], torn):
                wrong.append(f"{name}: {text}")
        out.text = "; ".join(told)[:300]
        out.what = "told" if told else "found by check" if out.check else "harmless"
        if wrong:
            out.what = "serves it"
            out.broken[NO_LIE] = f"check {'finds it' if out.check else 'finds nothing'}; " + "; ".join(wrong)[:500]

    def stop(self, out):
        try:
            seconds, code = self.broker.terminate(10.0)
        except BrokerFailed:
            return self.ended(out)
        if code is None:
            out.broken[NO_HANG] = f"it does not stop in {seconds:.0f} s"
        elif code < 0:
            out.broken[NO_SIGNAL] = f"when it was stopped it ended with {code}"


def stop(broker):
    code = broker.terminate(20.0)[1]
    if code != 0:
        raise RuntimeError(f"a broker without damage stopped with {code}\n{broker.log_tail()}")


def about_the_same_time(one, other):
    """What is due is told in wall time, which each start sets anew against the broker's clock."""
    try:
        x, y = (datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (one, other))
    except (AttributeError, ValueError):
        return False
    return abs((x - y).total_seconds()) < 2


def differing_paths(one, other, path=()):
    """Where two JSON documents differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one.keys() - set(OF_THE_MOMENT):
            yield from differing_paths(one[key], other[key], path + (key,))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for i, (x, y) in enumerate(zip(one, other)):
            yield from differing_paths(x, y, path + (i,))
    elif one != other:
        yield path


def at(content, path):
    for step in path:
        content = content[step]
    return content


def difference(expected: Answer, got: Answer, unstable, torn):
    """What is different and should not be, or nothing. `torn`: the last event may be missing."""
    if torn:
        if got.status == 404 and "last" in str(expected.content):
            return ""
        expected, got = without_last(expected), without_last(got)
    if (got.status, got.location) != (expected.status, expected.location):
        return f"{got.status} {got.location} {str(got.content)[:100]!r} instead of {expected.status} {expected.location}"
    for path in differing_paths(expected.content, got.content):
        known = any(path[:len(one)] == one for one in unstable)
        if not known and not about_the_same_time(at(expected.content, path), at(got.content, path)):
            return f"differs at {'/'.join(map(str, path))[:200]}"
    return ""


def without_last(answer):
    content = answer.content
    if isinstance(content, dict) and isinstance(content.get("entries"), list):
        left = [entry for entry in content["entries"] if entry.get("streamId", entry.get("positionStreamId")) != "last"]
        content = {"entries": left}
    if isinstance(content, dict) and isinstance(content.get("streams"), list):
        content = {"streams": [one for one in content["streams"] if "last" not in str(one)]}
    return Answer(answer.status, content, answer.location)


def choose(chance, subject, count):
    """Each kind in turn, a bit of it by chance."""
    kinds = sorted(subject.regions)
    chance.shuffle(kinds)
    for i in range(count):
        if time.monotonic() - subject.built > YOUNG_S:
            say(f"  {i} of {count} flips")
            subject.renew()
        kind = kinds[i % len(kinds)]
        if kind not in subject.regions:  # pages differ a little each time
            continue
        name, region = chance.choice(subject.regions[kind])
        yield Flip(name, region, chance.randrange(region.begin, region.end), chance.randrange(8))


def run(options):
    """So many flips in a directory that was stopped, and as many in one that was killed and has a log to read."""
    rows = []
    for clean in (False,) if options.quick else (True, False):
        where = "stopped" if clean else "killed"
        chance = random.Random(f"{options.seed}/bits/{where}")
        with Scratch("bits", quick_disk=True) as scratch:
            subject = Subject(options.binary, scratch.path, chance, clean)
            counts, by_kind, verdicts = Counter(), defaultdict(Counter), {p: Verdict(p) for p in
                                                                        (NO_SIGNAL, NO_HANG, NO_LIE, REFUSAL, CHECKED)}
            began = time.monotonic()
            for flip in choose(chance, subject, options.flips):
                outcome = subject.try_one(flip)
                counts[outcome.what] += 1
                by_kind[flip.region.kind][outcome.what] += 1
                for promise, verdict in verdicts.items():
                    verdict.expect(promise not in outcome.broken, f"{flip.text()}: {outcome.broken.get(promise)}")
                if outcome.broken or options.verbose:
                    say(f"{flip.text()}: {outcome.what} {outcome.text} {outcome.broken or ''} check {outcome.check}")
                if time.monotonic() - began > options.bits_seconds_max:
                    break
            subject.broker.abandon()
            for kind, of_kind in sorted(by_kind.items()):
                say(f"  {kind}: " + ", ".join(f"{what} {n}" for what, n in of_kind.most_common()))
            figures = f"{sum(counts.values())} flips in {len(by_kind)} kinds of bytes: " + ", ".join(
                f"{what} {n}" for what, n in counts.most_common())
            rows.append(Row("bits", f"a directory that was {where}", figures, list(verdicts.values())))
    return rows
