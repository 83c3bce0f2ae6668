"""Delivery reports, applied: in any order, any number of times, before our own commit or long after it.

A report finds its message by the provider's request id (a route, written in the same transaction as the hand-over) and
the position in the chunk, and must name the message's own number. What finds nothing waits in the inbox.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress

from functions.sms.batches import chunks, heard, laid, messages
from functions.sms.batches.chunks import Chunk, ChunkTaken, State
from functions.sms.batches.messages import FINAL, INVALID, Status
from functions.sms.charges import owed
from functions.sms.hooks import telling
from mifumo import clock, writes
from mifumo.aws import Item
from mifumo.observability import count, logger
from mifumo.providers.beem_reports import Report
from mifumo.tables import Key
from mifumo.writes import Write

from . import inbox, lost, routes
from .routes import Place


def apply(reports: list[Report], *, kept: bool = False) -> list[Report]:
    """Applies reports; returns those that still match nothing. `kept` ones come out of the inbox and leave it."""
    known = routes.of({report.request_id for report in reports})
    raised: dict[Place, Counter[str]] = defaultdict(Counter)
    unmatched = []
    # Also what changes nothing is told: when it came before, its worker may have died before it told of it.
    for report in reports:
        place = known.get(report.request_id) or lost.adopt(report)
        if place is None:
            unmatched.append(report)
            continue
        known[report.request_id] = place
        raised[place].update(_raise(place, report))
        if kept:
            inbox.drop(report)
    for place, finals in raised.items():
        _tally(place, finals)
    telling.of_places(place.chunk for place in raised if place.listens)
    return unmatched


def receive(reports: list[Report]) -> None:
    """Applies reports as they come in; keeps those that match nothing.

    The hand-over looks into the inbox right after it wrote its route. Its look may have come just before our report was
    kept, so routes are read once more after that.
    """
    unmatched = apply(reports)
    for report in unmatched:
        inbox.keep(report)
    if unmatched:
        waiting = apply(unmatched, kept=True)
        count("ReportsKept", len(waiting))


def _raise(place: Place, report: Report) -> dict[str, int]:
    """Raises one message's status; returns what that adds to its chunk's finals.

    A word that we do not know says no more than that the provider has the text.
    """
    if report.status is None:
        logger.warning("unmapped provider status", provider_status=report.provider_status)
        count("ReportUnmapped")
    status = Status(report.status) if report.status else Status.SUBMITTED
    row = messages.key(*place.chunk, chunks.position_of(report.recipient_id))
    write = messages.report(
        row, digits=report.digits, status=status, reason=report.reason, provider_status=report.provider_status
    )
    try:
        said = messages.words(writes.commit(write))
    except messages.NotHigher as refused:
        _note(row, refused.row, report, status)
        return {}
    except messages.NoSuchMessage:
        logger.warning("report names another number", request_id=report.request_id, recipient_id=report.recipient_id)
        count("ReportMismatch")
        return {}
    raised = next(word for word in said if word.status == status.value and word.raised)
    if raised.corrected:
        logger.info("status corrected", request_id=report.request_id, recipient_id=report.recipient_id, status=status)
        count("ReportCorrected")
    return {status.value: 1} if status in FINAL and sum(word.status == status.value for word in said) == 1 else {}


def _note(key: Key, row: Item, report: Report, status: Status) -> None:
    """Keeps what raises nothing; of what the row has heard before nothing is written."""
    if heard.name(report.provider_status, report.reason) in row["heard"]:
        return
    if status in FINAL and row["status"] == Status.DELIVERED.value and status is not Status.DELIVERED:
        count("ReportContradicted")
    with suppress(messages.NoSuchMessage):
        writes.commit(messages.note(key, status=status, reason=report.reason, provider_status=report.provider_status))


def _tally(place: Place, finals: Counter[str]) -> None:
    """Adds to a chunk's counters, and recounts it exactly when they say that every message has ended."""
    if not finals:
        return
    with suppress(ChunkTaken):
        chunk = chunks.of(writes.commit(chunks.add_finals(chunks.key(*place.chunk), dict(finals))))
        if chunk.part:
            laid.add_finals(chunk, finals)
        told = sum(dict(chunk.finals).values()) - len(chunk.withheld)
        if chunk.state is State.SUBMITTED and told >= chunk.handed_over:
            recount(chunk, window_over=False)


Close = Callable[[Chunk, Write, int], None]


def _just_write(_: Chunk, figures: Write, __: int) -> None:
    writes.commit(figures)


def recount(chunk: Chunk, *, window_over: bool, close: Close = _just_write) -> None:
    """Counts a chunk's messages from their rows, ends those that can be told to have ended, and writes the figures.

    When as many are without a report as the provider called invalid, those are the invalid ones: rejected. When the
    window is over, whoever has no report is unknown. `close` commits the figures, along with what goes with the end of
    the window, given of how many texts the credits are owed; a chunk that owes some waits for it.
    """
    rows, invalid = messages.read_rows(chunk), chunk.invalid
    silent = silent_of(chunk, rows)
    found = sum(row.get("reason") == INVALID for row in rows.values())
    if silent and len(silent) == chunk.invalid - found:
        end(chunk, silent, Status.REJECTED, INVALID)
        rows, silent = messages.read_rows(chunk), []
    elif silent and window_over:
        end(chunk, silent, Status.UNKNOWN, "no_report")
        rows, silent = messages.read_rows(chunk), []
    ended = Counter(row["status"] for row in rows.values() if _is_final(row))
    if window_over and chunk.adopted:
        # Of a hand-over whose answer was lost, only what a report confirmed is charged. The rows know: who died here
        # before had ended some of them.
        invalid = ended[Status.UNKNOWN.value]
    found = sum(row.get("reason") == INVALID for row in rows.values())
    owing = owed.texts(chunk, ended, found=found, invalid=invalid)
    with suppress(ChunkTaken):
        due = chunk.due if silent else _window(chunk) if owing and not window_over else None
        close(chunk, chunks.recounted(chunk, dict(ended), due=due, invalid=invalid), owing)
        if chunk.part:
            laid.add_finals(chunk, _more(dict(chunk.finals), ended))


def _more(before: dict[str, int], now: Counter[str]) -> dict[str, int]:
    """Returns how many more, or fewer, ended in each status than were counted before."""
    return {status: now[status] - before.get(status, 0) for status in {*before, *now}}


def _window(chunk: Chunk) -> str | None:
    """Returns the end of a chunk's window if it is still to come: afterwards no report moves money."""
    return chunk.window if chunk.window and chunk.window > clock.stamp() else None


def silent_of(chunk: Chunk, rows: dict[int, Item]) -> list[int]:
    """Lists the positions of a chunk's messages that have not ended."""
    return [position for position in range(1, len(chunk.recipients) + 1) if not _is_final(rows.get(position))]


def end(chunk: Chunk, positions: list[int], status: Status, reason: str) -> None:
    """Ends messages that no report ends."""
    for position in positions:
        row = messages.key(chunk.tenant, chunk.batch, chunk.number, position)
        # A report that comes in between has the higher rank, and stands.
        with suppress(messages.NotHigher):
            writes.commit(messages.report(row, digits=None, status=status, reason=reason))


def _is_final(row: Item | None) -> bool:
    return row is not None and "status" in row and Status(row["status"]) in FINAL
