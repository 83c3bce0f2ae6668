"""Led: the turns that a batch was led, each with its moment, kept in the batch: a status alone forgets how it came.

A batch that is held anew for the same reason waits on; who leads one on without end keeps the last turns only.
"""

from typing import NamedTuple

# A kilobyte or so: one write unit more for a turn, and a batch is led a few times in its life.
TURNS_MAX = 20


class Led(NamedTuple):
    """A status that a batch was led to, until when it waits there and why."""

    at: str
    status: str
    until: str | None = None
    reason: str | None = None


def of(written: list[list[str | None]]) -> tuple[Led, ...]:
    """Reads the turns as they are kept."""
    return tuple(Led(at or "", status or "", until, reason) for at, status, until, reason in written)


def further(course: tuple[Led, ...], turn: Led) -> tuple[Led, ...]:
    """Returns the turns with one more, as they are to be kept."""
    if course and (course[-1].status, course[-1].reason) == (turn.status, turn.reason) and turn.reason:
        return (*course[:-1], turn._replace(at=course[-1].at))
    return (*course, turn)[-TURNS_MAX:]
