"""Accept a batch: hold the credits and record it in one transaction, then fan out.

After the commit the batch is safe: if the queue does not take a chunk, the sweep sends it again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from functions.sms.batches import batches, laying
from functions.sms.batches.batches import Batch, Refused
from functions.sms.charges.allowance import DailyCapReached
from functions.sms.pacing import lanes
from functions.sms.plans import parts, plans
from functions.sms.plans.plans import Extent, QuoteSent
from functions.sms.timing import schedules
from mifumo import ids, ledger, writes
from mifumo.errors import IdempotencyKeyReused
from mifumo.ids import BatchId, TenantId
from mifumo.ledger import InsufficientCredits
from mifumo.observability import count, logger
from mifumo.wallets import Wallet
from mifumo.writes import Write

from . import orders, sent, standing
from .orders import Order, Prepared
from .standing import Standing

# More are written ahead: a transaction takes a hundred writes, and each costs twice what it costs by itself.
_CHUNKS_TOGETHER_MAX = 50


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an order. A replay met the batch that the same key made before."""

    batch: Batch
    refused: list[Refused]
    replayed: bool = False


def batch_of(tenant: TenantId, key: str, *, test: bool = False) -> BatchId:
    """Returns the id of the batch that a tenant's Idempotency-Key makes; tests have keys of their own."""
    return BatchId(ids.derived("test" if test else "batch", tenant, key))


def accept(order: Order, *, key: str) -> Accepted:
    """Accepts an order once for each Idempotency-Key.

    Raises TenantSuspended, ContactUnverified, ValidationFailed, SenderIdNotAllowed, InsufficientCredits,
    DailyCapReached, NoTestsLeft and IdempotencyKeyReused.
    """
    batch_id = batch_of(order.tenant, key, test=order.test)
    return sent.while_moved(lambda: _accept(order, batch_id))


def _accept(order: Order, batch_id: BatchId) -> Accepted:
    """Accepts an order as its tenant stands; raises SentMoved when the same text was accepted for others since."""
    found = _standing(order, batch=batch_id)
    return once(found, batch_id, order.fingerprint, lambda: _made(orders.prepare(order, found, batch_id), found))


def _standing(order: Order, *, batch: BatchId | None = None) -> Standing:
    to, text = order.recipients, order.known_by
    return standing.read(order.tenant, batch=batch, recipients=to, text=text, test=order.test)


def _made(prepared: Prepared, found: Standing) -> Accepted:
    commit(prepared, found)
    return Accepted(prepared.batch, prepared.refused)


def once(found: Standing, batch_id: BatchId, fingerprint: str, accept: Callable[[], Accepted]) -> Accepted:
    """Accepts what has this fingerprint, or returns what the same key made of it before.

    Raises what `accept` raises but for AlreadyAccepted, and IdempotencyKeyReused.
    """
    tenant = found.wallet.tenant
    if found.earlier:
        return _replayed(tenant, batch_id, fingerprint)
    try:
        return accept()
    except batches.AlreadyAccepted:
        return _replayed(tenant, batch_id, fingerprint)
    except (InsufficientCredits, DailyCapReached, QuoteSent):
        # The batched read is no snapshot: a twin of this request may have been accepted in the middle of it, and then
        # it is its hold that is missing from the wallet, its recipients that are missing from the day, and it has the
        # quote.
        if batches.read(tenant, batch_id) is None:
            raise
        return _replayed(tenant, batch_id, fingerprint)


def commit(prepared: Prepared, found: Standing, *, unparked: list[Write] | None = None) -> None:
    """Holds the credits and writes the batch, then tells the workers. `unparked` is what a parked one leaves behind.

    A test holds nothing, is not remembered, and has an allowance of its own. Raises AlreadyAccepted,
    InsufficientCredits, DailyCapReached, NoTestsLeft and SentMoved.
    """
    prepared = _ahead(prepared)
    batch, fixed = prepared.batch, prepared.written(over_parked=unparked is not None)

    def build(wallet: Wallet) -> list[Write]:
        held = ledger.hold(wallet, batch.price, batch=batch.id)
        return [
            fixed[0],
            *held,
            *found.allowance.take(batch.accepted),
            *fixed[1:],
            *prepared.remembered,
            *(unparked or []),
        ]

    if batch.test:
        writes.transact(*fixed, *found.allowance.take(batch.accepted))
    else:
        ledger.move(found.wallet, build)
    refused = len(prepared.refused)
    logger.info("batch accepted", batch_id=batch.id, accepted=batch.accepted, refused=refused, price=batch.price)
    if batch.test:
        count("RecipientsTested", batch.accepted)
    else:
        count("RecipientsAccepted", batch.accepted)
    if batch.status in batches.TIMED:
        schedules.put(batch)
    if batch.parts:
        laying.enqueue(batch, range(1, batch.parts + 1))
    elif batch.status not in batches.TIMED:
        lanes.enqueue(batch.tenant, batch.lane, [(batch.id, number) for number in range(1, batch.chunks + 1)])


def _ahead(prepared: Prepared) -> Prepared:
    """Writes the chunks of an order ahead, as parts of a plan that is its batch's from the start, if they are many."""
    batch = prepared.batch
    if len(prepared.ready) <= _CHUNKS_TOGETHER_MAX:
        return prepared
    extent = Extent()
    for first in range(0, len(prepared.ready), parts.CHUNKS_MAX):
        some = prepared.ready[first : first + parts.CHUNKS_MAX]
        extent = extent.and_part(parts.write(batch.tenant, batch.id, len(extent.digests) + 1, some), some)
    used = plans.used(batch, extent, made_by=prepared.actor)
    laid = replace(batch, plan=used.id, parts=len(extent.digests))
    return replace(prepared, batch=laid, planned=(plans.put(used),))


def rehearse(order: Order) -> Accepted:
    """Answers what `accept` would, refusals included, and changes nothing; the batch has no id."""
    found = _standing(order)
    prepared = orders.prepare(order, found, BatchId(""))
    require_affordable(prepared, found)
    return Accepted(prepared.batch, prepared.refused)


def require_affordable(prepared: Prepared, found: Standing) -> None:
    """Raises InsufficientCredits, DailyCapReached and NoTestsLeft as `commit` would."""
    if not prepared.batch.test and found.wallet.available < prepared.batch.price:
        raise InsufficientCredits(required=prepared.batch.price, available=found.wallet.available)
    found.allowance.require(prepared.batch.accepted)


def _replayed(tenant: TenantId, batch_id: BatchId, fingerprint: str) -> Accepted:
    """Returns what the same key made before of what has this fingerprint; raises IdempotencyKeyReused."""
    found = batches.read(tenant, batch_id)
    if found is None or found[0].fingerprint != fingerprint:
        raise IdempotencyKeyReused("Use a new Idempotency-Key for a different request.")
    return Accepted(*found, replayed=True)
