"""Count: add what chunks and rows say to the figures of their days, by the difference to what was added before.

Nothing is counted message by message as it happens: every look counts anew, from what stands, and the difference is
added in the transaction that says so. Rows are read when their chunks have changed, and the last time in any case.
"""

from collections import Counter
from contextlib import suppress

from functions.sms.batches import batches, chunks, messages
from functions.sms.batches.chunks import Chunk
from functions.sms.hooks import telling
from mifumo import ids, writes
from mifumo.observability import count as count_metric
from mifumo.tables import Key
from mifumo.writes import Write

from . import figures, reckonings
from .reckonings import Reckoning, ReckoningMoved

Counters = dict[str, dict[str, int]]


def count(place: Key) -> None:
    """Looks at one reckoning, if its moment has come."""
    reckoning = reckonings.read_due(place)
    if reckoning is None:
        return
    pages = chunks.pages(reckoning.tenant, reckoning.batch, first=reckoning.first, last=reckoning.last)
    found = [chunk for page in pages for chunk in page]
    seen = ids.fingerprint(*map(_standing, found))
    counted = reckoning.counted
    if seen != reckoning.seen or reckoning.is_last:
        counted = _counted(found)
        _tell_again(reckoning, found)
    days = {day: _more(reckoning.counted.get(day, {}), counted.get(day, {})) for day in {*reckoning.counted, *counted}}
    added = [
        figures.add(reckoning.tenant, day, reckoning.sender_id, more) for day, more in sorted(days.items()) if more
    ]
    looked = reckonings.looked(reckoning, seen=seen, counted=counted, ended=all(chunk.ended for chunk in found))
    with suppress(ReckoningMoved):
        _commit(looked, added)


def _tell_again(reckoning: Reckoning, found: list[Chunk]) -> None:
    """Says once more that chunks have moved, and their batch: whoever moved them may have died before, or no queue
    have taken it, and of what has ended there may be no other word.
    """
    listening = [(chunk.tenant, chunk.batch, chunk.number) for chunk in found if chunk.listens]
    if not listening:
        return
    telling.of_places(listening)
    batch = batches.read(reckoning.tenant, reckoning.batch)
    if batch:
        telling.of_batch(batch[0])


def _commit(looked: Write, added: list[Write]) -> None:
    if not added:
        writes.commit(looked)
        return
    writes.transact(looked, *added)
    count_metric("FiguresMoved")


def _counted(found: list[Chunk]) -> Counters:
    """Counts chunks from their rows."""
    whole: dict[str, Counter[str]] = {}
    for chunk in found:
        if chunk.submitted_at is None:
            continue
        day, counters = figures.of_chunk(chunk, messages.read_rows(chunk))
        if day:
            whole.setdefault(day, Counter()).update(counters)
    return {day: dict(counters) for day, counters in whole.items()}


def _more(before: dict[str, int], now: dict[str, int]) -> dict[str, int]:
    """Returns by how much counters differ from what they were."""
    changes = {name: now.get(name, 0) - before.get(name, 0) for name in sorted({*before, *now})}
    return {name: change for name, change in changes.items() if change}


def _standing(chunk: Chunk) -> str:
    """Writes by what it is seen that something of a chunk has changed."""
    return f"{chunk.number} {chunk.state} {chunk.tally} {chunk.invalid} {chunk.finals}"
