"""Parking: an order that lacks credits waits for them, and is sent by itself, once, when they have come.

| pk | sk | what |
|---|---|---|
| `T#<tenant>` | `PARKED#<batch>` | the order as it was written, beside the batch with the status `parked` |

Nothing is held for it: credits that come go to whoever asks first. It is checked anew when it is sent, as a sender ID
or the tenant's standing may have been taken away; what cannot be sent stays parked until its time is over.
"""

from contextlib import suppress
from dataclasses import replace

from mifumo import clock, tables, wallets, writes
from mifumo.aws import Item
from mifumo.errors import AppError, Conflict
from mifumo.ids import BatchId, TenantId
from mifumo.observability import count, logger
from mifumo.settings import Settings
from mifumo.tables import Key

from . import batches, dispatch, orders, standing
from .batches import AlreadyAccepted, Batch, NotParked, Status
from .chunks import MessagingSettings
from .dispatch import Accepted
from .orders import Order

# Whoever buys credits sends what waits; more than these are a list that nobody looks through.
PARKED_MAX = 50


class ParkingSettings(Settings):
    """How long an order waits for credits, and how often it is looked at when nothing is heard of any."""

    parked_for_s: int
    parked_look_s: int


class TooManyParked(Conflict):
    """So many orders of the tenant wait for credits that no more are taken."""

    code = "too_many_parked"
    title = "Too many orders wait for credits"


def park(order: Order, *, key: str) -> Accepted:
    """Keeps an order until there are credits for it; a replay meets the batch as it stands.

    Raises what `dispatch.accept` raises but for InsufficientCredits, and TooManyParked.
    """
    batch_id = dispatch.batch_of(order.tenant, key)
    found = standing.read(order.tenant, batch=batch_id)
    if found.earlier:
        return dispatch.replay(order, batch_id)
    prepared = orders.prepare(order, found, batch_id)
    found.allowance.require(prepared.batch.accepted)
    if len(of_tenant(order.tenant)) >= PARKED_MAX:
        raise TooManyParked("Buy credits for those that wait, or cancel some of them.")
    batch = replace(prepared.batch, status=Status.PARKED)
    made = batches.new(batch, prepared.refused, actor=order.actor, due=_next_look())
    kept = writes.put(_table(), _item(order, batch_id), refused=lambda _: AlreadyAccepted(batch_id))
    try:
        writes.transact(*made, kept)
    except AlreadyAccepted:
        return dispatch.replay(order, batch_id)
    logger.info("batch parked", batch_id=batch_id, price=batch.price)
    return Accepted(batch, prepared.refused)


def of_tenant(tenant: TenantId) -> list[BatchId]:
    """Lists what a tenant has parked, oldest first."""
    page = tables.query(_table(), f"T#{tenant}", begins_with="PARKED#", limit=PARKED_MAX + 1, consistent=True)
    waiting = sorted(page.items, key=lambda item: str(item["parked_at"]))
    return [BatchId(item["batch_id"]) for item in waiting]


def resume(tenant: TenantId) -> int:
    """Sends what the tenant's credits allow of what it has parked, oldest first; returns how many batches."""
    return sum(_go_on(tenant, batch) for batch in of_tenant(tenant))


def cancel(tenant: TenantId, batch_id: BatchId) -> Batch:
    """Ends a parked batch; one that was cancelled before stays so. Raises Conflict when it is being sent by now."""
    found = batches.read(tenant, batch_id)
    if found is None or found[0].status not in {Status.PARKED, Status.CANCELLED}:
        raise Conflict("Only what is parked can be cancelled here.")
    batch, _ = found
    if batch.status is Status.CANCELLED:
        return batch
    try:
        writes.transact(batches.cancel_parked(batch), *_forgotten(tenant, batch_id))
    except NotParked as moved:
        raise Conflict("It is not parked any more.") from moved
    return replace(batch, status=Status.CANCELLED, completed_at=clock.stamp())


def look(batch: Batch) -> bool:
    """Looks at a batch that has been parked for a while; tells whether its tenant's credits should be tried."""
    if batch.created_at <= clock.after(-ParkingSettings.load().parked_for_s):
        with suppress(Conflict):
            cancel(batch.tenant, batch.id)
            count("ParkedExpired")
        return False
    with suppress(NotParked):
        writes.commit(batches.put_off_parked(batch, until=_next_look()))
    return wallets.read(batch.tenant).available >= batch.price


def _go_on(tenant: TenantId, batch_id: BatchId) -> bool:
    """Sends a parked batch if that can be done now; what stands in the way is left for a later look."""
    item = tables.get(_table(), _key(tenant, batch_id))
    found = standing.read(tenant, batch=batch_id)
    if item is None or found.earlier is None:
        return False
    try:
        prepared = orders.prepare(_order(item), found, batch_id)
        dispatch.commit(_dated(prepared, found.earlier), found, unparked=_forgotten(tenant, batch_id))
    except AlreadyAccepted:
        return False
    except AppError as refusal:
        logger.info("still parked", batch_id=batch_id, because=refusal.code)
        return False
    count("ParkedResumed")
    return True


def _dated(prepared: orders.Prepared, parked: Batch) -> orders.Prepared:
    """Keeps the day on which it was asked for: its place in the list does not change."""
    return replace(prepared, batch=replace(prepared.batch, created_at=parked.created_at))


def _forgotten(tenant: TenantId, batch_id: BatchId) -> list[writes.Write]:
    return [writes.delete(_table(), _key(tenant, batch_id), refused=lambda _: AlreadyAccepted(batch_id))]


def _next_look() -> str:
    return clock.after(ParkingSettings.load().parked_look_s)


def _item(order: Order, batch_id: BatchId) -> Item:
    return {
        **_key(order.tenant, batch_id)._asdict(),
        "batch_id": batch_id,
        "tenant": order.tenant,
        "actor": order.actor,
        "sender_id": order.sender_id,
        "text": order.text,
        "recipients": list(order.recipients),
        "parked_at": clock.stamp(),
    }


def _order(item: Item) -> Order:
    return Order(TenantId(item["tenant"]), item["actor"], item["sender_id"], item["text"], tuple(item["recipients"]))


def _key(tenant: TenantId, batch: BatchId) -> Key:
    return Key(f"T#{tenant}", f"PARKED#{batch}")


def _table() -> str:
    return MessagingSettings.load().messaging_table
