# Which rows of the dialect's test table (rows.txt) have a transcript, or a test elsewhere (elsewhere.txt).
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")


def lines_of(name):
    """Pairs `key: text` of a list; `#` begins a comment."""
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                key, _, text = line.strip().partition(": ")
                yield key, text


def pending():
    """Transcripts of what has not landed yet: they may fail."""
    return {path for path, _ in lines_of("pending.txt")}


def elsewhere():
    """What tests elsewhere cover: a row, or a route such as `GET /ping`, to the name of a test."""
    return dict(lines_of("elsewhere.txt"))


def rows_of(path):
    """The rows that a file's name tells: `002-004+023.http`; a section's file has none."""
    rows = set()
    for part in os.path.basename(path).removesuffix(".http").split("+"):
        if found := re.fullmatch(r"(\d+)(?:-(\d+))?", part):
            rows |= set(range(int(found[1]), int(found[2] or found[1]) + 1))
    return rows


def test_names():
    names = set()
    for folder, _, files in os.walk(os.path.join(ROOT, "tests")):
        for name in files:
            if name.endswith(".cpp"):
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    for words in re.findall(r'TEST_CASE\(\s*((?:"[^"]*"\s*)+)', file.read()):
                        names.add("".join(re.findall(r'"([^"]*)"', words)))
    return names


def complete(paths):
    """Whether each row is covered and each name there is; prints what is missing."""
    problems = []
    rows = {int(number) for number, _ in lines_of("rows.txt")}
    covered = set().union(*map(rows_of, paths), (int(key) for key in elsewhere() if key.isdigit()))
    problems += [f"row {row} has neither a transcript nor a line in elsewhere.txt" for row in sorted(rows - covered)]
    known = test_names()
    problems += [f"elsewhere.txt: {key}: no test is called {test!r}"
                 for key, test in elsewhere().items() if not test.startswith("docs: ") and test not in known]
    problems += [f"pending.txt: there is no {path}" for path in sorted(pending() - set(paths))]
    print(*problems, f"{len(rows & covered)} of {len(rows)} rows are covered", sep="\n")
    return not problems
