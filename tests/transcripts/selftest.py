# The language of the transcripts finds what does not hold: against answers made up here, without a broker.
"""selftest.py"""
import os
import sys
import unittest
from email.message import Message

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import coverage  # noqa: E402
from table import Table  # noqa: E402
from transcript import Replay, parse  # noqa: E402
from values import MISSING, Mismatch, in_json, in_xml  # noqa: E402

FEED = ('<f:feed xmlns:f="urn:x"><entry n="1"><id>a</id></entry>'
        '<entry n="2"><id>b</id><link rel="x" href="y"/></entry></f:feed>')


class NoBroker:
    port = 1


class LanguageTest(unittest.TestCase):
    def holds(self, answer, body="", status=200, reason="OK", **headers):
        """Whether an answer is what the lines in `answer` want."""
        replay, message = Replay(NoBroker()), Message()
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        replay.seconds = 1.5
        self.replay = replay
        try:
            replay.check(parse("GET /x\n" + answer)[0], status, message, body.encode(), reason)
        except Mismatch:
            return False
        return True

    def test_status_and_reason(self):
        self.assertTrue(self.holds("=> 200"))
        self.assertFalse(self.holds("=> 201"))
        self.assertTrue(self.holds('=> 400 "Why not" within 5s', status=400, reason="Why not"))
        self.assertFalse(self.holds('=> 400 ""', status=400, reason="Bad Request"))

    def test_headers(self):
        self.assertTrue(self.holds("=> 200\nA-B: c", A_B="c"))
        self.assertFalse(self.holds("=> 200\nA-B: c", A_B="cc"))
        self.assertFalse(self.holds("=> 200\nA-B: (any)"))
        self.assertFalse(self.holds("=> 200\nA-B: (absent)", A_B="c"))
        self.assertFalse(self.holds("=> 200\nA-B: /^d/", A_B="c"))

    def test_json(self):
        body = '{"a":[{"k":"x","v":1},{"k":"y","v":2}],"n":null}'
        for line in ("$.a[k=y].v == 2", "$.a[*].k == [\"x\", \"y\"]", "$.a.length >= 2", "$.n == null", "$.b (absent)"):
            self.assertTrue(self.holds("=> 200\n" + line, body), line)
        for line in ("$.a[0].v == 2", "$.b == null", "$.b != 1", "$.a (absent)", "$.a.length <= 1", "$.a[0].k ~ /y/"):
            self.assertFalse(self.holds("=> 200\n" + line, body), line)
        self.assertFalse(self.holds("=> 200\n$.a == 1", "not JSON"))
        self.assertIs(in_json("[]", "$[0]"), MISSING)

    def test_xml(self):
        self.assertEqual(in_xml(FEED, "/feed/entry.length"), 2)
        self.assertEqual(in_xml(FEED, "/feed/entry[*]/id"), ["a", "b"])
        self.assertEqual(in_xml(FEED, "/feed/entry[id=b]/link[rel=x]/@href"), "y")
        self.assertEqual(in_xml(FEED, "/feed/entry[1]/@n"), "2")
        self.assertIs(in_xml(FEED, "/feed/entry[2]/id"), MISSING)
        self.assertFalse(self.holds("=> 200\n/feed/id == \"a\"", "{}"))

    def test_captures(self):
        self.assertTrue(self.holds("=> 200\ntag := ETag ~ /\"(.*)\"/\n$.a == \"{tag}\"", '{"a":"t"}', ETag='"t"'))
        self.assertFalse(self.holds("=> 200\nx := $.b", "{}"))

    def test_repetitions_are_written_out(self):
        steps = parse("repeat 2\nGET /{n}\n=> 200\n\nend\nGET /x\n=> later\n\n=> 200")
        self.assertEqual([step.first for step in steps], ["GET /1", "GET /2", "GET /x", "=> 200"])
        self.assertRaises(ValueError, parse, "GET /x\n")
        self.assertRaises(ValueError, parse, "GET /x\n=> fine")

    def test_rows_and_routes(self):
        self.assertEqual(coverage.rows_of("groups/002-004+023.http"), {2, 3, 4, 23})
        self.assertEqual(coverage.rows_of("groups/s1.3-validation.http"), set())
        table = Table()
        self.assertEqual(table.template_of("GET", "/subscriptions/a/b/info"), "/subscriptions/{stream}/{group}/info")
        self.assertEqual(table.template_of("GET", "http://h:1/subscriptions/a/b/5?embed=x"),
                         "/subscriptions/{stream}/{group}/{count}")
        self.assertIsNone(table.template_of("PUT", "/streams/a"))


if __name__ == "__main__":
    unittest.main()
