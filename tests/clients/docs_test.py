# Runs the commands of a page of docs/ in its order against a fresh broker, and compares what they print.
"""docs_test.py --binary callboard DOCUMENT

A fence ```sh holds commands; all fences are one session of bash, so what one sets the next ones have. No command may
fail. A fence ```json or ```text right behind one is what that one prints: `…` stands for anything, and white space does
not count. `localhost:2113` is this run's broker."""
import argparse
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "crash"))
from broker_process import BrokerProcess  # noqa: E402

FENCE = re.compile(r"^```sh\n(.*?)^```\n(?:\n*```(?:json|text)\n(.*?)^```\n)?", re.S | re.M)
ENDED = "--ended--"
DEADLINE_S = 90


def steps_of(path):
    """The line, the commands, and what they print or None."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for found in FENCE.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, found[1], found[2]


def pattern_of(shown):
    return ".*?".join(re.escape("".join(part.split())) for part in shown.split("…"))


class Session:
    """One bash; a command that fails is told with what was printed."""

    def __init__(self, folder):
        self.folder = folder
        self.bash = subprocess.Popen(["bash", "--noprofile", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, text=True, cwd=folder)
        self.say("set -o pipefail; trap 'failed=$BASH_COMMAND' ERR")

    def say(self, text):
        self.bash.stdin.write(text + "\n")
        self.bash.stdin.flush()

    def run(self, commands):
        """What they print, and the command that failed, or nothing."""
        # From a file: a command that reads its input must not read the next ones.
        path = os.path.join(self.folder, "step.sh")
        with open(path, "w", encoding="utf-8") as file:
            file.write(commands)
        self.say(f"failed=; . {path} </dev/null; printf '\\n{ENDED}%s\\n' \"$failed\"")
        out = []
        for line in self.bash.stdout:
            if line.startswith(ENDED):
                return "".join(out), line[len(ENDED):].strip()
            out.append(line)
        return "".join(out), "bash ended"

    def end(self):
        self.bash.kill()
        self.bash.wait()
        self.bash.stdin.close()
        self.bash.stdout.close()


def problem_with(session, commands, shown):
    """Nothing, or what to tell."""
    printed, failed = session.run(commands)
    if failed:
        return f"{failed!r} failed; printed was\n{printed}"
    if shown is not None and not re.fullmatch(pattern_of(shown), "".join(printed.split()), re.S):
        return f"{commands}prints\n{printed}and the document shows\n{shown}"
    return None


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", required=True)
    options.add_argument("document")
    settings = options.parse_args()
    ran, wrong = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        broker = BrokerProcess(settings.binary, os.path.join(folder, "data"))
        session = Session(folder)
        try:
            broker.start()
            for line, commands, shown in steps_of(settings.document):
                ran += 1
                ours = [text and text.replace("localhost:2113", f"localhost:{broker.port}") for text in (commands, shown)]
                if problem := problem_with(session, *ours):
                    wrong += 1
                    print(f"line {line}: {problem}")
        finally:
            session.end()
            broker.abandon()
    print(f"{ran - wrong} of {ran} steps of {os.path.basename(settings.document)} do what it says")
    return 1 if wrong or not ran else 0


sys.exit(main())
