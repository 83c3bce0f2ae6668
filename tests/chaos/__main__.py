"""`make chaos`: tells a story of many recipients, or those of several seeds, and says what was wrong in the end."""

import argparse
import contextlib
import gc
import io
import os
import secrets
import sys
import time

# Before any module of ours is imported: a story makes thousands of lines, and it is the ending that is read.
os.environ["POWERTOOLS_LOG_LEVEL"] = "CRITICAL"

# Likewise: it sets the environment in which they are.
import tests.conftest  # noqa: F401
from tests.chaos.stage import tell


def main() -> int:
    """Answers 0 when nothing was wrong."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="the story to tell (default: any)")
    parser.add_argument("--stories", type=int, default=1, help="how many, from that seed on")
    parser.add_argument("--recipients", type=int, default=5_000)
    parser.add_argument("--table", action="store_true", help="write rows of the table of docs/chaos.md")
    asked = parser.parse_args()
    first = secrets.randbelow(1_000_000) if asked.seed is None else asked.seed
    wrong = 0
    # A story keeps nearly all that it makes: looking through that for what it does not takes a quarter of its time.
    gc.set_threshold(200_000, 50, 1_000)
    for seed in range(first, first + asked.stories):
        began = time.monotonic()
        if not asked.table:
            sys.stdout.write(f"seed {seed}: ")
            sys.stdout.flush()
        with contextlib.redirect_stdout(io.StringIO()):
            ending = tell(seed, asked.recipients)
        seconds = time.monotonic() - began
        sys.stdout.write(f"{ending.row(seconds) if asked.table else f'{ending.told()} ({seconds:.0f} s)'}\n")
        sys.stdout.flush()
        if asked.table and ending.faults:
            sys.stderr.write(f"{ending.told()}\n")
        wrong += bool(ending.faults)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
