"""Lost hand-overs: chunks of which nobody knows whether the provider has them, until a report says so.

Each number of such a chunk has a pointer, so that a report under an unknown request id finds the chunk it can only be
meant for.
"""

from contextlib import suppress

from functions.sms import messaging
from functions.sms.batches import chunks, window
from functions.sms.batches.chunks import Chunk, ChunkTaken, State
from mifumo import clock, tables, writes
from mifumo.ids import BatchId, TenantId
from mifumo.observability import count, logger
from mifumo.providers.beem_reports import Report
from mifumo.tables import Key

from . import routes
from .routes import Place, RouteTaken

_RETENTION_S = 14 * 24 * 3600


def mark(chunk: Chunk, reason: str) -> None:
    """Marks a chunk of which nobody knows whether it was sent: a report or the end of the window settles it.

    Raises ChunkTaken. Pointers come first: whoever sees the mark finds them.
    """
    _announce(chunk)
    writes.commit(chunks.missed(chunk, State.SUBMIT_UNKNOWN, due=window.ends_at(), reason=reason))
    count("SubmitUnknown", len(chunk.recipients))


def adopt(report: Report) -> Place | None:
    """Gives a lost chunk the request id of a report that names its number under its own recipient id.

    Its window goes on: it began when the chunk was lost.
    """
    pointer = tables.get(messaging.table(), _key(report.digits, report.recipient_id))
    if pointer is None:
        return None
    chunk = chunks.get(TenantId(pointer["tenant"]), BatchId(pointer["batch"]), pointer["number"])
    if chunk is None or chunk.state is not State.SUBMIT_UNKNOWN:
        return None
    adopted = chunks.move(
        chunk, State.SUBMITTED, request_id=report.request_id, reason=None, adopted=True, **window.opened(chunk.due)
    )
    with suppress(ChunkTaken, RouteTaken):
        writes.transact(adopted, routes.new(report.request_id, chunk))
        logger.info("lost hand-over confirmed by a report", batch_id=chunk.batch, chunk=chunk.number)
        count("SubmitUnknownConfirmed")
        return Place(chunk.tenant, chunk.batch, chunk.number, chunk.listens)
    return None


def erase(chunk: Chunk, position: int, digits: str) -> None:
    """Removes the pointer of a number in a chunk that is settled; there need not be one."""
    recipient_id, _ = chunk.recipient_ids[position - 1]
    with suppress(_NoPointer):
        writes.commit(writes.delete(messaging.table(), _key(digits, recipient_id), refused=lambda _: _NoPointer()))


class _NoPointer(Exception):
    """The chunk was never lost, or its pointers have expired."""


def _announce(chunk: Chunk) -> None:
    """Leaves a pointer for each number of a chunk, so that a report of an unknown request can find it."""
    expires = clock.epoch() + _RETENTION_S
    pointers = [
        {
            **_key(digits, recipient_id)._asdict(),
            "tenant": chunk.tenant,
            "batch": chunk.batch,
            "number": chunk.number,
            "ttl": expires,
        }
        for recipient_id, digits in chunk.addressed
    ]
    writes.put_all(messaging.table(), pointers)


def _key(digits: str, recipient_id: int) -> Key:
    return Key(f"LOST#beem#{digits}", f"{recipient_id:09d}")
