# The fault pack: what must hold while a broker lives with kills, damaged bits, a failing disk and hostile clients.
"""
    scripts/faults [--binary build/dev/callboard] [--only soak|bits|disk|clients] [--minutes N] [--seed N] [--quick]

Runs the parts and prints a table; ends with 1 if a promise was broken. docs/reliability.md tells what each part does.
"""
import argparse
import os
import random
import sys
import time

import bits
import clients
import disk
import soak
from pack import say, table

PARTS = {"bits": bits, "disk": disk, "clients": clients, "soak": soak}


def parse_options(arguments):
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=os.path.join(root, "build", "dev", "callboard"))
    parser.add_argument("--failing-disk", help="the library that is preloaded; built beside the binary")
    parser.add_argument("--only", action="append", choices=PARTS, help="may be repeated")
    parser.add_argument("--minutes", type=float, default=10.0, help="of soak; 60 for the long mode")
    parser.add_argument("--flips", type=int, help="bits in each of two directories (200, quick: 12)")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--quick", action="store_true", help="all parts within a minute: less of everything, and nothing about slopes")
    parser.add_argument("--verbose", action="store_true", help="each flip")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    if options.flips is None:
        options.flips = 12 if options.quick else 200
    options.bits_seconds_max = 8.0 if options.quick else float("inf")  # for each directory
    options.binary = os.path.abspath(options.binary)
    options.failing_disk = os.path.abspath(options.failing_disk or os.path.join(
        os.path.dirname(options.binary), "tests", "faults", "libfailing_disk.so"))
    for needed in (options.binary, options.failing_disk):
        if not os.path.exists(needed):
            parser.error(f"{needed} is missing: scripts/build dev callboard failing_disk")
    return options


def main(arguments):
    options = parse_options(arguments)
    say(f"seed {options.seed}")
    rows = []
    for name in options.only or PARTS:
        began = time.monotonic()
        rows += PARTS[name].run(options)
        say(f"{name} took {time.monotonic() - began:.0f} s")
    for row in rows:
        for verdict in row.broken:
            print(f"{row.part}: {row.what}")
            print("\n".join(verdict.lines()))
    print(table(rows))
    broken = sum(bool(row.broken) for row in rows)
    print(f"{len(rows) - broken} passed, {broken} failed (seed {options.seed})")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
