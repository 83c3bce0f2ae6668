"""`make chaos`: tells a story of many recipients, or those of several seeds, and says what was wrong in the end."""

import argparse
import contextlib
import io
import secrets
import sys
import time

# Before any module of ours is imported: it sets the environment in which they are.
import tests.conftest  # noqa: F401
from tests.chaos.story import Ending, tell

_FAULTS_SHOWN = 20


def main() -> int:
    """Answers 0 when nothing was wrong."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="the story to tell (default: any)")
    parser.add_argument("--stories", type=int, default=1, help="how many, from that seed on")
    parser.add_argument("--recipients", type=int, default=5_000)
    asked = parser.parse_args()
    first = secrets.randbelow(1_000_000) if asked.seed is None else asked.seed
    wrong = 0
    for seed in range(first, first + asked.stories):
        began = time.monotonic()
        sys.stdout.write(f"seed {seed}: ")
        sys.stdout.flush()
        with contextlib.redirect_stdout(io.StringIO()):
            ending = tell(seed, asked.recipients)
        sys.stdout.write(f"{_told(ending)} ({time.monotonic() - began:.0f} s)\n")
        wrong += bool(ending.faults)
    return 1 if wrong else 0


def _told(ending: Ending) -> str:
    happened = ", ".join(f"{count} {name}" for name, count in ending.happened.items())
    if not ending.faults:
        return f"all is well; course {ending.digest}; {happened}"
    shown = "\n  ".join(ending.faults[:_FAULTS_SHOWN])
    return (
        f"{len(ending.faults)} faults; course {ending.digest}; {happened}\n  {shown}\n"
        f"  Tell it again: make chaos SEED={ending.seed}"
    )


if __name__ == "__main__":
    sys.exit(main())
