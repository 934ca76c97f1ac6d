# Holds the real binary against its description: whatever is asked, mostly as documented and often oddly, the answer is one that is there.
"""answers_test.py --binary BROKER --document OPENAPI [--seed N] [--requests N] [--clients N]

Each answer has a status that its operation names, a type that the status names, and content of that schema. Nothing ends
the broker, and what it has stored is whole after a kill. A failure names the request; the same seed makes the same
requests, but answers also depend on the time and on the other clients."""
import argparse
import http.client
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import warnings
from collections import Counter
from urllib.parse import unquote

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
from broker_process import BrokerFailed, BrokerProcess  # noqa: E402
from client import basic_authorization  # noqa: E402
from making import Maker  # noqa: E402

METHODS = ("get", "head", "put", "post", "patch", "delete")
LEFT_OUT = {("/admin/shutdown", "post")}  # would be the end
# What others need to have something to do; each must have succeeded by the end, or little was tried.
OFTEN = {"publish": 12, "createGroup": 6, "fetch": 8, "settle": 8, "ack": 3, "nack": 6, "scheduleRecurring": 3, "listParked": 3}
NEVER_ENDS = "/subscriptions/{stream}/{group}/events"  # only its head is looked at
SLOWEST_S = 20.0
ABOUT_ANY_TARGET = (b"Malformed percent escape", b"The query of the request target")  # before there is a route
SKIPPED = 77
warnings.simplefilter("ignore")


class Description:
    def __init__(self, document):
        self.document = document
        self.operations = [(path, method, item[method]) for path, item in document["paths"].items() for method in METHODS
                           if method in item and (path, method) not in LEFT_OUT
                           for _ in range(OFTEN.get(item[method]["operationId"], 1))]

    def routed(self, method, target):
        """The operation that a target belongs to: odd values may make it another one than it was made for."""
        path = target.partition("?")[0].split("/")
        best = False, [], None
        for name, item in self.document["paths"].items():
            words = name.split("/")
            literal = [word == unquote(part) for word, part in zip(words, path)]
            rest = name == "/stats/{path}" and len(path) > len(words)
            if (rest or len(words) == len(path)) and all(same or word.startswith("{") for same, word in zip(literal, words)):
                best = max(best, (method.lower() in item, literal, name))
        return (best[2], self.document["paths"][best[2]].get(method.lower())) if best[2] else (None, None)


class Judge:
    def __init__(self, description, maker):
        import jsonschema
        self.document, self.maker = description.document, maker
        self.validator = jsonschema.Draft202012Validator
        self.resolver = jsonschema.RefResolver("", self.document)

    def complaint(self, operation, status, kind, content):
        """What the description does not say about this answer; None if nothing."""
        if operation is None:
            return None if status in (404, 405) else f"{status} of no operation"
        if status == 400 and content.startswith(ABOUT_ANY_TARGET):
            return None
        described = operation["responses"].get(str(status), operation["responses"].get("default"))
        if described is None:
            return f"{status} is not described"
        allowed = self.maker.resolve(described).get("content", {})
        if not content:
            return None
        kind = (kind or "").partition(";")[0]
        if kind not in allowed:
            return f"{status} as '{kind}', described are {list(allowed)}"
        if not kind.endswith("json"):
            return None
        try:
            value = json.loads(content)
        except ValueError as error:
            return f"{status} is no JSON: {error}"
        self.maker.learn(value)
        schema = allowed[kind].get("schema")
        wrong = None if schema is None else next(self.validator(schema, resolver=self.resolver).iter_errors(value), None)
        return wrong and f"{status}, /{'/'.join(map(str, wrong.absolute_path))}: {wrong.message[:300]}"


def ask(port, connection, method, target, headers, body, endless):
    """(status, type, content, connection to go on with)"""
    connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=SLOWEST_S)
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    if body is not None or method not in ("GET", "HEAD"):
        connection.putheader("Content-Length", str(len(body or b"")))
    connection.endheaders(body)
    answer = connection.getresponse()
    if endless and answer.status == 200:
        connection.close()
        return answer.status, "", b"", None
    content = answer.read()
    if answer.will_close:
        connection.close()
        connection = None
    return answer.status, answer.getheader("Content-Type"), content, connection


class Asker(threading.Thread):
    """One client with requests of its own."""

    def __init__(self, broker, description, seed, requests):
        super().__init__()
        self.broker, self.description, self.seed, self.requests = broker, description, seed, requests
        self.maker = Maker(description.document, random.Random(seed))
        self.complaints, self.seen, self.broke = {}, Counter(), None
        self.succeeded = set()  # operationIds

    def run(self):
        try:
            self.ask_all(Judge(self.description, self.maker))
        except BaseException as error:  # told of by who waits for this thread
            self.broke = error

    def ask_all(self, judge):
        connection = None
        for number in range(self.requests):
            path, method, operation = self.maker.random.choice(self.description.operations)
            method, target, headers, body = self.maker.request(path, method, operation)
            if self.maker.odd(0.97):
                headers["Authorization"] = basic_authorization("admin", "changeit")
            asked = f"{number} of seed {self.seed}: {method} {target} {headers} {body and body[:1000]}"
            name, operation = self.description.routed(method, target)
            try:
                status, kind, content, connection = ask(self.broker.port, connection, method, target, headers, body, name == NEVER_ENDS)
            except (OSError, http.client.HTTPException) as error:
                if self.broker.process.poll() is not None:
                    raise BrokerFailed(f"it had ended at {asked}\n{self.broker.log_tail()}") from error
                status, kind, content, connection = type(error).__name__, "", b"", None
            self.seen[status] += 1
            if operation and status in range(200, 300):
                self.succeeded.add(operation["operationId"])
            complaint = judge.complaint(operation, status, kind, content)
            if complaint:
                self.complaints.setdefault((name, method, complaint[:60]), f"{asked}\n    {complaint}: {content[:300]}")


def run(settings):
    with open(settings.document, encoding="utf-8") as file:
        description = Description(json.load(file))
    folder = tempfile.mkdtemp()
    broker = BrokerProcess(settings.binary, os.path.join(folder, "data"))
    try:
        broker.start()
        askers = [Asker(broker, description, settings.seed + at, settings.requests) for at in range(settings.clients)]
        for one in askers:
            one.start()
        for one in askers:
            one.join()
        for one in askers:
            if one.broke is not None:
                raise one.broke
        broker.kill()
        broker.start()
        code, said = broker.check() if broker.terminate(30)[1] == 0 else (1, "it did not stop")
    finally:
        broker.abandon()
        shutil.rmtree(folder)
    complaints = {what: text for one in askers for what, text in one.complaints.items()}
    for operation in set(OFTEN).difference(*(one.succeeded for one in askers)):
        complaints[operation] = f"{operation} never succeeded"
    for text in complaints.values():
        print(f"answers: {text}")
    if code != 0:
        print(f"answers: after the kill: {said}")
    for one in askers:
        print(f"answers: seed {one.seed}: {dict(sorted(one.seen.items(), key=str))}")
    return 1 if complaints or code != 0 else 0


if __name__ == "__main__":
    options = argparse.ArgumentParser(description="Holds answers against the description.")
    options.add_argument("--binary", required=True)
    options.add_argument("--document", required=True)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--requests", type=int, default=2000, help="of each client")
    options.add_argument("--clients", type=int, default=2)
    try:
        import jsonschema  # noqa: F401
    except ImportError:
        print("answers: skipped, python3-jsonschema is not installed")
        sys.exit(SKIPPED)
    sys.exit(run(options.parse_args()))
