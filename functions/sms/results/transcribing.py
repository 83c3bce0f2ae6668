"""Transcribe: what became of a batch's recipients is written into a file, piece by piece, by whoever has time.

Of a batch that one send can make it is written at once, whenever somebody asks. A larger file is begun and goes on
behind a queue; for a while after it is ready the same one is handed out.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Final, NamedTuple

from functions.sms.batches import batches
from functions.sms.batches.batches import Batch
from mifumo import audit, clock, queue, writes
from mifumo.callers import Principal
from mifumo.errors import Busy
from mifumo.ids import BatchId, TenantId
from mifumo.observability import count, logger
from mifumo.settings import Settings

from . import deflation, result_files, result_rows, results
from .result_files import LINK_GOOD_FOR_S
from .results import Results, ResultsMoved, State

# A tenth of a second or two: who may send to a thousand at once can look at them at once.
AT_ONCE_MAX: Final = 1_000
# Some seconds of reading, and a megabyte or two: what is lost when a writer dies.
_PIECE_ROWS: Final = 5_000
# Whoever has written nothing for so long has died, or the queue has lost them: another one goes on.
_STALLED_S: Final = 60
# A piece is a second or two; to join a million rows takes longer.
_PIECE_S: Final = 30
# One less than the queue delivers: the last time somebody is told.
_TRIES_MAX: Final = 4

TimeLeft = Callable[[], float]


class TranscribingSettings(Settings):
    """The queue that tells which files are to be written on."""

    results_queue_url: str


class NotQueuedError(Exception):
    """The queue has not taken what tells that a file is to be written on."""


class UnknownResultsError(LookupError):
    """A queue names the results of a batch that does not exist."""


class ResultsUnwritableError(Exception):
    """Writing a file has ended in a fault again and again, at the same place."""


def ask(caller: Principal, batch: Batch) -> Results:
    """Returns the results of a batch as one file: ready, or on its way. Raises Busy when nobody can be told to write.

    Whoever is handed a file is on record.
    """
    found = _at_once(batch) if batch.accepted <= AT_ONCE_MAX else _under_way(batch)
    if found.state is State.READY:
        writes.commit(audit.entry(caller, "results.exported", target=batch.id, after={"count": found.rows}))
    return found


def write_on(tenant: TenantId, batch_id: BatchId, name: str, *, time_left_s: TimeLeft) -> None:
    """Writes a file on as far as time allows, and has somebody go on if there is more; does nothing once it is done."""
    found = batches.read(tenant, batch_id)
    if found is None:
        raise UnknownResultsError(batch_id)
    with suppress(ResultsMoved):
        file = results.of(writes.commit(results.take(tenant, batch_id, name)))
        if file.tries > _TRIES_MAX:
            _further(file, file.moved(State.FAILED))
            raise ResultsUnwritableError(f"results of {batch_id} of {tenant} at chunk {file.chunk}")
        if not _written(found[0], file, time_left_s) and _enqueue(file):
            raise NotQueuedError(batch_id)


def _at_once(batch: Batch) -> Results:
    """Writes all of a file, as one object and with no record of it: it is nobody's to go on with."""
    file, whole = results.new(batch), b""
    for lines in _lines(batch, file):
        piece, file = _packed(file, lines)
        whole += piece
    file = file.moved(State.READY)
    result_files.put(file, whole)
    return file


def _under_way(batch: Batch) -> Results:
    """Begins a file unless one is on its way or was written a moment ago; wakes one that nobody writes on."""
    found = results.read(batch.tenant, batch.id)
    try:
        if found is None:
            found = results.new(batch)
            writes.commit(results.put(found))
        elif found.state is State.WRITING and found.moved_at < clock.after(-_STALLED_S):
            found = _further(found, found.moved())
        elif found.state is not State.WRITING and found.moved_at < clock.after(-LINK_GOOD_FOR_S):
            found = _further(found, results.new(batch))
        else:
            return found
    except ResultsMoved as moved:
        raise Busy from moved
    if _enqueue(found):
        raise Busy
    return found


def _written(batch: Batch, file: Results, time_left_s: TimeLeft) -> bool:
    """Writes pieces until all is written and joined, or time is up; tells which. Raises ResultsMoved."""
    for lines in _lines(batch, file):
        piece, after = _packed(file, lines)
        digest = result_files.put_piece(file, piece)
        file = _further(file, replace(after, digests=(*file.digests, digest)).moved())
        if time_left_s() < _PIECE_S:
            return False
    ready = file.moved(State.READY)
    result_files.join(ready)
    _further(file, ready)
    logger.info("results written", batch_id=batch.id, rows=ready.rows, pieces=len(ready.digests))
    count("ResultRowsWritten", ready.rows)
    return True


class _Lines(NamedTuple):
    """Lines of a piece, how many recipients they tell of, and the chunk to go on from."""

    text: str
    rows: int
    on: int


def _lines(batch: Batch, file: Results) -> Iterator[_Lines]:
    """Reads what is still to be written, piece by piece; the first one begins with the title."""
    text, rows, on = "" if file.sum.size else result_rows.title(), 0, file.chunk
    for page, more in result_rows.pages(batch, first=on):
        text, rows = text + more, rows + sum(len(chunk.recipients) for chunk in page)
        on = page[-1].number + 1 if page else on
        if rows >= _PIECE_ROWS:
            yield _Lines(text, rows, on)
            text, rows = "", 0
    if text:
        yield _Lines(text, rows, on)


def _packed(file: Results, lines: _Lines) -> tuple[bytes, Results]:
    """Packs a piece; returns it with the file as it stands behind it."""
    piece, whole = deflation.packed(lines.text.encode(), file.sum)
    return piece, replace(file, chunk=lines.on, rows=file.rows + lines.rows, sum=whole, tries=0)


def _further(before: Results, after: Results) -> Results:
    writes.commit(results.further(after, before=before))
    return after


def _enqueue(file: Results) -> int:
    """Tells a writer; returns how many messages the queue did not take."""
    body = {"tenant": file.tenant, "batch": file.batch, "name": file.name}
    return queue.send(TranscribingSettings.load().results_queue_url, [body], group=file.tenant)
