"""Parking: an order that lacks credits waits for them, and is sent by itself, once, when they have come.

Nothing is held for it: credits that come go to whoever asks first. It is checked anew when it is sent, as a sender ID
or the tenant's standing may have been taken away; what cannot be sent stays parked until its time is over.
"""

import gzip
import json
from dataclasses import asdict, replace

from mifumo import clock, writes
from mifumo.aws import Item
from mifumo.errors import AppError, Conflict
from mifumo.ids import BatchId, TenantId
from mifumo.observability import count, logger

from . import batches, dispatch, orders, parked, standing
from .batches import AlreadyAccepted, Batch, Status
from .categories import Category
from .dispatch import Accepted
from .moments import AHEAD_MIN_S
from .orders import Order
from .parked import PARKED_MAX


class TooManyParked(Conflict):
    """So many orders of the tenant wait for credits that no more are taken."""

    code = "too_many_parked"
    title = "Too many orders wait for credits"


def park(order: Order, *, key: str) -> Accepted:
    """Keeps an order until there are credits for it; a replay meets the batch as it stands.

    Raises what `dispatch.accept` raises but for InsufficientCredits, and TooManyParked.
    """
    batch_id = dispatch.batch_of(order.tenant, key, test=order.test)
    found = standing.read(order.tenant, batch=batch_id, recipients=order.recipients)
    if found.earlier:
        return dispatch.replay(order, batch_id)
    prepared = orders.prepare(order, found, batch_id)
    found.allowance.require(prepared.batch.accepted)
    if len(parked.of_tenant(order.tenant)) >= PARKED_MAX:
        raise TooManyParked("Buy credits for those that wait, or cancel some of them.")
    batch = replace(prepared.batch, status=Status.PARKED, starts_at=None, reason=None)
    made = batches.new(batch, prepared.refused, actor=order.actor, due=parked.next_look())
    kept = parked.put(_item(order), order.tenant, batch_id)
    try:
        writes.transact(*made, kept)
    except AlreadyAccepted:
        return dispatch.replay(order, batch_id)
    logger.info("batch parked", batch_id=batch_id, price=batch.price)
    return Accepted(batch, prepared.refused)


def resume(tenant: TenantId) -> int:
    """Sends what the tenant's credits allow of what it has parked, oldest first; returns how many batches."""
    return sum(_go_on(tenant, batch) for batch in parked.of_tenant(tenant))


def _go_on(tenant: TenantId, batch_id: BatchId) -> bool:
    """Sends a parked batch if that can be done now; what stands in the way is left for a later look."""
    item = parked.read(tenant, batch_id)
    if item is None:
        return False
    order = _order(item)
    found = standing.read(tenant, batch=batch_id, recipients=order.recipients)
    if found.earlier is None:
        return False
    try:
        prepared = orders.prepare(order, found, batch_id)
        dispatch.commit(_dated(prepared, found.earlier), found, unparked=parked.forgotten(tenant, batch_id))
    except AlreadyAccepted:
        return False
    except AppError as refusal:
        logger.info("still parked", batch_id=batch_id, because=refusal.code)
        return False
    count("ParkedResumed")
    return True


def _dated(prepared: orders.Prepared, before: Batch) -> orders.Prepared:
    """Keeps the day on which it was asked for: its place in the list does not change."""
    return replace(prepared, batch=replace(prepared.batch, created_at=before.created_at))


def _item(order: Order) -> Item:
    # A thousand texts of one template are nearly the same: compressed they fit an item with much room left.
    texts = {"texts": gzip.compress(json.dumps(order.texts).encode())} if order.texts else {}
    return {**asdict(order), "recipients": list(order.recipients), "texts": None, **texts}


def _order(item: Item) -> Order:
    texts = item.get("texts")
    return Order(
        TenantId(item["tenant"]),
        item["actor"],
        item["sender_id"],
        item["text"],
        tuple(item["recipients"]),
        asked=item.get("asked", ""),
        category=Category(item.get("category", Category.TRANSACTIONAL)),
        max_credits=item.get("max_credits", 0),
        send_at=_ahead(item.get("send_at", "")),
        texts=tuple(json.loads(gzip.decompress(bytes(texts)))) if texts else (),
        smart=item.get("smart", False),
    )


def _ahead(send_at: str) -> str:
    """Returns the moment asked for, or nothing when the credits have come too late for it: then it goes at once."""
    return send_at if send_at > clock.after(AHEAD_MIN_S) else ""
