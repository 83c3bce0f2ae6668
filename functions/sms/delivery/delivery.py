"""Delivery reports, applied: in any order, any number of times, before our own commit or long after it.

A report finds its message by the provider's request id (a route, written in the same transaction as the hand-over) and
the position in the chunk, and must name the message's own number. What finds nothing waits in the inbox.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import StrEnum

from functions.sms.batches import chunks, heard, laid, messages
from functions.sms.batches.chunks import Chunk, ChunkTaken, State
from functions.sms.batches.messages import FINAL, INVALID, Status
from functions.sms.charges import owed
from functions.sms.hooks import telling
from mifumo import backoff, writes
from mifumo.aws import Item
from mifumo.errors import Busy
from mifumo.observability import count, logger
from mifumo.providers.beem_reports import Report
from mifumo.tables import Key
from mifumo.writes import Write

from . import inbox, lost, routes
from .routes import Place


def apply(reports: list[Report], *, kept: bool = False) -> list[Report]:
    """Applies reports; returns those that still match nothing. `kept` ones come out of the inbox and leave it."""
    known, touched, unmatched = routes.of({report.request_id for report in reports}), list[Place](), list[Report]()
    for request_id, some in _by_request(reports).items():
        place, strangers = _apply(some, known.get(request_id), again=kept)
        unmatched += strangers
        touched += [place] if place else []
        if kept:
            inbox.drop(*(report for report in some if report not in strangers))
    tell(touched)
    return unmatched


def receive(reports: list[Report], place: Place | None, *, again: bool = False) -> list[Place]:
    """Applies reports of one hand-over, which has its `place` if its route is known, as they come in; keeps those that
    match nothing. Returns which chunk is to be told of.

    The hand-over looks into the inbox right after it wrote its route. Its look may have come just before our report was
    kept, so routes are read once more after that.
    """
    place, unmatched = _apply(reports, place, again=again)
    for report in unmatched:
        inbox.keep(report)
    if unmatched:
        waiting = apply(unmatched, kept=True)
        count("ReportsKept", len(waiting))
    return [place] if place else []


def _by_request(reports: list[Report]) -> dict[str, list[Report]]:
    together: dict[str, list[Report]] = {}
    for report in reports:
        together.setdefault(report.request_id, []).append(report)
    return together


def _apply(reports: list[Report], place: Place | None, *, again: bool) -> tuple[Place | None, list[Report]]:
    """Applies reports of one hand-over; returns its place, by now, and those that match nothing.

    `again` says that whoever applied them before may have died before they were counted: where they are known, the
    chunk is counted from its rows.
    """
    effects, unmatched = Counter[tuple[_Effect, str]](), list[Report]()
    for report in reports:
        place = place or lost.adopt(report)
        if place is None:
            unmatched.append(report)
            continue
        effects[_raise(place, report), report.status or ""] += 1
    if place:
        kinds = {effect for effect, _ in effects}
        if _Effect.CORRECTED in kinds or (again and _Effect.KNOWN in kinds):
            _count_again(place)
        else:
            _tally(place, Counter({status: n for (effect, status), n in effects.items() if effect is _Effect.ENDED}))
    return place, unmatched


def tell(places: Iterable[Place]) -> None:
    """Says that chunks moved where somebody listens.

    Also of what changed nothing: when it came before, its worker may have died before it told of it.
    """
    telling.of_places(place.chunk for place in places if place.listens)


class _Effect(StrEnum):
    """What a report does to its message: it ends it, it ends it otherwise than before, it is known already."""

    ENDED = "ended"
    CORRECTED = "corrected"
    KNOWN = "known"
    NONE = "none"


def _raise(place: Place, report: Report) -> _Effect:
    """Raises one message's status.

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
        return _Effect.NONE if _note(row, refused.row, report, status) else _Effect.KNOWN
    except messages.NoSuchMessage:
        logger.warning("report names another number", request_id=report.request_id, recipient_id=report.recipient_id)
        count("ReportMismatch")
        return _Effect.NONE
    raised = next(word for word in said if word.status == status.value and word.raised)
    if raised.corrected:
        logger.info("status corrected", request_id=report.request_id, recipient_id=report.recipient_id, status=status)
        count("ReportCorrected")
        return _Effect.CORRECTED
    ends = status in FINAL and sum(word.status == status.value for word in said) == 1
    return _Effect.ENDED if ends else _Effect.NONE


def _note(key: Key, row: Item, report: Report, status: Status) -> bool:
    """Keeps what raises nothing; of what the row has heard before nothing is written. Tells which of the two it was."""
    if heard.name(report.provider_status, report.reason) in row["heard"]:
        return False
    if status in FINAL and row["status"] == Status.DELIVERED.value and status is not Status.DELIVERED:
        count("ReportContradicted")
    with suppress(messages.NoSuchMessage):
        writes.commit(messages.note(key, status=status, reason=report.reason, provider_status=report.provider_status))
    return True


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


def _count_again(place: Place) -> None:
    """Counts a chunk from its rows, unless it says what they say already."""
    for _ in backoff.attempts():
        chunk = chunks.get(*place.chunk)
        if chunk is None or chunk.state is not State.SUBMITTED or recount(chunk, window_over=False):
            return
    raise Busy


Close = Callable[[Chunk, Write, int], None]


def _just_write(_: Chunk, figures: Write, __: int) -> None:
    writes.commit(figures)


def recount(chunk: Chunk, *, window_over: bool, close: Close = _just_write) -> bool:
    """Counts a chunk's messages from their rows, ends those that can be told to have ended, and writes the figures;
    tells whether nobody else has moved it meanwhile.

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
    due = chunk.due if silent else _window(chunk) if owing else None
    figures = chunks.recounted(chunk, dict(ended), due=due, invalid=invalid)
    if window_over:
        figures = chunks.closed(chunk, dict(ended), invalid=invalid, returned=owing)
    try:
        close(chunk, figures, owing)
    except ChunkTaken:
        return False
    if chunk.part:
        laid.add_finals(chunk, _more(dict(chunk.finals), ended))
    return True


def _more(before: dict[str, int], now: Counter[str]) -> dict[str, int]:
    """Returns how many more, or fewer, ended in each status than were counted before."""
    return {status: now[status] - before.get(status, 0) for status in {*before, *now}}


def _window(chunk: Chunk) -> str | None:
    """Returns the end of a chunk's window until it is closed: afterwards no report moves money."""
    return None if chunk.closed_at else chunk.window


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
