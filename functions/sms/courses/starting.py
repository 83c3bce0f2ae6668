"""Starting: when a batch begins to be sent: at once, at the moment asked for, or when quiet hours are over.

    scheduled → accepted, or held if it may not go at that moment
    held → accepted, or held anew

Whoever starts it looks at everything again that may have changed since it was accepted: a tenant that is suspended by
now waits on, one that is closed sends nothing. Numbers that have opted out meanwhile are looked at in the hand-over.
"""

from functions.sms import messaging
from functions.sms.batches import batches, turns
from functions.sms.batches.batches import Batch, Status
from functions.sms.batches.turns import BatchMoved
from functions.sms.timing import quiet, schedules
from functions.sms.timing.waits import QUIET_HOURS, SUSPENDED
from mifumo import clock, tenants, writes
from mifumo.ids import BatchId, TenantId
from mifumo.observability import count, logger
from mifumo.tenants import Status as Standing
from mifumo.tenants import Tenant

from . import courses, walks

_SUSPENDED_LOOK_S = 3600


def start(tenant: TenantId, batch_id: BatchId, *, moment: str | None = None) -> None:
    """Starts a batch whose moment has come, once; goes on with one that was cut off right after that.

    `moment` is what a schedule was made for: when the batch waits for another by now, nothing is done.
    """
    found = batches.read(tenant, batch_id)
    if found is None:
        return
    batch, _ = found
    if batch.status not in batches.TIMED:
        walks.go_on(batch)
        return
    if batch.starts_at != moment and (moment or (batch.starts_at or "") > clock.stamp()):
        logger.info("another moment", batch_id=batch.id, moment=moment, starts_at=batch.starts_at)
        return
    _begin(batch, tenants.get(tenant, consistent=True))


def _begin(batch: Batch, business: Tenant | None) -> None:
    if business is None or business.status is Standing.CLOSED:
        courses.cancel(batch)
        return
    if business.status is not Standing.ACTIVE or not business.verified_at:
        hold(batch, clock.after(_SUSPENDED_LOOK_S), SUSPENDED)
        return
    until = quiet.held_until(quiet.hours_of(batch.category, business.preferences), batch.id)
    if until:
        hold(batch, until, QUIET_HOURS)
        return
    try:
        started = turns.take(batch, Status.ACCEPTED, due=messaging.swept_at(), walk=0, starts_at=None, reason=None)
        batch = batches.of(writes.commit(started))
    except BatchMoved:
        return
    logger.info("batch started", batch_id=batch.id)
    count("BatchesStarted")
    walks.go_on(batch)


def hold(batch: Batch, until: str, reason: str) -> None:
    """Lets a batch wait until a moment; leaves it if somebody has led it on."""
    try:
        held = turns.take(batch, Status.HELD, due=messaging.swept_at(at=until), starts_at=until, reason=reason)
        batch = batches.of(writes.commit(held))
    except BatchMoved:
        return
    logger.info("batch held", batch_id=batch.id, reason=reason, until=until)
    count("BatchesHeld")
    schedules.put(batch)


def hush(tenant: TenantId, batch_id: BatchId) -> None:
    """Holds a batch that is being sent when quiet hours have begun."""
    found = batches.read(tenant, batch_id)
    business = tenants.get(tenant, consistent=True)
    if found is None or business is None or found[0].status is not Status.ACCEPTED:
        return
    until = quiet.held_until(quiet.hours_of(found[0].category, business.preferences), batch_id)
    if until:
        hold(found[0], until, QUIET_HOURS)
