"""Window: how long reports of a hand-over are waited for, and when missing ones are asked for."""

from mifumo import backoff, clock
from mifumo.settings import Settings

from .chunks import Chunk

# The questions about a campaign, whose chunks were handed over together, spread over this part of the gap before them.
_SPREAD = 1 / 6


class WindowSettings(Settings):
    """How long reports are waited for, 72 hours on AWS, and how long before the provider is asked, again and again."""

    receipt_window_s: float
    missing_pull_every_s: float


def ends_at() -> str:
    """Returns when a window ends that opens now."""
    return clock.after(WindowSettings.load().receipt_window_s)


def opened(until: str | None = None) -> dict[str, str]:
    """Returns what a chunk needs as its window opens: when it ends, and the moment of the first look.

    `until` is the end of one that has been running since the hand-over.
    """
    window = until or ends_at()
    return {"window": window, "due": _look(window)}


def next_look(chunk: Chunk) -> str:
    """Returns the moment of the next look at a chunk in its window."""
    return _look(chunk.window or ends_at())


def _look(window: str) -> str:
    every_s = WindowSettings.load().missing_pull_every_s
    return min(window, clock.after(every_s + backoff.jitter(every_s * _SPREAD)))
