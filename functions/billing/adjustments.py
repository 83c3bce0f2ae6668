"""Adjustment: credits that the staff give to a tenant or take from it by hand, for a stated reason.

An adjustment is its proposal: its id follows from who asks and the Idempotency-Key, so it exists once, and the ledger
writes it down under that id, so it has its effect once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mifumo import audit, credited, ids, ledger, tenants, wallets, writes
from mifumo.callers import Principal
from mifumo.errors import IdempotencyKeyReused, NotFound
from mifumo.ids import TenantId
from mifumo.ledger import InsufficientCredits
from mifumo.permissions import Action
from mifumo.wallets import Wallet
from mifumo.writes import Write

from . import approvals, proposals
from .approvals import ApprovalSettings
from .proposals import AlreadyProposed, Decision, Proposal
from .refunds import CreditsSpent


@dataclass(frozen=True, slots=True)
class Wish:
    """What one of the staff wants: so many credits more, or with a minus fewer."""

    tenant: TenantId
    credits: int
    reason: str
    evidence: str


def ask(caller: Principal, key: str, wish: Wish) -> tuple[Proposal, bool]:
    """Adjusts a tenant's credits, or proposes to where that takes a second person.

    Returns the proposal, and whether an earlier request with this key had made it. Raises NotFound, CreditsSpent and
    IdempotencyKeyReused.
    """
    subject = ids.derived("adjustment", caller.person, key)
    known = proposals.latest(subject)
    if known:
        return _same(known, wish), True
    if tenants.get(wish.tenant) is None:
        raise NotFound("There is no such tenant.")
    wanted = approvals.made(
        caller,
        Decision.ADJUSTMENT,
        subject=subject,
        tenant=wish.tenant,
        reason=wish.reason,
        evidence=wish.evidence,
        facts={"credits": wish.credits},
    )
    alone = abs(wish.credits) <= ApprovalSettings.load().two_person_above_credits
    try:
        return _opened(caller, wanted, alone=alone and caller.may(Action.MONEY_DECIDE)), False
    except AlreadyProposed:
        return _same(proposals.find(wanted.id), wish), True


def _same(known: Proposal, wish: Wish) -> Proposal:
    if known.tenant != wish.tenant or known.facts["credits"] != wish.credits:
        raise IdempotencyKeyReused
    return known


def _opened(caller: Principal, wanted: Proposal, *, alone: bool) -> Proposal:
    if alone:
        decided, steps = approvals.decide_alone(caller, wanted)
        carry_out(caller, decided, more=steps)
        return decided
    available = wallets.read(wanted.tenant).available
    if available + wanted.facts["credits"] < 0:
        raise CreditsSpent(required=-wanted.facts["credits"], available=available)
    opened, steps = approvals.propose(caller, wanted)
    writes.transact(*steps)
    return opened


def carry_out(caller: Principal, proposal: Proposal, *, more: Sequence[Write]) -> None:
    """Moves the credits in the transaction of the decision; raises what that refuses, and CreditsSpent."""
    told = audit.entry(
        caller,
        "credits.adjusted",
        tenant=proposal.tenant,
        target=proposal.subject,
        after={"credits": proposal.facts["credits"]},
        reason=proposal.reason,
    )

    def build(wallet: Wallet) -> list[Write]:
        adjusted = ledger.adjust(
            wallet,
            proposal.facts["credits"],
            name=f"adj:{proposal.subject}",
            reference=proposal.subject,
            reason=proposal.reason,
            actor=proposal.proposed_by,
        )
        return [*more, *adjusted, told]

    try:
        ledger.move(wallets.read(proposal.tenant), build)
    except InsufficientCredits as spent:
        raise CreditsSpent(**spent.extensions) from spent
    if proposal.facts["credits"] > 0:
        credited.tell(proposal.tenant)
