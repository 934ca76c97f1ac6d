# Requests made up by seed from an OpenAPI document: mostly as it says, the rest odd.
import json
import re
import string
import uuid
from urllib.parse import quote

# What clients send by mistake or on purpose. No path segment of dots: clients and proxies take those away.
ODD_TEXT = ["", " ", "-1", "-2", "0", "00", "1e3", "0x10", "+1", "1.5", "2147483648", "9223372036854775807", "9223372036854775808",
            "18446744073709551616", "-9223372036854775808", "9" * 400, "head", "true", "null", "[]", "{}", "a b", "a/b", "a\\b",
            "a%20b", "$all", "$$orders", "$persistentsubscription-orders::workers-parked", "$ce-orders", "::", "@", "orders@1",
            "*", "?", "#", "&=;", "\"", "'", "<a&b>", "\u00e4\u00f6", "\U0001f3ad", "\x01", "\x7f", "x" * 91, "x" * 401, "x" * 3000,
            "1s", "PT1S", "P9999999Y", "2026-13-40T99:99:99Z", "9999-12-31T23:59:59Z", "10000-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z", "NaN", "g1-l1", "g18446744073709551616-l1", "00000000-0000-0000-0000-000000000000",
            "{11111111-2222-4333-8444-555555555555}", "11111111222243338444555555555555"]
ODD_JSON = [None, True, False, 0, -1, 1.5, 1e300, 2**31, 2**63, 2**64, -2**63, "", [], {}, [[]], [None], {"": None}, {"a": {"b": [1]}}]
# Words that are in many requests at once, so that they meet.
STREAMS = ["orders", "orders", "carts", "a-1", "a-2", "\u00e4 b/c", "$et-sold"]
GROUPS = ["workers", "workers", "g2", "\u00fc g"]
TYPES = ["application/json", "application/vnd.eventstore.events+json", "application/vnd.eventstore.events+xml", "text/xml",
         "application/octet-stream", "text/plain", "application/problem+json", "*/*", "application/*;q=0.5, text/xml;q=0.9", "nonsense"]

WANTED = ("ES-EventType", "context", "type", "data")
UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LEASE = re.compile("g[0-9]+-l[0-9]+")


class Maker:
    """Values for the parameters and bodies of `document`. Short waits only, so that no request holds up the next ones for long.
    What answers have named, later requests name again."""

    def __init__(self, document, random):
        self.document, self.random = document, random
        self.ids = ["11111111-2222-4333-8444-555555555555"]
        self.leases = ["g1-l1"]
        self.others = ["p1-1"]  # delayed messages, where pages go on, positions

    def resolve(self, part):
        while "$ref" in part:
            at = self.document
            for word in part["$ref"].removeprefix("#/").split("/"):
                at = at[word]
            part = at
        return part

    def odd(self, share):
        return self.random.random() < share

    def learn(self, value):
        """Texts of an answer that later requests may want to name."""
        if isinstance(value, dict):
            for name, inner in value.items():
                if name in ("id", "eventId", "lease", "job", "next", "after", "position") and isinstance(inner, str):
                    word = inner.rpartition("/")[2]
                    pool = self.ids if UUID.fullmatch(word) else self.leases if LEASE.fullmatch(word) else self.others
                    pool.append(word)
                    del pool[:-100]
                self.learn(inner)
        elif isinstance(value, list):
            for inner in value[:10]:
                self.learn(inner)

    def an_id(self):
        if self.odd(0.3):
            self.ids.append(str(uuid.UUID(int=self.random.getrandbits(128), version=4)))
        return self.random.choice(self.ids[-20:] if self.odd(0.7) else self.ids)

    def any_name(self):
        return self.random.choice([self.an_id(), self.random.choice(self.leases), self.random.choice(self.others)])

    def request(self, path, method, operation):
        """(method, target, headers, body), the target and the headers as they are sent."""
        parameters = [self.resolve(one) for one in operation.get("parameters", [])]
        query, headers = [], {}
        for one in parameters:
            if one["in"] == "path":
                path = path.replace("{%s}" % one["name"], self.segment(one))
            elif self.odd(0.9 if one.get("required") or one["name"] in WANTED else 0.2):
                text = self.text_for(one)
                if one["in"] == "query":
                    query.append(quote(one["name"]) + "=" + quote(text, safe=""))
                else:
                    headers[one["name"]] = self.header_text(text)
        body, kind = self.body(self.resolve(operation["requestBody"])) if "requestBody" in operation else (None, None)
        if kind is not None:
            headers["Content-Type"] = kind
        headers["Accept"] = self.random.choice(self.types_of_success(operation) or ["*/*"])
        if self.odd(0.2):
            headers["Accept"] = self.random.choice(TYPES + self.documented_types(operation))
        if self.odd(0.03) and method != "head":  # whose refusal has no text to be known by
            query.append(self.random.choice(["", "=", "a", "a=%", "a=%zz", "embed", "embed=body&embed=none", "%00=1"]))
        return method.upper(), path + ("?" + "&".join(query) if query else ""), headers, body

    def documented_types(self, operation):
        return [name for one in operation["responses"].values() for name in self.resolve(one).get("content", {})]

    def types_of_success(self, operation):
        return list(self.resolve(operation["responses"].get("200", {})).get("content", {}))

    def segment(self, parameter):
        text = self.text_for(parameter)
        return quote(text, safe="") or "%20"

    def header_text(self, text):
        return "".join(c for c in text if c in string.printable and c not in "\r\n\x0b\x0c")[:4000]

    def text_for(self, parameter):
        name = parameter["name"]
        if self.odd(0.05):
            return self.random.choice(ODD_TEXT)
        if name == "stream":
            return self.random.choice(STREAMS)
        if name == "group":
            return self.random.choice(GROUPS)
        if name == "format":
            return self.random.choice(["json", "json", "xml", "atom", "text"])
        if name == "liveCode":
            return "200"
        if name == "event":
            return self.random.choice(["head", "0", "1", str(self.random.randrange(40))])
        if name == "position":
            return self.random.choice(["head", "0" * 32, *self.others[-3:]])
        if name == "ES-EventType":
            return self.random.choice(["ordered", "$>", "\u00fc"])
        if name == "ids":
            return ",".join(self.an_id() for _ in range(self.random.randint(1, 4)))
        if parameter.get("schema", {}).get("format") == "uuid" or name in ("job", "ES-EventId") or (name == "id" and self.odd(0.5)):
            return self.an_id()
        if name in ("lease", "Lease"):
            return self.random.choice(self.leases)
        if name in ("id", "after", "Last-Event-ID", "If-None-Match"):
            return self.any_name()
        if name == "context":
            return self.random.choice(["eventtype", "streamid"])
        if name in ("delay", "Delay"):
            return self.random.choice(["1500", "5s", "1h", "PT1S", "365d"])
        if name == "Prefer":
            return "wait=0"
        if name == "ES-LongPoll":
            return "0"
        if name == "ES-HardDelete":
            return "true" if self.odd(0.05) else "false"
        if name == "login":
            return self.random.choice(["anna", "ops", "b"])
        if name == "ES-ExpectedVersion":
            return str(self.random.choice([-2, -2, -2, -1, 0, 3, -4]))
        if "example" in parameter and self.odd(0.5):
            return str(parameter["example"])
        value = self.value(parameter["schema"])
        return value if isinstance(value, str) else json.dumps(value)

    def body(self, described):
        kind = self.random.choice(list(described["content"]))
        content = described["content"][kind]
        if self.odd(0.05):
            kind = self.random.choice(TYPES + [None])
        if self.odd(0.03):
            return self.random.choice([b"", b"{", b"[", b"\xff\xfe", b"null", b"[" * 2000, b"{\"a\":1,\"a\":2}", b"<a><b></a>", b"\x00" * 10]), kind
        if "schema" in content:
            value = self.hasty(content["example"]) if "example" in content and self.odd(0.2) else self.value(content["schema"])
            text = json.dumps(self.bent(value) if self.odd(0.15) else value, ensure_ascii=self.odd(0.5))
            if self.odd(0.02):
                text = text[:self.random.randrange(len(text) + 1)]
            return text.encode("utf-8", "replace"), kind
        if kind and "xml" in kind:
            return (b"<events><event><eventId>%s</eventId><eventType>t</eventType><data><a>1</a></data></event></events>"
                    % self.an_id().encode()), kind
        return b"{\"n\": 1}", kind

    def value(self, schema, depth=0):
        """One that the schema allows, as far as it says so."""
        schema = self.resolve(schema)
        if self.odd(0.02):
            return self.random.choice(ODD_JSON)
        for choices in ("oneOf", "anyOf"):
            if choices in schema:
                return self.value(self.random.choice(schema[choices]), depth)
        if "allOf" in schema:
            parts = [self.value(one, depth) for one in schema["allOf"]]
            return {name: value for part in parts if isinstance(part, dict) for name, value in part.items()}
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        if "const" in schema:
            return schema["const"]
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = self.random.choice(kind)
        if kind == "object":
            return self.members(schema, depth)
        if kind == "array":
            top = 0 if depth > 4 else min(schema.get("maxItems", 3), 3)
            return [self.value(schema.get("items", {}), depth + 1) for _ in range(self.random.randint(min(schema.get("minItems", 0), 3), max(top, schema.get("minItems", 0))))]
        if kind == "integer":
            low, high = schema.get("minimum", -5), schema.get("maximum", 2**31 - 1)
            return self.random.choice([low, min(low + 1, high), high, self.random.randint(low, min(high, low + 50)), schema.get("default", low)])
        if kind == "number":
            return self.random.uniform(schema.get("minimum", 0), schema.get("maximum", 10))
        if kind == "boolean":
            return self.odd(0.5)
        if kind == "string":
            return self.text(schema)
        return self.random.choice(ODD_JSON)

    def members(self, schema, depth):
        out = {}
        for name, inner in schema.get("properties", {}).items():
            if name in schema.get("required", []) or (depth < 5 and self.odd(0.4)):
                out[name] = self.random.choice(STREAMS) if name == "stream" else self.value(inner, depth + 1)
        return self.hasty(out)

    def text(self, schema):
        if schema.get("format") == "uuid":
            return self.an_id()
        if "pattern" in schema or "lease" in schema.get("description", "").lower():
            return self.random.choice(self.leases)
        if schema.get("format") == "date-time":
            return self.random.choice(["2027-01-01T00:00:00Z", "2020-01-01T00:00:00.123+02:00", "2126-01-01T00:00:00Z"])
        if self.odd(0.5) and (schema.get("examples") or "default" in schema):
            return self.random.choice(schema.get("examples") or [schema["default"]])
        return self.random.choice(["5s", "1h", "abc", "orders", "0 6 * * 1-5", "Europe/Berlin", "ops", "1", self.any_name(), *ODD_TEXT[-8:]])

    def hasty(self, value):
        """The same without waiting."""
        if isinstance(value, dict):
            return {name: 0 if name == "wait" else self.hasty(inner) for name, inner in value.items()}
        return value

    def bent(self, value):
        """The same with one thing wrong in it, or more than there should be of one."""
        if isinstance(value, dict) and value and self.odd(0.8):
            name = self.random.choice(list(value))
            return self.random.choice([
                lambda: {**value, name: self.bent(value[name])},
                lambda: {**value, name: self.random.choice(ODD_JSON)},
                lambda: {**value, name: self.random.choice(ODD_TEXT)},
                lambda: {other: inner for other, inner in value.items() if other != name},
                lambda: {**value, name.swapcase(): value[name]},
                lambda: {**value, "another": 1}])()
        if isinstance(value, list) and value and self.odd(0.8):
            at = self.random.randrange(len(value))
            return self.random.choice([
                lambda: value[:at] + [self.bent(value[at])] + value[at + 1:],
                lambda: value * 2,
                lambda: value * 500])()
        return self.random.choice(ODD_JSON + ODD_TEXT)
