"""Cost: what each message of a chunk costs, and what of that came back when its window was closed.

A chunk costs what the provider took of it, and that may say how many numbers it did not take without saying which: then
those stand for them of whom least was heard. So the messages of a batch always add up to what it was charged.
"""

from typing import NamedTuple

from functions.sms.batches import messages
from functions.sms.batches.chunks import Chunk, State
from functions.sms.batches.messages import INVALID, Message, Status
from mifumo.aws import Item

from . import owed


class Cost(NamedTuple):
    """Credits that were taken for a message, and those that came back."""

    taken: int = 0
    returned: int = 0


def of_chunk(chunk: Chunk, found: list[Message], rows: dict[int, Item]) -> list[Cost]:
    """Tells what each of a chunk's messages costs, in their order; of a batch that is not settled it is still held."""
    if chunk.state is not State.SUBMITTED or chunk.test:
        return [Cost()] * len(found)
    free = {*_by_doubt(chunk, found)[: chunk.invalid], *chunk.withheld}
    charged = [position for position in range(1, len(found) + 1) if position not in free]
    returned = _returned(chunk, charged, rows)
    return [
        Cost() if position in free else Cost(chunk.segments, chunk.segments if position in returned else 0)
        for position in range(1, len(found) + 1)
    ]


def _by_doubt(chunk: Chunk, found: list[Message]) -> list[int]:
    """Lists who was sent to, by position: first those that were not taken, then those of whom nothing was heard."""
    sent = [position for position in range(1, len(found) + 1) if position not in chunk.withheld]
    return sorted(sent, key=lambda position: _certainty(found[position - 1]))


def _certainty(message: Message) -> int:
    if message.reason == INVALID:
        return 0
    return 1 if message.status in {Status.UNKNOWN, Status.SUBMITTED} else 2


def _returned(chunk: Chunk, charged: list[int], rows: dict[int, Item]) -> set[int]:
    """Picks as many as came back: it went by how their messages stood as the window was closed."""

    def kept(position: int) -> bool:
        words = messages.words(rows.get(position, {}))
        stood = [word.status for word in words if word.raised and word.at <= (chunk.closed_at or "")]
        return not stood or Status(stood[-1]) not in owed.endings(chunk)

    return set(sorted(charged, key=kept)[: chunk.returned]) if chunk.returned else set()
