# docs/promises.md names tests; each of them must exist.
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def names_in(path):
    """All texts of a source, with those that are written in several pieces put together."""
    text = re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8"))
    return {re.sub(r"\{[^}]*\}", "*", name) for name in re.findall(r'f?"((?:[^"\\]|\\.)*)"', text)}


def main():
    known = set()
    for path in sorted((ROOT / "tests").rglob("*")):
        if path.suffix in (".cpp", ".py"):
            known |= names_in(path)
    patterns = [re.compile(re.escape(name).replace(r"\*", ".*")) for name in known if "*" in name]
    named = re.findall(r'"([^"]+)"', (ROOT / "docs" / "promises.md").read_text(encoding="utf-8"))
    missing = [name for name in named
               if name not in known and not any(one.fullmatch(name) for one in patterns if
                                                len(one.pattern) > 20)]
    for name in missing:
        print(f"docs/promises.md: there is no test \"{name}\"")
    print(f"{len(named) - len(missing)} passed, {len(missing)} failed")
    return 1 if missing or not named else 0


if __name__ == "__main__":
    sys.exit(main())
