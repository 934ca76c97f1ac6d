# What was asked and answered, by route: the table of docs/eventstore-table.md.
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
NET = os.path.join(HERE, "..", "..", "net")
HEAD = """# Routes, representations, statuses

What the transcripts of `tests/transcripts` saw, written by `tests/transcripts/run.py --table`; a test compares it.

| route | body sent | representation answered | statuses |
|---|---|---|---|
"""


def routes():
    """Pairs of a verb and a path's template, from the route tables of net/; the Barco dialect has ports of its own."""
    verbs = {"erase": "DELETE"}
    out = set()
    for name in os.listdir(NET):
        if name.endswith(".cpp") and not name.startswith("barco_"):
            with open(os.path.join(NET, name), encoding="utf-8") as file:
                for verb, path in re.findall(r'\b(get|post|put|erase|head)\s*,\s*"(/[^"]*)"\s*,', file.read()):
                    out.add((verbs.get(verb, verb.upper()), path))
    return sorted(out)


def template_order(path):
    """Literal before placeholder, segment by segment."""
    return [segment.startswith("{") for segment in path.split("/")]


class Table:
    def __init__(self):
        ordered = sorted(routes(), key=lambda route: template_order(route[1]))
        self.known = [(verb, path, re.compile(re.sub(r"\{\w+\*\}", ".+", re.sub(r"\{\w+\}", "[^/]*", path)
                                                     .replace("$", r"\$"))))
                      for verb, path in ordered]
        self.rows, self.asked = {}, set()

    def template_of(self, verb, target):
        path = re.sub(r"^http://[^/]*", "", target).split("?")[0].replace("%24all", "$all")
        for known, template, pattern in self.known:
            if known == verb and pattern.fullmatch(path):
                return template
        return None

    def add(self, seen, holds):
        """Requests of a transcript that holds, or of one that does not: then they are only known to be asked."""
        for verb, target, headers, status, answer in seen:
            template = self.template_of(verb, target)
            self.asked.add((verb, template))
            if template and holds:
                sent = next((value for name, value in headers if name.lower() == "content-type"), "")
                key = (template, verb, sent if verb in ("PUT", "POST") else "", answer.get_content_type()
                       if "Content-Type" in answer else "")
                self.rows.setdefault(key, set()).add(status)

    def text(self):
        out = HEAD
        for (template, verb, sent, answered), statuses in sorted(self.rows.items()):
            cells = [f"`{verb} {template}`", f"`{sent}`" if sent else "–", f"`{answered}`" if answered else "–",
                     ", ".join(map(str, sorted(statuses)))]
            out += "| " + " | ".join(cells) + " |\n"
        return out

    def is_complete(self, elsewhere):
        """Whether every route was asked for, but those that are tested elsewhere."""
        unseen = [f"{verb} {path}" for verb, path, _ in self.known if (verb, path) not in self.asked]
        unseen = [route for route in unseen if route not in elsewhere]
        print(*(f"no transcript asks for {route}" for route in unseen), sep="\n", end="\n" if unseen else "")
        return not unseen

    def is_up_to_date(self, path):
        with open(path, encoding="utf-8") as file:
            same = file.read() == self.text()
        if not same:
            print("docs/eventstore-table.md is out of date: run.py --table > docs/eventstore-table.md")
        return same
