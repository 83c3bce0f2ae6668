"""Parking: what lacks credits, an order or a quote, waits for them, and is sent by itself, once, when they have come.

Nothing is held for it: credits that come go to whoever asks first. It is checked anew when it is sent, as a sender ID
or the tenant's standing may have been taken away; what cannot be sent stays parked until its time is over. A quote is
the batch's from the moment it is parked: what it says is what is sent and charged, whenever credits come.
"""

import gzip
import json
from dataclasses import asdict, replace
from typing import Any

from functions.sms.batches import batches
from functions.sms.batches.batches import AlreadyAccepted, Batch, Refused, Status
from functions.sms.batches.categories import Category
from functions.sms.courses import parked
from functions.sms.courses.parked import PARKED_MAX
from functions.sms.timing.moments import AHEAD_MIN_S
from mifumo import clock, writes
from mifumo.aws import Item
from mifumo.errors import AppError, Conflict
from mifumo.ids import BatchId, TenantId
from mifumo.observability import count, logger

from . import dispatch, orders, quoted, sent, standing
from .dispatch import Accepted
from .orders import Order, Prepared
from .quoted import Wanted
from .sent import SentMoved
from .standing import Standing


class TooManyParked(Conflict):
    """So many orders of the tenant wait for credits that no more are taken."""

    code = "too_many_parked"
    title = "Too many orders wait for credits"


def park(wish: Order | Wanted, *, key: str) -> Accepted:
    """Keeps an order, or a quote for the batch that sends it, until there are credits for it; a replay meets the batch
    as it stands.

    Raises what `dispatch.accept` and `quoted.accept` raise but for InsufficientCredits, and TooManyParked.
    """
    batch_id = dispatch.batch_of(wish.tenant, key, test=wish.test)
    return sent.while_moved(lambda: _park(wish, batch_id))


def _park(wish: Order | Wanted, batch_id: BatchId) -> Accepted:
    found = _standing(wish, batch_id)

    def keep() -> Accepted:
        return _kept(_prepared(wish, found, batch_id), found, _item(wish))

    return dispatch.once(found, batch_id, wish.fingerprint, keep)


def _kept(prepared: Prepared, found: Standing, item: Item) -> Accepted:
    """Writes a batch as parked, with what it is sent from.

    Raises AlreadyAccepted, QuoteSent, QuoteExpired and SentMoved.
    """
    tenant = prepared.batch.tenant
    found.allowance.require(prepared.batch.accepted)
    if len(parked.of_tenant(tenant)) >= PARKED_MAX:
        raise TooManyParked("Buy credits for those that wait, or cancel some of them.")
    batch = replace(prepared.batch, status=Status.PARKED, starts_at=None, reason=None)
    made = batches.new(batch, prepared.refused, actor=prepared.actor, due=parked.next_look())
    writes.transact(*made, *prepared.planned, parked.put(item, tenant, batch.id), *prepared.remembered)
    logger.info("batch parked", batch_id=batch.id, price=batch.price)
    return Accepted(batch, prepared.refused)


def resume(tenant: TenantId) -> int:
    """Sends what the tenant's credits allow of what it has parked, oldest first; returns how many batches."""
    return sum(_go_on(tenant, batch) for batch in parked.of_tenant(tenant))


def _go_on(tenant: TenantId, batch_id: BatchId) -> bool:
    """Sends a parked batch if that can be done now; what stands in the way is left for a later look."""
    item = parked.read(tenant, batch_id)
    if item is None:
        return False
    wish = _wanted(item["wanted"]) if "wanted" in item else _order(item)
    found = _standing(wish, batch_id)
    if found.earlier is None:
        return False
    try:
        prepared = _prepared(wish, found, batch_id)
        dispatch.commit(_dated(prepared, found.earlier), found, unparked=parked.forgotten(tenant, batch_id))
    except (AlreadyAccepted, SentMoved):
        return False
    except AppError as refusal:
        logger.info("still parked", batch_id=batch_id, because=refusal.code)
        return False
    count("ParkedResumed")
    return True


def _standing(wish: Order | Wanted, batch_id: BatchId) -> Standing:
    if isinstance(wish, Order):
        return standing.read(wish.tenant, batch=batch_id, recipients=wish.recipients, text=wish.known_by)
    return standing.read(wish.tenant, batch=batch_id)


def _prepared(wish: Order | Wanted, found: Standing, batch_id: BatchId) -> Prepared:
    return orders.prepare(wish, found, batch_id) if isinstance(wish, Order) else quoted.prepare(wish, found, batch_id)


def _dated(prepared: orders.Prepared, before: Batch) -> orders.Prepared:
    """Keeps the day on which it was asked for: its place in the list does not change."""
    return replace(prepared, batch=replace(prepared.batch, created_at=before.created_at))


def _item(wish: Order | Wanted) -> Item:
    if isinstance(wish, Wanted):
        return {"wanted": wish._asdict()}
    # A thousand texts of one template are nearly the same: compressed they fit an item with much room left.
    texts = {"texts": _packed(wish.texts)} if wish.texts else {}
    left = {"left": _packed([[one.recipient, one.code, one.detail] for one in wish.left])} if wish.left else {}
    return {**asdict(wish), "recipients": list(wish.recipients), "texts": None, "left": None, **texts, **left}


def _packed(told: object) -> bytes:
    return gzip.compress(json.dumps(told).encode())


def _unpacked(packed: bytes) -> Any:
    return json.loads(gzip.decompress(bytes(packed)))


def _order(item: Item) -> Order:
    texts, left = item.get("texts"), item.get("left")
    return Order(
        TenantId(item["tenant"]),
        item["actor"],
        item["sender_id"],
        item["text"],
        tuple(item["recipients"]),
        asked=item.get("asked", ""),
        category=Category(item.get("category", Category.TRANSACTIONAL)),
        max_credits=item.get("max_credits", 0),
        allow_repeat=item.get("allow_repeat", False),
        send_at=_ahead(item.get("send_at", "")),
        texts=tuple(_unpacked(texts)) if texts else (),
        smart=item.get("smart", False),
        left=tuple(Refused(*one) for one in _unpacked(left)) if left else (),
    )


def _wanted(item: Item) -> Wanted:
    wanted = Wanted(**item)
    category = Category(wanted.category) if wanted.category else None
    return wanted._replace(category=category, send_at=_ahead(wanted.send_at))


def _ahead(send_at: str) -> str:
    """Returns the moment asked for, or nothing when the credits have come too late for it: then it goes at once."""
    return send_at if send_at > clock.after(AHEAD_MIN_S) else ""
