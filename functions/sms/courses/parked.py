"""Parked: an order that lacks credits, kept as it was written until they come, its time is over, or it is cancelled.

| pk | sk | what |
|---|---|---|
| `T#<tenant>` | `PARKED#<batch>` | the order as it was written, beside the batch with the status `parked` |
"""

from contextlib import suppress
from dataclasses import replace

from functions.sms import messaging
from functions.sms.batches import batches
from functions.sms.batches.batches import AlreadyAccepted, Batch, Status
from mifumo import clock, tables, wallets, writes
from mifumo.aws import Item
from mifumo.errors import Conflict
from mifumo.ids import BatchId, TenantId
from mifumo.observability import count
from mifumo.settings import Settings
from mifumo.tables import Key
from mifumo.writes import Write

# Whoever buys credits sends what waits; more than these are a list that nobody looks through.
PARKED_MAX = 50


class NotParked(Exception):
    """The batch is not parked, or not any more."""


class ParkingSettings(Settings):
    """How long an order waits for credits, and how often it is looked at when nothing is heard of any."""

    parked_for_s: int
    parked_look_s: int


def put(item: Item, tenant: TenantId, batch: BatchId) -> Write:
    """Keeps an order; refuses with AlreadyAccepted."""
    kept = {**_key(tenant, batch)._asdict(), **item, "batch_id": batch, "parked_at": clock.stamp()}
    return writes.put(messaging.table(), kept, refused=lambda _: AlreadyAccepted(batch))


def read(tenant: TenantId, batch: BatchId) -> Item | None:
    """Reads an order as it was kept."""
    return tables.get(messaging.table(), _key(tenant, batch))


def forgotten(tenant: TenantId, batch: BatchId) -> list[Write]:
    """Lets go of an order; refuses with AlreadyAccepted when somebody did."""
    return [writes.delete(messaging.table(), _key(tenant, batch), refused=lambda _: AlreadyAccepted(batch))]


def of_tenant(tenant: TenantId) -> list[BatchId]:
    """Lists what a tenant has parked, oldest first."""
    page = tables.query(messaging.table(), f"T#{tenant}", begins_with="PARKED#", limit=PARKED_MAX + 1, consistent=True)
    waiting = sorted(page.items, key=lambda item: str(item["parked_at"]))
    return [BatchId(item["batch_id"]) for item in waiting]


def cancel(tenant: TenantId, batch_id: BatchId) -> Batch:
    """Ends a parked batch; one that was cancelled before stays so. Raises Conflict when it is being sent by now."""
    found = batches.read(tenant, batch_id)
    if found is None or found[0].status not in {Status.PARKED, Status.CANCELLED}:
        raise Conflict("Only what is parked can be cancelled here.")
    batch, _ = found
    if batch.status is Status.CANCELLED:
        return batch
    try:
        writes.transact(_cancelled(batch), *forgotten(tenant, batch_id))
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
        writes.commit(_put_off(batch, until=next_look()))
    return wallets.read(batch.tenant).available >= batch.price


def _cancelled(batch: Batch) -> Write:
    """Ends a parked batch; refuses with NotParked."""
    return writes.update(
        messaging.table(),
        batches.key(batch.tenant, batch.id),
        "SET #status = :cancelled, completed_at = :now REMOVE due_pk, due_sk",
        condition="#status = :parked",
        names={"#status": "status"},
        values={":cancelled": Status.CANCELLED.value, ":parked": Status.PARKED.value, ":now": clock.stamp()},
        refused=lambda _: NotParked(batch.id),
    )


def _put_off(batch: Batch, *, until: str) -> Write:
    """Puts the next look at a parked batch ahead; refuses with NotParked."""
    return writes.update(
        messaging.table(),
        batches.key(batch.tenant, batch.id),
        "SET due_sk = :until",
        condition="#status = :parked",
        names={"#status": "status"},
        values={":until": until, ":parked": Status.PARKED.value},
        refused=lambda _: NotParked(batch.id),
    )


def next_look() -> str:
    """Returns when an order that is parked now is looked at, should nothing be heard of credits."""
    return clock.after(ParkingSettings.load().parked_look_s)


def _key(tenant: TenantId, batch: BatchId) -> Key:
    return Key(f"T#{tenant}", f"PARKED#{batch}")
