# A transcript: what is sent and what must come back, as one small file, read and replayed.
#
#   // Row 6: a group cannot be created twice.       comment: what the rows say
#   publish {stream} 4                                4 events, ids {e1} to {e4}, in one batch
#   PUT /subscriptions/{stream}/{group}               a request line; an absolute URL of ours is fine
#   Authorization: none                               default: Basic admin:changeit; `ops`, `anna:pw`
#   Content-Type: application/json
#
#   {}                                                the body, up to `=>`; a line end before it is not part
#   => 409                                            the status; `=> 200 within 5s` asks again until all holds
#   Location: http://{host}/x                         a header, exactly; `/regex/`, `(any)` or `(absent)`
#   $.entries[0].links[relation=ack].uri == "x"       JSON: == != with a JSON value, ~ /regex/
#   $.entries.length == 1                             `.length` of a list, text or object
#   $.entries[0].author (absent)                      or (present)
#   body == "exactly"                                 the body as a JSON string; `body ~ /regex/`
#   ack := $.entries[0].links[relation=ack].uri       {ack} from here on; also `etag := ETag`
#
# {stream}, {group}, {other} and the ids {e1} to {e9} are new in each replay; {host} is address:port;
# {u1} to {u9} are event ids nobody has used.
import base64
import http.client
import json
import re
import time
import uuid

VERBS = ("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH")
MISSING = object()


class Mismatch(Exception):
    """What came back is not what the transcript says."""


class Step:
    def __init__(self, line, first):
        self.line, self.first = line, first
        self.headers, self.body, self.status, self.within_s, self.checks = [], [], None, 0.0, []


def parse(text):
    """The steps of a transcript. Raises ValueError with the line's number."""
    steps, step, part = [], None, "outside"
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("//"):
            continue
        word = line.split(" ", 1)[0]
        if part in ("outside", "answer") and word in VERBS + ("publish",):
            step = Step(number, line)
            steps.append(step)
            part = "outside" if word == "publish" else "headers"
        elif part in ("headers", "body") and word == "=>":
            found = re.fullmatch(r"=> (\d{3})(?: within (\d+)s)?", line)
            if not found:
                raise ValueError(f"line {number}: not an answer: {line}")
            step.status, step.within_s, part = int(found[1]), float(found[2] or 0), "answer"
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


def lookup(value, path):
    """`$.a[0].b[key=text].length` in parsed JSON; MISSING if it is not there."""
    for name, index, key, text in re.findall(r"\.([^.\[\]]+)|\[(-?\d+)\]|\[(\w+)=([^\]]*)\]", path):
        try:
            if name == "length" and not (isinstance(value, dict) and "length" in value):
                value = len(value)
            elif name:
                value = value[name]
            elif index:
                value = value[int(index)]
            else:
                value = next(item for item in value if str(item.get(key)) == text)
        except (KeyError, IndexError, TypeError, StopIteration):
            return MISSING
    return value


class Replay:
    """One transcript against the broker at `port`."""

    def __init__(self, port):
        self.port = port
        unique = uuid.uuid4().hex[:10]
        self.names = {"host": f"127.0.0.1:{port}", "stream": f"s-{unique}", "group": f"g-{unique}",
                      "other": f"o-{unique}"}
        self.names |= {f"{letter}{i}": str(uuid.uuid4()) for letter in "eu" for i in range(1, 10)}
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def run(self, text):
        """Raises Mismatch, which names the line."""
        for step in parse(text):
            try:
                if step.first.startswith("publish "):
                    self.publish(*self.fill(step.first).split()[1:])
                else:
                    self.step(step)
            except Mismatch as wrong:
                raise Mismatch(f"line {step.line}: {self.fill(step.first)}\n    {wrong}") from None
        self.connection.close()

    def fill(self, text):
        return re.sub(r"\{(\w+)\}", lambda m: self.names.get(m[1], m[0]), text)

    def publish(self, stream, count):
        events = [{"eventId": self.names[f"e{i}"], "eventType": "event-type", "data": {"A": str(i)}}
                  for i in range(1, int(count) + 1)]
        kind = "application/vnd.eventstore.events+json"
        status, _, body = self.ask("POST", f"/streams/{stream}", json.dumps(events),
                                   [("Content-Type", kind)])
        if status != 201:
            raise Mismatch(f"expected 201, got {status}: {body[:200]!r}")

    def ask(self, verb, target, body, headers):
        target = target.removeprefix(f"http://{self.names['host']}")
        self.connection.putrequest(verb, target, skip_accept_encoding=True)
        given = {name.lower() for name, _ in headers}
        if "authorization" not in given:
            headers = headers + [("Authorization", "admin:changeit")]
        for name, value in headers:
            if name.lower() == "authorization" and value != "none":
                pair = {"ops": "ops:changeit"}.get(value, value)
                value = pair if " " in pair else "Basic " + base64.b64encode(pair.encode()).decode()
            if value != "none":
                self.connection.putheader(name, value)
        data = body.encode()
        if (data or verb in ("POST", "PUT")) and "content-length" not in given:
            self.connection.putheader("Content-Length", str(len(data)))
        self.connection.endheaders(data)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def step(self, step):
        verb, target = self.fill(step.first).split(" ", 1)
        headers = [(name, self.fill(value)) for name, value in step.headers]
        body = self.fill("\n".join(step.body).rstrip("\n"))
        deadline = time.monotonic() + step.within_s
        while True:
            answer = self.ask(verb, target, body, headers)
            try:
                return self.check(step, *answer)
            except Mismatch:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.02)  # between two polls of a condition with a deadline

    def check(self, step, status, headers, body):
        text = body.decode(errors="replace")
        if status != step.status:
            raise Mismatch(f"expected {step.status}, got {status}: {text[:300]!r}")
        for number, line in step.checks:
            try:
                self.check_line(line, headers, text)
            except Mismatch as wrong:
                raise Mismatch(f"line {number}: {self.fill(line)}\n    {wrong}\n    {text[:600]}") from None

    def check_line(self, line, headers, text):
        captured = re.fullmatch(r"(\w+) := (.+)", line)
        if captured:
            value = self.value(captured[2], headers, text)
            if value is MISSING or value is None:
                raise Mismatch("nothing to capture")
            self.names[captured[1]] = value if isinstance(value, str) else json.dumps(value)
        elif line.startswith(("$", "body ")):
            self.check_value(self.fill(line), headers, text)
        else:
            name, wanted = self.fill(line).split(": ", 1)
            self.compare_header(wanted, headers.get(name))

    def value(self, what, headers, text):
        if what == "body":
            return text
        if not what.startswith("$"):
            return headers.get(what, MISSING)
        try:
            return lookup(json.loads(text), what[1:])
        except json.JSONDecodeError:
            raise Mismatch("the body is not JSON") from None

    def check_value(self, line, headers, text):
        found = re.fullmatch(r"(\$\S*|body) (?:(==|!=|~) (.*)|\((absent|present)\))", line)
        if not found:
            raise Mismatch("not understood")
        what, operation, wanted, presence = found.groups()
        value = self.value(what, headers, text)
        if presence:
            if (value is MISSING) != (presence == "absent"):
                raise Mismatch(f"it is {'absent' if value is MISSING else value!r}")
        elif operation == "~":
            if not isinstance(value, str) or not re.search(wanted.strip("/"), value, re.S):
                raise Mismatch(f"found {value!r}")
        elif (value == json.loads(wanted)) != (operation == "=="):
            raise Mismatch(f"found {'nothing' if value is MISSING else json.dumps(value)}")

    def compare_header(self, wanted, value):
        if wanted in ("(absent)", "(any)"):
            right = (value is None) == (wanted == "(absent)")
        elif len(wanted) > 1 and wanted[0] == wanted[-1] == "/":
            right = value is not None and re.search(wanted[1:-1], value)
        else:
            right = value == wanted
        if not right:
            raise Mismatch(f"found {value!r}")
