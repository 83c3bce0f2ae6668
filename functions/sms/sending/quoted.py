"""Quoted: a plan is sent for the price that it was quoted at, once, while it is valid.

Everything else is as for any order: who may send, under which name, how much a day. The credits of the quote are held
in the transaction that gives the plan to its batch; its chunks are laid out after that.
"""

from dataclasses import replace
from typing import NamedTuple

from functions.sms.batches.batches import Batch
from functions.sms.batches.categories import Category
from functions.sms.content import entitlement
from functions.sms.plans import plans
from functions.sms.plans.plans import Plan
from functions.sms.timing import waits
from mifumo import clock, ids, tenants
from mifumo.errors import ValidationFailed
from mifumo.ids import BatchId, TenantId
from mifumo.writes import Write

from . import accepting, dispatch, reruns, sent, standing
from .dispatch import Accepted
from .orders import Prepared
from .standing import Standing


class Wanted(NamedTuple):
    """Who wants what to be sent, what it is for where no template says so, and when; empty: as soon as it may go."""

    tenant: TenantId
    actor: str
    quote: str
    category: Category | None = None
    send_at: str = ""
    max_credits: int = 0
    test: bool = False
    allow_repeat: bool = False

    @property
    def fingerprint(self) -> str:
        """Tells it from what else comes with the same Idempotency-Key."""
        again = ["repeat"] if self.allow_repeat else []
        category = self.category or Category.TRANSACTIONAL
        return ids.fingerprint("quote", self.quote, *waits.asked(category, self.send_at), *again)


def accept(wanted: Wanted, *, key: str) -> Accepted:
    """Accepts what a quote is for, once for each Idempotency-Key and once for each quote; a test uses no quote up.

    Raises ValidationFailed, QuoteNotReady, QuoteExpired, QuoteSent, and what `dispatch.accept` raises.
    """
    batch_id = dispatch.batch_of(wanted.tenant, key, test=wanted.test)
    return sent.while_moved(lambda: _accept(wanted, batch_id))


def _accept(wanted: Wanted, batch_id: BatchId) -> Accepted:
    found = standing.read(wanted.tenant, batch=batch_id, test=wanted.test)

    def accept() -> Accepted:
        prepared = prepare(wanted, found, batch_id)
        dispatch.commit(prepared, found)
        return Accepted(prepared.batch, [])

    return dispatch.once(found, batch_id, wanted.fingerprint, accept)


def _plan(wanted: Wanted) -> Plan:
    plan = plans.read(wanted.tenant, wanted.quote)
    if plan is None:
        raise ValidationFailed.of("/quote_id", "unknown_quote", "You have no such quote.")
    return plan


def prepare(wanted: Wanted, found: Standing, batch_id: BatchId) -> Prepared:
    """Checks whether a plan can be sent now, and makes its batch; raises what keeps it from being sent.

    A batch that was parked has its plan already: no time runs out for it any more.
    """
    tenant = tenants.require_able(found.tenant)
    plan = _plan(wanted)
    if refusal := plans.why_not(plan, batch_id):
        raise refusal
    extent, category = plan.extent, _category(wanted, plan)
    name = entitlement.resolve(plan.sender_id, package=found.wallet.package, approved=found.approved)
    batch = accepting.batch(wanted, extent, found, tenant, batch_id, sender_id=name, text=plan.text, category=category)
    batch = replace(batch, plan=plan.id, parts=len(extent.digests), known_at=plan.created_at)
    if wanted.test:
        return Prepared(batch, [], (), wanted.actor)
    used = () if plan.batch == batch_id else (plans.use(plan, batch_id),)
    remembered = _remembered(wanted, plan, batch)
    return Prepared(batch, [], (), wanted.actor, planned=used, remembered=remembered)


def _category(wanted: Wanted, plan: Plan) -> Category:
    """Returns what the plan's template says, or else the request; raises ValidationFailed where both do."""
    if wanted.category and plan.category:
        raise ValidationFailed.of("/category", "too_much", "The template says what its texts are for.")
    return plan.category or wanted.category or Category.TRANSACTIONAL


def _remembered(wanted: Wanted, plan: Plan, batch: Batch) -> tuple[Write, ...]:
    """Remembers what is sent to whom; raises ValidationFailed for a rerun that was not asked for."""
    at = clock.epoch(clock.parse(batch.starts_at) if batch.starts_at else None)
    try:
        return tuple(reruns.remembered(plan, batch.id, at=at, allowed=wanted.allow_repeat))
    except ValidationFailed as rerun:
        # It may have been sent since it was read: then it is itself that it repeats.
        if refusal := plans.why_not(_plan(wanted), batch.id):
            raise refusal from rerun
        raise
