"""Back-off: how often and how long one more attempt is worth it within an invocation."""

import random
from collections.abc import Iterator

from mifumo import clock

# Full jitter, 25 ms doubling to 1 s, eight tries: some 3 s in the worst case.
TRIES = 8
_PAUSE_S, _PAUSE_MAX_S = 0.025, 1.0


def attempts(tries: int = TRIES, *, pause_max_s: float = _PAUSE_MAX_S) -> Iterator[int]:
    """Yields the numbers of the attempts, pausing with full jitter before each but the first."""
    for attempt in range(tries):
        if attempt:
            clock.pause(jitter(min(pause_max_s, _PAUSE_S * 2**attempt)))
        yield attempt


def jitter(seconds: float) -> float:
    """Returns a random part of the seconds: it spreads callers out and protects nothing."""
    return random.uniform(0, seconds)  # noqa: S311
