"""Bar: what keeps a batch from being handed over as its tenant stands now, whatever stood when it was accepted."""

from collections.abc import Mapping
from typing import NamedTuple

from functions.sms import messaging
from functions.sms.batches.batches import Batch
from functions.sms.content import entitlement, sender_ids
from functions.sms.timing import quiet, waits
from mifumo import clock, tables, tenants, wallets
from mifumo.aws import Item
from mifumo.ids import TenantId
from mifumo.tables import Key
from mifumo.tenants import Status

# Who lets a tenant or a name go on tells nobody here.
_LOOK_S = 3600


class Bar(NamedTuple):
    """Why a batch may not be handed over, and when that is looked at again; where that is never, it is called off."""

    reason: str
    until: str | None = None


def of(batch: Batch) -> Bar | None:
    """Reads what stands in a batch's way; None when it may go."""
    return among(batch, tables.read(*places(batch.tenant)))


def places(tenant: TenantId) -> tuple[tuple[str, Key], ...]:
    """Returns where all that stands in the way of a tenant's batches is: read it along with something else."""
    return tenants.place(tenant), wallets.place(tenant), (messaging.table(), sender_ids.approved_key(tenant))


def among(batch: Batch, found: Mapping[tuple[str, Key], Item]) -> Bar | None:
    """Tells what stands in a batch's way from what was found at `places`; None when it may go."""
    who, purse, names = places(batch.tenant)
    business = tenants.of(found[who]) if who in found else None
    if business is None or business.status is Status.CLOSED:
        return Bar(waits.CLOSED)
    if waits.overdue(batch):
        return Bar(waits.TOO_LONG)
    if business.status is not Status.ACTIVE or not business.verified_at:
        return Bar(waits.SUSPENDED, clock.after(_LOOK_S))
    package = wallets.of(batch.tenant, found.get(purse)).package
    if not entitlement.holds(batch.sender_id, package=package, approved=found.get(names)):
        return Bar(waits.SENDER_ID, clock.after(_LOOK_S))
    until = quiet.held_until(quiet.hours_of(batch.category, business.preferences), batch.id)
    return Bar(waits.QUIET_HOURS, until) if until else None
