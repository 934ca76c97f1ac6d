# A transcript: what is sent and what must come back, as one small file, read and replayed.
#
#   // Row 6: a group cannot be created twice.       comment: what the rows say
#   broker --anonymous off                            first line: a broker of its own, with these options
#   restart                                           that broker is stopped and started again; `kill`: killed;
#                                                     `ended`: it has ended by itself, with 0
#   publish {stream} 4 [type]                         4 events in one batch; their ids are {e1} to {e4}, and so on
#   group {stream}/{group} {"startFrom":0}            a group is made
#   PUT /subscriptions/{stream}/{group}               a request line; an absolute URL of ours is fine
#   Authorization: none                               default: Basic admin:changeit; `ops`, `anna:pw`, `Basic …`
#   Content-Type: application/json
#
#   {}                                                the body, up to `=>`; a line end before it is not part;
#   base64 AAH/                                       bytes that are no text
#   => 409                                            the status; `=> 400 "reason"`; `=> 200 within 5s`: asks again
#                                                     until all holds; `=> later`: a line `=> 200` further down
#                                                     stands where its answer is looked at
#   Location: http://{host}/x                         a header, exactly; `/regex/`, `(any)` or `(absent)`
#   $.entries[0].links[relation=ack].uri == "x"       JSON: == != >= <= with a JSON value, ~ /regex/
#   $.entries[*].title == ["a"]                       of all items; `.length` of a list, text or object
#   $.entries[0].author (absent)                      or (present)
#   /feed/entry[0]/link[rel=ack]/@href == "x"         XML, with the same operations, `[*]` and `.length`
#   body == "exactly"                                 the body as a JSON string; `body ~ /regex/`; `seconds >= 1`;
#   base64 == "AAH/"                                  bytes that are no text
#   ack := $.entries[0].links[relation=ack].uri       {ack} from here on; `etag := ETag ~ /"(.*)"/`: a part
#   repeat 3                                          the lines up to `end`, with {n} from 1 to 3
#   end
#
# {stream}, {group}, {other} are new in each replay; {host} is address:port; {e1}, {u1} and so on are event ids, those
# with u are of no published event.
import base64
import http.client
import json
import re
import time
import uuid

from values import MISSING, Mismatch, in_json, in_xml

VERBS = ("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH")
COMMANDS = ("publish", "group", "restart", "kill", "ended")
OPERATIONS = {"==": lambda x, y: x == y, "!=": lambda x, y: x != y,
              ">=": lambda x, y: x >= y, "<=": lambda x, y: x <= y}


class Step:
    def __init__(self, line, first):
        self.line, self.first = line, first
        self.headers, self.body, self.checks = [], [], []
        self.status, self.reason, self.within_s = None, None, 0.0

    def read_answer(self, number, line):
        found = re.fullmatch(r'=> (\d{3}|later)(?: "(.*)")?(?: within (\d+)s)?', line)
        if not found:
            raise ValueError(f"line {number}: not an answer: {line}")
        self.status = None if found[1] == "later" else int(found[1])
        self.reason, self.within_s = found[2], float(found[3] or 0)


def numbered_lines(text):
    """Pairs of a number and a line, without comments and with repetitions written out."""
    out, block, times = [], None, 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(("//", "broker")):
            continue
        if line.startswith("repeat "):
            block, times = [], int(line.split()[1])
        elif line == "end":
            out += [(at, inner.replace("{n}", str(n))) for n in range(1, times + 1) for at, inner in block]
            block = None
        else:
            (out if block is None else block).append((number, line))
    return out


def parse(text):
    """The steps of a transcript. Raises ValueError with the line's number."""
    steps, step, part = [], None, "outside"
    for number, line in numbered_lines(text):
        word = line.split(" ", 1)[0]
        if part in ("outside", "answer") and word in VERBS + COMMANDS + ("=>",):
            step = Step(number, line)
            steps.append(step)
            part = "headers" if word in VERBS else "outside"
            if word == "=>":
                step.read_answer(number, line)
                part = "answer"
        elif part in ("headers", "body") and word == "=>":
            step.read_answer(number, line)
            part = "answer"
        elif part == "headers" and line:
            step.headers.append(tuple(line.split(": ", 1)))
        elif part == "headers":
            part = "body"
        elif part == "body":
            step.body.append(line)
        elif part == "answer" and line:
            step.checks.append((number, line))
        elif line:
            raise ValueError(f"line {number}: not understood: {line}")
    if part in ("headers", "body") or not steps:
        raise ValueError("the last request has no answer" if steps else "no request")
    return steps


class Connection(http.client.HTTPConnection):
    """One that sends what it is told to, also what no URL may hold."""

    def _encode_request(self, request):
        return request.encode()

    def _validate_path(self, url):
        pass


class Replay:
    """One transcript against a broker (`port`, `terminate`, `kill`, `start`). `seen` is told of each request that was
    answered as it should be: verb, target, its headers, status, the answer's headers."""

    def __init__(self, broker, seen=lambda *_: None):
        self.broker, self.seen = broker, seen
        unique = uuid.uuid4().hex[:10]
        self.names = {"host": f"127.0.0.1:{broker.port}", "stream": f"s-{unique}", "group": f"g-{unique}",
                      "other": f"o-{unique}", "name": f"n{unique}"}
        self.published = 0
        self.connection, self.pending = self.connect(), None

    def connect(self):
        return Connection("127.0.0.1", self.broker.port, timeout=30)

    def run(self, text):
        """Raises Mismatch, which names the line."""
        for step in parse(text):
            command, *words = self.fill(step.first).split(" ", 2)
            try:
                if command in VERBS:
                    self.request(step)
                elif command == "=>":
                    self.check(step, *self.read(self.pending))
                elif command == "publish":
                    self.publish(words[0], *words[1].split())
                elif command == "group":
                    self.make_group(*words)
                else:
                    self.stop(command)
            except Mismatch as wrong:
                raise Mismatch(f"line {step.line}: {self.fill(step.first)}\n    {wrong}") from None
        self.connection.close()

    def fill(self, text):
        return re.sub(r"\{(\w+)\}", lambda m: self.name(m[1]) or m[0], text)

    def name(self, name):
        if name not in self.names and re.fullmatch(r"[eu]\d+", name):
            self.names[name] = str(uuid.uuid4())
        return self.names.get(name)

    def stop(self, how):
        self.connection.close()
        if how == "kill":
            self.broker.kill()
        else:
            code = self.broker.process.wait(20) if how == "ended" else self.broker.terminate(20)[1]
            if code != 0:
                raise Mismatch(f"it ended with {code}, not with 0")
        self.broker.start()
        self.connection = self.connect()

    def publish(self, stream, count, kind="event-type"):
        first = self.published + 1
        self.published += int(count)
        events = [{"eventId": self.name(f"e{i}"), "eventType": kind, "data": {"A": str(i)}}
                  for i in range(first, self.published + 1)]
        self.prepare("POST", f"/streams/{stream}", json.dumps(events), "application/vnd.eventstore.events+json")

    def make_group(self, path, settings="{}"):
        self.prepare("PUT", f"/subscriptions/{path}", settings, "application/json")

    def prepare(self, verb, target, body, kind):
        self.send(self.connection, verb, target, body.encode(), [("Content-Type", kind)])
        status, _, text, _ = self.read(self.connection)
        if status != 201:
            raise Mismatch(f"expected 201, got {status}: {text[:200]!r}")

    def send(self, connection, verb, target, body, headers):
        target = target.removeprefix(f"http://{self.names['host']}")
        connection.putrequest(verb, target, skip_accept_encoding=True,
                              skip_host=any(name.lower() == "host" for name, _ in headers))
        given = {name.lower() for name, _ in headers}
        if "authorization" not in given:
            headers = headers + [("Authorization", "admin:changeit")]
        for name, value in headers:
            if name.lower() == "authorization" and value != "none":
                pair = {"ops": "ops:changeit"}.get(value, value)
                value = pair if " " in pair else "Basic " + base64.b64encode(pair.encode()).decode()
            if value != "none":
                connection.putheader(name, value)
        if (body or verb in ("POST", "PUT")) and "content-length" not in given:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        connection.sent_at = time.monotonic()

    def read(self, connection):
        try:
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as wrong:
            connection.close()
            raise Mismatch(f"no answer: {wrong!r}") from None
        self.seconds = time.monotonic() - connection.sent_at
        return answer.status, answer.headers, body, answer.reason

    def request(self, step):
        verb, target = self.fill(step.first).split(" ", 1)
        headers = [(name, self.fill(value)) for name, value in step.headers]
        body = self.fill("\n".join(step.body).rstrip("\n")).encode()
        if body.startswith(b"base64 "):
            body = base64.b64decode(body.removeprefix(b"base64 "))
        if step.status is None:
            self.pending = self.connect()
            return self.send(self.pending, verb, target, body, headers)
        deadline = time.monotonic() + step.within_s
        while True:
            self.send(self.connection, verb, target, body, headers)
            answer = self.read(self.connection)
            try:
                self.check(step, *answer)
                return self.seen(verb, target, headers, answer[0], answer[1])
            except Mismatch:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.02)  # between two polls of a condition with a deadline

    def check(self, step, status, headers, body, reason):
        text = body.decode(errors="replace")
        if status != step.status:
            raise Mismatch(f"expected {step.status}, got {status} {reason}: {text[:300]!r}")
        if step.reason is not None and reason != self.fill(step.reason):
            raise Mismatch(f"expected {step.status} {step.reason}, got {reason!r}")
        for number, line in step.checks:
            try:
                self.check_line(line, headers, body)
            except Mismatch as wrong:
                raise Mismatch(f"line {number}: {self.fill(line)}\n    {wrong}\n    {text[:600]}") from None

    def check_line(self, line, headers, body):
        captured = re.fullmatch(r"(\w+) := (\S+)(?: ~ /(.*)/)?", line)
        if captured:
            self.capture(captured[1], self.value(self.fill(captured[2]), headers, body), captured[3])
        elif re.match(r"[$/]|(body|seconds|base64) ", line):
            self.check_value(self.fill(line), headers, body)
        else:
            name, wanted = self.fill(line).split(": ", 1)
            self.compare_header(wanted, self.value(name, headers, body))

    def capture(self, name, value, part):
        if value is MISSING or value is None:
            raise Mismatch("nothing to capture")
        value = value if isinstance(value, str) else json.dumps(value)
        if part is not None:
            found = re.search(part, value)
            if not found:
                raise Mismatch(f"found {value!r}")
            value = found[1]
        self.names[name] = value

    def value(self, what, headers, body):
        if what == "seconds":
            return self.seconds
        if what == "base64":
            return base64.b64encode(body).decode()
        text = body.decode(errors="replace")
        if what == "body":
            return text
        if what.startswith("$"):
            return in_json(text, what)
        if what.startswith("/"):
            return in_xml(text, what)
        return ", ".join(headers.get_all(what)) if what in headers else MISSING

    def check_value(self, line, headers, body):
        found = re.fullmatch(r"(\S*) (?:(==|!=|>=|<=|~) (.*)|\((absent|present)\))", line)
        if not found:
            raise Mismatch("not understood")
        what, operation, wanted, presence = found.groups()
        value = self.value(what, headers, body)
        if presence:
            if (value is MISSING) != (presence == "absent"):
                raise Mismatch(f"it is {'absent' if value is MISSING else repr(value)}")
        elif operation == "~":
            if not isinstance(value, str) or not re.search(wanted[1:-1], value, re.S):
                raise Mismatch(f"found {'nothing' if value is MISSING else repr(value)}")
        elif (value is MISSING) or not OPERATIONS[operation](value, json.loads(wanted)):
            raise Mismatch(f"found {json.dumps(value, default=lambda _: 'nothing')}")

    def compare_header(self, wanted, value):
        if wanted in ("(absent)", "(any)"):
            right = (value is MISSING) == (wanted == "(absent)")
        elif len(wanted) > 1 and wanted[0] == wanted[-1] == "/":
            right = value is not MISSING and re.search(wanted[1:-1], value)
        else:
            right = value == wanted
        if not right:
            raise Mismatch(f"found {'nothing' if value is MISSING else repr(value)}")
