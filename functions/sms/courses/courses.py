"""Course: how whoever sends a batch leads it while it is open: it is moved, paused, goes on, or is called off.

    scheduled | held → scheduled
    accepted ⇄ paused → held, if it may not go when it is resumed
        └────────┴──→ cancelling → cancelled, or completed if all of it had been handed over

What a worker has claimed stays its own: it is handed over, and charged.
"""

from collections.abc import Callable

from functions.sms import messaging
from functions.sms.batches import batches, turns
from functions.sms.batches.batches import OVER, TIMED, Batch, Status
from functions.sms.batches.turns import BatchMoved
from functions.sms.delivery import bars
from functions.sms.delivery.bars import Bar
from functions.sms.timing import schedules
from functions.sms.timing.moments import require_ahead
from mifumo import backoff, writes
from mifumo.errors import Busy, Conflict
from mifumo.observability import count, logger
from mifumo.writes import Write

from . import parked, walks


class BatchOver(Conflict):
    """The batch is over: nothing of it is left to be paused, led on or called off."""

    code = "batch_over"
    title = "The batch is over"


class StatusUnfit(Conflict):
    """The batch is not in a status in which this can be done."""

    code = "batch_status_unfit"
    title = "Not possible in the status of this batch"


def pause(batch: Batch) -> Batch:
    """Lets nothing more of a batch be handed over until it goes on; one that is paused stays so.

    Raises BatchOver and StatusUnfit.
    """
    return _lead(batch, _paused)


def resume(batch: Batch) -> Batch:
    """Lets a paused batch go on, or be held for what keeps it from being sent now; one that is under way stays so.

    Raises BatchOver and StatusUnfit.
    """
    bar = bars.of(batch) if batch.status is Status.PAUSED else None
    if bar and bar.until is None:
        return cancel(batch, reason=bar.reason)
    resumed = _lead(batch, lambda standing: _resumed(standing, bar))
    if resumed.status is Status.HELD:
        schedules.put(resumed)
    walks.go_on(resumed)
    return resumed


def cancel(batch: Batch, *, reason: str | None = None) -> Batch:
    """Ends what has not been handed over of a batch, at once or, of a large one, bit by bit; its credits come back.

    One that was called off before stays so; `reason` is why nobody had to ask for it. Raises BatchOver, and Conflict
    for a parked one that is sent right now.
    """
    if batch.status is Status.PARKED:
        return parked.cancel(batch.tenant, batch.id)
    called_off = _lead(batch, lambda standing: _cancelling(standing, reason))
    if batch.status in TIMED:
        schedules.drop(called_off)
    walks.go_on(called_off)
    return turns.read(called_off) or called_off


def reschedule(batch: Batch, send_at: str) -> Batch:
    """Lets a batch that waits for a moment wait for another one. Raises ValidationFailed, BatchOver and StatusUnfit."""
    require_ahead(send_at, accepted_at=batch.created_at)
    moved = _lead(batch, lambda standing: _scheduled(standing, send_at))
    schedules.put(moved)
    return moved


def _lead(batch: Batch, step: Callable[[Batch], Write | None]) -> Batch:
    """Leads a batch a step on, from where it stands by now if somebody else did meanwhile."""
    for _ in backoff.attempts():
        write = step(batch)
        if write is None:
            return batch
        try:
            led = batches.of(writes.commit(write))
        except BatchMoved as moved:
            batch = moved.standing or batch
        else:
            logger.info("batch led on", batch_id=led.id, status=led.status.value, turn=led.turn)
            count("BatchesLed")
            return led
    raise Busy


def _paused(batch: Batch) -> Write | None:
    _require_open(batch)
    if batch.status is Status.PAUSED:
        return None
    if batch.status is not Status.ACCEPTED:
        raise StatusUnfit(f"It is {batch.status}: only what is being sent can be paused.")
    return turns.take(batch, Status.PAUSED, due=messaging.swept_at())


def held(batch: Batch, until: str, reason: str) -> Write:
    """Lets a batch wait until a moment, for a reason; refuses with BatchMoved."""
    return turns.take(batch, Status.HELD, due=messaging.swept_at(at=until), starts_at=until, reason=reason)


def _resumed(batch: Batch, bar: Bar | None) -> Write | None:
    _require_open(batch)
    if batch.status is Status.ACCEPTED:
        return None
    if batch.status is not Status.PAUSED:
        raise StatusUnfit(f"It is {batch.status}: only what is paused can be resumed.")
    if bar and bar.until:
        return held(batch, bar.until, bar.reason)
    return turns.take(batch, Status.ACCEPTED, due=messaging.swept_at(), walk=0)


def _scheduled(batch: Batch, send_at: str) -> Write | None:
    _require_open(batch)
    if batch.status not in TIMED:
        raise StatusUnfit(f"It is {batch.status}: only what waits for a moment can be moved to another.")
    if batch.status is Status.SCHEDULED and batch.starts_at == send_at:
        return None
    due = messaging.swept_at(at=send_at)
    return turns.take(batch, Status.SCHEDULED, due=due, starts_at=send_at, send_at=send_at, reason=None)


def _cancelling(batch: Batch, reason: str | None) -> Write | None:
    if batch.status in {Status.CANCELLING, Status.CANCELLED}:
        return None
    _require_open(batch)
    return turns.take(batch, Status.CANCELLING, due=messaging.swept_at(), walk=0, starts_at=None, reason=reason)


def _require_open(batch: Batch) -> None:
    if batch.status in OVER:
        raise BatchOver(f"It is {batch.status}: nothing of it is left to be sent.")
