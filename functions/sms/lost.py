"""Lost hand-overs: chunks of which nobody knows whether the provider has them, until a report says so.

Each number of such a chunk has a pointer, so that a report under an unknown request id finds the chunk it can only be
meant for.
"""

from contextlib import suppress

from functions.sms import chunks, routes
from functions.sms.chunks import Chunk, ChunkTaken, MessagingSettings, State
from functions.sms.inbox import WindowSettings
from functions.sms.routes import Place, RouteTaken
from mifumo import clock, tables, writes
from mifumo.ids import BatchId, TenantId
from mifumo.observability import count, logger
from mifumo.providers.beem_reports import Report

_RETENTION_S = 14 * 24 * 3600


def mark(chunk: Chunk, reason: str) -> None:
    """Marks a chunk of which nobody knows whether it was sent: a report or the end of the window settles it.

    Raises ChunkTaken. Pointers come first: whoever sees the mark finds them.
    """
    _announce(chunk)
    window = clock.after(WindowSettings.load().receipt_window_s)
    writes.commit(chunks.move(chunk, State.SUBMIT_UNKNOWN, due=window, reason=reason))
    count("SubmitUnknown", len(chunk.recipients))


def adopt(report: Report) -> Place | None:
    """Gives a chunk whose hand-over nobody knows the request id of a report that can only be its own.

    The pointer names the number and the position; the oldest open one is taken, as the provider took it first.
    """
    for tenant, batch, number in _candidates(report):
        chunk = chunks.get(tenant, batch, number)
        if chunk is None or chunk.state is not State.SUBMIT_UNKNOWN:
            continue
        window = clock.after(WindowSettings.load().receipt_window_s)
        adopted = chunks.move(
            chunk, State.SUBMITTED, due=window, request_id=report.request_id, reason=None, adopted=True
        )
        with suppress(ChunkTaken, RouteTaken):
            writes.transact(adopted, routes.new(report.request_id, chunk))
            logger.info("unknown hand-over confirmed by a report", batch_id=batch, chunk=number)
            count("SubmitUnknownConfirmed")
            return tenant, batch, number
    return None


def _announce(chunk: Chunk) -> None:
    """Leaves a pointer for each number of a chunk, so that a report of an unknown request can find it.

    Written before the chunk is marked unknown: whoever sees the mark finds the pointers.
    """
    expires = clock.epoch() + _RETENTION_S
    pointers = [
        {
            "pk": _partition(digits, position),
            "sk": f"{chunk.submitted_at}#{chunk.batch}#{chunk.number:05d}",
            "tenant": chunk.tenant,
            "batch": chunk.batch,
            "number": chunk.number,
            "ttl": expires,
        }
        for position, digits in enumerate(chunk.recipients, start=1)
    ]
    writes.put_all(_table(), pointers)


def _candidates(report: Report) -> list[tuple[TenantId, BatchId, int]]:
    """Finds chunks that may have been handed over under the report's unknown request id, oldest hand-over first."""
    page = tables.query(
        _table(), _partition(report.digits, report.position), limit=25, newest_first=True, consistent=True
    )
    return [(TenantId(item["tenant"]), BatchId(item["batch"]), item["number"]) for item in reversed(page.items)]


def _partition(digits: str, position: int) -> str:
    return f"LOST#beem#{digits}#{position:03d}"


def _table() -> str:
    return MessagingSettings.load().messaging_table
