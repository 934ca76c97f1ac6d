# The man page names every command and flag that the program has, and none that it has not; `version` says what it is.
import os
import re

from process_case import HERE, ProcessCase, main

ROOT = os.path.join(HERE, "..", "..")


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def manual():
    """The page's text without its markup."""
    text = re.sub(r"\\f[BIR]", "", read("packaging", "callboard.8")).replace("\\-", "-")
    return "\n".join(re.sub(r"^\.[A-Z]+ ?", "", line).replace('"', "") for line in text.splitlines())


class Manual(ProcessCase):
    def help_of(self, *words):
        done = self.run_to_end(*words, "--help")
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def commands_of(self, *words):
        """What its help lists behind `Subcommands:`, with what is in front of each."""
        _, found, listed = self.help_of(*words).partition("Subcommands:\n")
        return [words + (name,) for name in re.findall(r"^  ([a-z]+) ", listed, re.M)] if found else []

    def test_the_man_page_has_every_flag_and_no_other(self):
        there = set()
        for command in self.commands_of():
            for words in [command, *self.commands_of(*command)]:
                there |= set(re.findall(r"^ +(?:-h,)?(--[a-z-]+)", self.help_of(*words), re.M))
        self.assertGreater(len(there), 20)
        self.assertEqual(set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", manual())), there)

    def test_the_man_page_has_every_command(self):
        commands = self.commands_of()
        self.assertIn(("serve",), commands)
        for command in commands:
            self.assertIn("callboard " + command[0], manual())
            actions = self.commands_of(*command)
            for words in actions or [command]:
                self.assertRegex(manual(), r"(?m)^" + " ".join(words) + r"\b")

    def test_version_says_release_compiler_and_format(self):
        done = self.run_to_end("version")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"\Acallboard (\S+)\nbuilt with \S+ \d+\S*.*, \w+\nstore format \d+\n\Z")
        version = done.stdout.split()[1]
        self.assertIn(f"project(callboard VERSION {version} ", read("CMakeLists.txt"))
        self.assertRegex(read("CHANGELOG.md"), rf"(?m)^## {re.escape(version)}\b")


if __name__ == "__main__":
    main(__doc__)
