"""Accept a batch: hold the credits and record it in one transaction, then fan out.

After the commit the batch is safe: if the queue does not take a chunk, the sweep sends it again.
"""

from dataclasses import dataclass

from mifumo import ids, ledger
from mifumo.errors import IdempotencyKeyReused
from mifumo.ids import BatchId, TenantId
from mifumo.ledger import InsufficientCredits
from mifumo.observability import count, logger
from mifumo.wallets import Wallet
from mifumo.writes import Write

from . import batches, lanes, orders, standing
from .allowance import DailyCapReached
from .batches import Batch, Refused
from .orders import Order, Prepared
from .standing import Standing


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an order. A replay met the batch that the same key made before."""

    batch: Batch
    refused: list[Refused]
    replayed: bool = False


def batch_of(tenant: TenantId, key: str) -> BatchId:
    """Returns the id of the batch that a tenant's Idempotency-Key makes."""
    return BatchId(ids.derived("batch", tenant, key))


def accept(order: Order, *, key: str) -> Accepted:
    """Accepts an order once for each Idempotency-Key.

    Raises TenantSuspended, ContactUnverified, ValidationFailed, SenderIdNotAllowed, InsufficientCredits,
    DailyCapReached and IdempotencyKeyReused.
    """
    batch_id = batch_of(order.tenant, key)
    found = standing.read(order.tenant, batch=batch_id, recipients=order.recipients)
    if found.earlier:
        return replay(order, batch_id)
    prepared = orders.prepare(order, found, batch_id)
    try:
        commit(prepared, found)
    except batches.AlreadyAccepted:
        return replay(order, batch_id)
    except (InsufficientCredits, DailyCapReached):
        # The batched read is no snapshot: a twin of this request may have been accepted in the middle of it, and then
        # it is its hold that is missing from the wallet, and its recipients that are missing from the day.
        if batches.read(order.tenant, batch_id) is None:
            raise
        return replay(order, batch_id)
    return Accepted(prepared.batch, prepared.refused)


def commit(prepared: Prepared, found: Standing, *, unparked: list[Write] | None = None) -> None:
    """Holds the credits and writes the batch, then tells the workers. `unparked` is what a parked one leaves behind.

    Raises AlreadyAccepted, InsufficientCredits and DailyCapReached.
    """
    batch, fixed = prepared.batch, prepared.written(over_parked=unparked is not None)

    def build(wallet: Wallet) -> list[Write]:
        held = ledger.hold(wallet, batch.price, batch=batch.id)
        return [fixed[0], *held, *found.allowance.take(batch.accepted), *fixed[1:], *(unparked or [])]

    ledger.move(found.wallet, build)
    refused = len(prepared.refused)
    logger.info("batch accepted", batch_id=batch.id, accepted=batch.accepted, refused=refused, price=batch.price)
    count("RecipientsAccepted", batch.accepted)
    lanes.enqueue(batch.tenant, batch.lane, [(batch.id, number) for number in range(1, batch.chunks + 1)])


def rehearse(order: Order) -> Accepted:
    """Answers what `accept` would, refusals included, and changes nothing; the batch has no id."""
    found = standing.read(order.tenant, recipients=order.recipients)
    prepared = orders.prepare(order, found, BatchId(""))
    if found.wallet.available < prepared.batch.price:
        raise InsufficientCredits(required=prepared.batch.price, available=found.wallet.available)
    found.allowance.require(prepared.batch.accepted)
    return Accepted(prepared.batch, prepared.refused)


def replay(order: Order, batch_id: BatchId) -> Accepted:
    """Returns what the same key made before; raises IdempotencyKeyReused when it was asked for something else."""
    found = batches.read(order.tenant, batch_id)
    if found is None or found[0].fingerprint != order.fingerprint:
        raise IdempotencyKeyReused("Use a new Idempotency-Key for a different request.")
    return Accepted(*found, replayed=True)
