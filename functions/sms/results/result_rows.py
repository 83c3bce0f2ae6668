"""Result rows: what became of each recipient of a batch, as lines of CSV, in the order of its chunks.

The rows of a full chunk are read by one query; those of small ones, of which a batch with texts of their own has many,
a hundred a call. Both cost at most one call for a hundred recipients.
"""

from collections.abc import Iterator
from typing import Final

from functions.sms import messaging
from functions.sms.batches import chunks, messages, waiting
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import Chunk
from functions.sms.batches.messages import FINAL, Message
from functions.sms.charges import costs
from functions.sms.charges.costs import Cost
from mifumo import clock, spreadsheets, tables
from mifumo.aws import Item
from mifumo.tables import Key

HEADER: Final = (
    "id",
    "to",
    "status",
    "reason",
    "provider_status",
    "segments",
    "credits",
    "credits_returned",
    "submitted_at",
    "ended_at",
    "as_of",
    "text",
)
# By keys its rows would cost as many read units as it has rows, by a query a twelfth of that.
_QUERIED_MIN: Final = 10


def title() -> str:
    """Writes the line before all others."""
    return spreadsheets.written(HEADER, [])


def pages(batch: Batch, *, first: int) -> Iterator[tuple[list[Chunk], str]]:
    """Reads a batch from a chunk on, a hundred chunks at a time, with the lines that they come to.

    Of a batch that is not laid out yet, what stands is read.
    """
    for page in chunks.pages(batch.tenant, batch.id, first=first, last=max(first, batch.chunks)):
        as_of = clock.stamp()
        rows = _rows(page)
        yield (
            page,
            spreadsheets.lines(line for chunk in page for line in _lines(batch, chunk, rows[chunk.number], as_of)),
        )


def _lines(batch: Batch, chunk: Chunk, rows: dict[int, Item], as_of: str) -> Iterator[tuple[str, ...]]:
    found = list(messages.of_chunk(chunk, rows))
    for message, cost in zip(found, costs.of_chunk(chunk, found, rows), strict=True):
        yield _line(waiting.of(batch, message), cost, as_of)


def _line(message: Message, cost: Cost, as_of: str) -> tuple[str, ...]:
    return (
        message.id,
        message.to or "",
        message.status.value,
        message.reason or "",
        message.provider_status or "",
        str(message.segments),
        str(cost.taken),
        str(cost.returned),
        message.submitted_at or "",
        message.updated_at if message.status in FINAL else "",
        as_of,
        message.text or "",
    )


def _rows(page: list[Chunk]) -> dict[int, dict[int, Item]]:
    """Reads the rows of some chunks, by chunk and position; not consistently, as none of them is waited for."""
    found, few = dict[int, dict[int, Item]](), dict[tuple[str, Key], tuple[int, int]]()
    table = messaging.table()
    for chunk in page:
        if len(chunk.recipients) >= _QUERIED_MIN:
            found[chunk.number] = messages.read_rows(chunk, consistent=False)
            continue
        found[chunk.number] = {}
        for position in range(1, len(chunk.recipients) + 1):
            key = messages.key(chunk.tenant, chunk.batch, chunk.number, position)
            few[table, key] = chunk.number, position
    for place, item in tables.read(*few, consistent=False).items():
        number, position = few[place]
        found[number][position] = item
    return found
