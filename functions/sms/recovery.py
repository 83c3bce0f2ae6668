"""Recover: whatever stopped in the middle goes on from here, once its moment has come.

The sweep calls this every minute. Every step is the conditional write that a worker would have made, so a sweep that
runs beside workers, or twice, changes nothing that they have done.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from mifumo import clock, credited, tables, writes
from mifumo.observability import count, logger
from mifumo.providers.beem_reports import Report
from mifumo.tables import Key

from . import messaging
from .analytics import reckonings
from .batches import batches, chunks, laid, laying
from .batches.batches import Batch
from .batches.chunks import Chunk, ChunkTaken, State
from .batches.window import WindowSettings
from .charges import returned, settlement
from .courses import parked, walks
from .delivery import delivery, inbox, lost, questions
from .hooks import hook_deliveries, rounds, telling
from .pacing import lanes, waited
from .timing import starts, waits
from .uploads import readings, uploads
from .uploads.uploads import UploadLost

# Of each shard of the due index, in one sweep: what is left over is due again a minute later.
CHUNKS_MAX = 250
BATCHES_MAX = 100
PARTS_MAX = 100
UPLOADS_MAX = 100
# Of a hundred kept reports each, a few writes a report: some thirty pages fit into the time that a sweep has for them.
REPORT_PAGES_MAX = 100
# A batch in parts is looked at anew after a quarter of its age: that is often enough, however large it is.
_PATIENCE = 4
_PAUSED_LOOK_S = 900


def chunk(key: Key) -> None:
    """Moves one due chunk on."""
    item = messaging.read_due(key)
    if item is None:
        return
    found = chunks.of(item)
    with suppress(ChunkTaken):
        _STEPS[found.state](found)


def _enqueue_again(found: Chunk) -> None:
    """The queue lost it, or it waited for the circuit."""
    waited.tell(found)
    writes.commit(chunks.move(found, State.QUEUED, due=messaging.swept_at()))
    lanes.enqueue(found.tenant, found.lane, [(found.batch, found.number)])


def _claim_again(found: Chunk) -> None:
    """Its worker died before anything was sent."""
    logger.warning("claim expired", batch_id=found.batch, chunk=found.number)
    _enqueue_again(found)


def _give_up_knowing(found: Chunk) -> None:
    """Its worker died with the call on its way: nobody knows."""
    logger.warning("hand-over expired", batch_id=found.batch, chunk=found.number)
    lost.mark(found, "worker_died")


def _end_unknown(found: Chunk) -> None:
    """No report confirmed it in the whole window: it ends unknown, and is not charged."""
    ended = chunks.of(writes.commit(chunks.move(found, State.UNKNOWN, due=None)))
    telling.of_chunk(ended)
    count("SubmitUnknownEnded", len(ended.recipients))
    batch = batches.read(ended.tenant, ended.batch)
    if batch:
        settlement.chunk_ended(batch[0], ended)


def _follow_up(found: Chunk) -> None:
    """Asks the provider about those without a report, now and then; once the window is over they are unknown."""
    if found.window and found.window > clock.stamp():
        questions.about_missing(found)
        return
    delivery.recount(found, window_over=True, close=returned.close)
    telling.of_chunk(found)


_STEPS: dict[State, Callable[[Chunk], None]] = {
    State.QUEUED: _enqueue_again,
    State.CLAIMED: _claim_again,
    State.SUBMITTING: _give_up_knowing,
    State.SUBMIT_UNKNOWN: _end_unknown,
    State.SUBMITTED: _follow_up,
}


def batch(key: Key) -> None:
    """Settles a due batch whose chunks have all ended, leads one on that stopped in the middle, and wakes one that has
    been parked; puts the others off.
    """
    item = tables.get(messaging.table(), key)
    if item is None:
        return
    found = batches.of(item)
    if found.status is batches.Status.PARKED:
        if parked.look(found):
            credited.tell(found.tenant)
        return
    if found.status in batches.TIMED or waits.too_long(found):
        # Its schedule was lost, or is on its way; or it has been paused for longer than it may: the starter knows.
        starts.enqueue(found)
        with suppress(batches.AlreadyCompleted):
            writes.commit(batches.look_again(found))
        return
    walks.go_on(found)
    if found.parts:
        _in_parts(found)
    elif not settlement.close(found):
        if not found.reckoned:
            reckonings.begin(found, last=found.chunks)
        with suppress(batches.AlreadyCompleted):
            writes.commit(batches.look_again(found, wait_s=_wait_s(found), reckoned=True))


def _in_parts(batch: Batch) -> None:
    """Goes on with a batch: sends the parts again that are not laid, closes those that have ended."""
    found = {part.number: part for part in laid.of_batch(batch) if part.chunks}
    unlaid = [number for number in range(1, batch.parts + 1) if number not in found]
    if unlaid and not chunks.gone(batch.created_at):
        count("PartsLaidAgain", len(unlaid))
        laying.enqueue(batch, unlaid)
    for part in found.values():
        if part.captured is None and not settlement.close_part(batch, part) and part.ended:
            reckonings.begin(batch, part=part.number, first=part.first, last=part.last)
    if not settlement.close(batch):
        age_s = (clock.now() - clock.parse(batch.created_at)).total_seconds()
        wait_s = _wait_s(batch) if batch.walk is not None else age_s / _PATIENCE
        with suppress(batches.AlreadyCompleted):
            writes.commit(batches.look_again(batch, wait_s=wait_s))


def _wait_s(batch: Batch) -> float:
    """Of a paused batch only what had been claimed before can end, and whoever ends it sees to the batch."""
    return _PAUSED_LOOK_S if batch.status is batches.Status.PAUSED else 0


def part(key: Key) -> None:
    """Counts the recipients of a part once no report of them can come any more; puts it off while one may."""
    item = messaging.read_due(key)
    if item is None:
        return
    found, finals = laid.of(item), Counter[str]()
    with suppress(laid.PartMoved):
        for page in chunks.pages(found.tenant, found.batch, first=found.first, last=found.last):
            if not all(one.at_rest for one in page):
                later = messaging.swept_at(WindowSettings.load().receipt_window_s / _PATIENCE)
                writes.commit(laid.put_off(found, due=later))
                return
            for one in page:
                finals.update(dict(one.finals))
        writes.commit(laid.rested(found, finals))


def upload(key: Key) -> None:
    """Has a file read on whose reader has died, and whose message nobody delivers any more.

    Whoever reads it next ends it where readers before have died too often.
    """
    with suppress(UploadLost):
        found = uploads.of(writes.commit(uploads.look_again(key)))
        logger.warning("reader lost", upload_id=found.id, rows=found.tally.rows, tries=found.tries)
        count("UploadsReadAgain")
        readings.enqueue(found.tenant, found.id)


def hook(key: Key) -> None:
    """Moves a due delivery to a webhook on, or one that was disabled, and nobody was told."""
    with suppress(hook_deliveries.DeliveryTaken):
        rounds.step(key)


def reports(kept: list[tuple[Report, str]]) -> None:
    """Applies kept reports that match by now, gives up on those whose window is over."""
    still = delivery.apply([report for report, _ in kept], kept=True)
    received = dict(kept)
    for report in still:
        if inbox.wait(report, received[report]):
            continue
        logger.error("report matches nothing", request_id=report.request_id, provider_status=report.provider_status)
        count("ReportOrphaned")
        inbox.give_up(report)
