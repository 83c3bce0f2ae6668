"""What the local cloud says while it works: each step with its time, and what went wrong in one sentence."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

_TAIL_LINES = 40


class CloudError(RuntimeError):
    """Something that the person at the terminal has to know, in a sentence; `log` is where the rest stands."""

    def __init__(self, sentence: str, *, log: Path | None = None) -> None:
        super().__init__(sentence)
        self.log = log

    def tail(self) -> str:
        """The end of the log, where the reason usually is."""
        if self.log is None or not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])


@contextlib.contextmanager
def step(doing: str) -> Iterator[None]:
    """Say what is being done, and how long it took once it is done."""
    print(f"{doing} ...", end="", flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        print(" no.", flush=True)
        raise
    print(f" {time.monotonic() - started:.1f} s", flush=True)
