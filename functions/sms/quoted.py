"""Quoted: a plan is sent for the price that it was quoted at, once, while it is valid.

Everything else is as for any order: who may send, under which name, how much a day. The credits of the quote are held
in the transaction that gives the plan to its batch; its chunks are laid out after that.
"""

from mifumo import clock, ids, tenants
from mifumo.errors import ValidationFailed
from mifumo.ids import BatchId, TenantId
from mifumo.ledger import InsufficientCredits

from . import batches, dispatch, entitlement, orders, plans, standing
from .allowance import DailyCapReached
from .batches import Batch, Status
from .dispatch import Accepted
from .orders import Prepared
from .plans import Plan, QuoteSent
from .standing import Standing


def accept(tenant: TenantId, actor: str, quote: str, *, key: str, test: bool = False) -> Accepted:
    """Accepts what a quote is for, once for each Idempotency-Key and once for each quote; a test uses no quote up.

    Raises ValidationFailed, QuoteNotReady, QuoteExpired, QuoteSent, and what `dispatch.accept` raises.
    """
    batch_id, asked = dispatch.batch_of(tenant, key, test=test), _asked(quote)
    found = standing.read(tenant, batch=batch_id)
    if found.earlier:
        return dispatch.replayed(tenant, batch_id, asked)
    prepared = _prepared(_plan(tenant, quote), found, batch_id, actor, test=test)
    try:
        dispatch.commit(prepared, found)
    except batches.AlreadyAccepted:
        return dispatch.replayed(tenant, batch_id, asked)
    except (InsufficientCredits, DailyCapReached, QuoteSent):
        # As in `dispatch.accept`: a twin of this request may have been accepted in the middle of the reads.
        if batches.read(tenant, batch_id) is None:
            raise
        return dispatch.replayed(tenant, batch_id, asked)
    return Accepted(prepared.batch, [])


def _plan(tenant: TenantId, quote: str) -> Plan:
    plan = plans.read(tenant, quote)
    if plan is None:
        raise ValidationFailed.of("/quote_id", "unknown_quote", "You have no such quote.")
    return plan


def _prepared(plan: Plan, found: Standing, batch_id: BatchId, actor: str, *, test: bool) -> Prepared:
    """Checks whether a plan can be sent now, and makes its batch; raises what keeps it from being sent."""
    tenant = tenants.require_able(found.tenant)
    if refusal := plans.why_not(plan, batch_id):
        raise refusal
    extent = plan.extent
    batch = Batch(
        id=batch_id,
        tenant=plan.tenant,
        status=Status.ACCEPTED,
        sender_id=entitlement.resolve(plan.sender_id, package=found.wallet.package, approved=found.approved),
        text=plan.text,
        encoding=extent.encoding,
        segments=extent.segments,
        accepted=extent.recipients,
        price=extent.price,
        charged=0,
        chunks=extent.chunks,
        lane=orders.lane_of(extent.recipients),
        fingerprint=_asked(plan.id),
        created_at=clock.stamp(),
        listens=found.listens,
        refunds=tenant.preferences.refund_undelivered and not test,
        plan=plan.id,
        parts=len(extent.digests),
        test=test,
    )
    return Prepared(batch, [], (), actor, planned=() if test else (plans.use(plan, batch_id),))


def _asked(quote: str) -> str:
    return ids.fingerprint("quote", quote)
