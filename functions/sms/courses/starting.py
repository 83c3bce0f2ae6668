"""Starting: when a batch begins to be sent: at once, at the moment asked for, or when nothing bars it any more.

    scheduled → accepted, or held if it may not go at that moment
    held → accepted, or held anew
    accepted → held, when something has come to bar it

Whoever starts it looks at everything again that may have changed since it was accepted: a tenant that is suspended by
now waits on, as does one that has lost its sender ID; one that is closed sends nothing. Numbers that have opted out
meanwhile are looked at in the hand-over.
"""

from contextlib import suppress

from functions.sms import messaging
from functions.sms.batches import batches, turns
from functions.sms.batches.batches import Batch, Status
from functions.sms.batches.turns import BatchMoved
from functions.sms.delivery import bars
from functions.sms.delivery.bars import Bar
from functions.sms.timing import schedules, waits
from mifumo import clock, writes
from mifumo.ids import BatchId, TenantId
from mifumo.observability import count, logger

from . import courses, walks


def start(tenant: TenantId, batch_id: BatchId, *, moment: str | None = None) -> None:
    """Starts a batch whose moment has come, once; goes on with one that was cut off right after that.

    `moment` is what a schedule was made for: when the batch waits for another by now, nothing is done.
    """
    found = batches.read(tenant, batch_id)
    if found is None:
        return
    batch, _ = found
    if waits.too_long(batch):
        _stop(batch, Bar(waits.TOO_LONG))
        return
    if batch.status not in batches.TIMED:
        walks.go_on(batch)
        return
    if batch.starts_at != moment and (moment or (batch.starts_at or "") > clock.stamp()):
        logger.info("another moment", batch_id=batch.id, moment=moment, starts_at=batch.starts_at)
        return
    if bar := bars.of(batch):
        _stop(batch, bar)
        return
    _begin(batch)


def hush(tenant: TenantId, batch_id: BatchId) -> None:
    """Stops a batch that is being sent when something has come to bar it: quiet hours, or what staff have decided."""
    found = batches.read(tenant, batch_id)
    if found is None or found[0].status is not Status.ACCEPTED:
        return
    if bar := bars.of(found[0]):
        _stop(found[0], bar)


def _begin(batch: Batch) -> None:
    try:
        started = turns.take(batch, Status.ACCEPTED, due=messaging.swept_at(), walk=0, starts_at=None, reason=None)
        batch = batches.of(writes.commit(started))
    except BatchMoved:
        return
    logger.info("batch started", batch_id=batch.id)
    count("BatchesStarted")
    walks.go_on(batch)


def _stop(batch: Batch, bar: Bar) -> None:
    if bar.until:
        _hold(batch, bar.until, bar.reason)
        return
    with suppress(courses.BatchOver):
        courses.cancel(batch, reason=bar.reason)


def _hold(batch: Batch, until: str, reason: str) -> None:
    """Lets a batch wait until a moment; leaves it if somebody has led it on."""
    try:
        batch = batches.of(writes.commit(courses.held(batch, until, reason)))
    except BatchMoved:
        return
    logger.info("batch held", batch_id=batch.id, reason=reason, until=until)
    count("BatchesHeld")
    schedules.put(batch)
