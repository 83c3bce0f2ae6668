"""Approval: one of the staff proposes a decision about money, and another one approves it.

What is small enough is decided by one person alone, and stands beside the others. Each step is recorded in the tenant's
log and in the platform's. What a decision brings about is written in the transaction that approves it: a decision of
two parallel ones has its effect, and the other is told that it came late.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mifumo import audit, clock, writes
from mifumo.aws import Item
from mifumo.callers import Principal
from mifumo.errors import Conflict, Forbidden
from mifumo.ids import TenantId
from mifumo.settings import Settings
from mifumo.writes import Write

from . import proposals
from .payment import Payment
from .proposals import AlreadyProposed, Decision, Proposal, Status


class ApprovalSettings(Settings):
    """What one person may decide alone, and how long a proposal waits for a second one."""

    two_person_above_tzs: int
    two_person_above_credits: int
    proposal_expiry_s: int


class OwnProposal(Forbidden):
    """Whoever proposed a decision cannot approve or reject it: that takes another of the staff."""

    code = "own_proposal"
    title = "Another person has to decide on your proposal"


class ProposalClosed(Conflict):
    """Somebody has approved, rejected or withdrawn the proposal before."""

    code = "proposal_closed"
    title = "The proposal is not open any more"


class ProposalLapsed(Conflict):
    """The proposal waited for too long, or its payment has changed since: look at it again and propose anew."""

    code = "proposal_lapsed"
    title = "The proposal no longer holds"


def made(
    caller: Principal,
    decision: Decision,
    *,
    subject: str,
    tenant: TenantId,
    reason: str,
    evidence: str,
    version: int = 0,
    facts: Mapping[str, Any] | None = None,
) -> Proposal:
    """Makes a proposal of the caller's; nothing is written yet."""
    return Proposal(
        subject=subject,
        decision=decision,
        tenant=tenant,
        reason=audit.readable(reason),
        evidence=audit.readable(evidence),
        proposed_by=caller.person,
        proposed_at=clock.stamp(),
        expires_at=clock.after(ApprovalSettings.load().proposal_expiry_s),
        version=version,
        facts=facts or {},
    )


def propose(caller: Principal, proposal: Proposal) -> tuple[Proposal, list[Write]]:
    """Opens a proposal, in the place of one that does not hold any more.

    Raises AlreadyProposed, as its writes do, when one is open.
    """
    return _opened(caller, proposal, "decision.proposed")


def propose_about(
    caller: Principal, decision: Decision, payment: Payment, *, reason: str, evidence: str, facts: Mapping[str, Any]
) -> Proposal:
    """Opens a proposal about a payment as it is now: it lapses when the payment changes. Raises AlreadyProposed."""
    wanted = made(
        caller,
        decision,
        subject=payment.id,
        tenant=payment.tenant,
        reason=reason,
        evidence=evidence,
        version=payment.version,
        facts=facts,
    )
    proposal, steps = propose(caller, wanted)
    writes.transact(*steps)
    return proposal


def decide_alone(caller: Principal, proposal: Proposal) -> tuple[Proposal, list[Write]]:
    """Records a decision that needs no second person: it stands beside those that did. Raises as `propose` does."""
    now = clock.stamp()
    decided = replace(proposal, status=Status.APPROVED, decided_by=caller.person, decided_at=now)
    return _opened(caller, decided, "decision.taken")


def _opened(caller: Principal, proposal: Proposal, action: str) -> tuple[Proposal, list[Write]]:
    # An adjustment is its one proposal: what comes again meets it.
    before = None if proposal.decision is Decision.ADJUSTMENT else proposals.latest(proposal.subject)
    if before is None:
        return proposal, [proposals.put(proposal), _told(caller, action, proposal)]
    opened = replace(proposal, number=before.number + 1)
    if before.status is not Status.OPEN:
        return opened, [proposals.put(opened), _told(caller, action, opened)]
    if not before.expired and before.version == proposal.version:
        raise AlreadyProposed(proposal_id=before.id)
    lapsed = proposals.close(before, Status.LAPSED, refused=lambda _: AlreadyProposed(proposal_id=opened.id))
    return opened, [lapsed, proposals.put(opened), _told(caller, action, opened)]


def require_decidable(caller: Principal, proposal: Proposal) -> None:
    """Raises ProposalClosed, OwnProposal or ProposalLapsed unless the caller could approve the proposal now."""
    if proposal.status is not Status.OPEN or proposal.proposed_by == caller.person or proposal.expired:
        raise _refusal(caller, proposal, None)


def approve(caller: Principal, proposal: Proposal, *, note: str) -> list[Write]:
    """Approves a proposal, beside what it brings about; refuses with OwnProposal, ProposalClosed or ProposalLapsed."""
    closed = proposals.close(
        proposal,
        Status.APPROVED,
        by=caller.person,
        note=audit.readable(note),
        condition=" AND proposed_by <> :by AND expires_at > :now",
        refused=lambda item: _refusal(caller, proposal, item),
    )
    return [closed, _told(caller, "decision.approved", proposal, note)]


def reject(caller: Principal, proposal: Proposal, *, note: str) -> list[Write]:
    """Rejects another person's proposal; refuses with OwnProposal or ProposalClosed."""
    closed = proposals.close(
        proposal,
        Status.REJECTED,
        by=caller.person,
        note=audit.readable(note),
        condition=" AND proposed_by <> :by",
        refused=lambda item: _refusal(caller, proposal, item),
    )
    return [closed, _told(caller, "decision.rejected", proposal, note)]


def withdraw(caller: Principal, proposal: Proposal, *, note: str) -> list[Write]:
    """Takes one's own proposal back; refuses with Forbidden or ProposalClosed."""
    if proposal.proposed_by != caller.person:
        raise Forbidden("Only who made a proposal can withdraw it; reject it.")
    closed = proposals.close(
        proposal,
        Status.WITHDRAWN,
        by=caller.person,
        note=audit.readable(note),
        refused=lambda item: _refusal(caller, proposal, item),
    )
    return [closed, _told(caller, "decision.withdrawn", proposal, note)]


def _refusal(caller: Principal, proposal: Proposal, item: Item | None) -> Exception:
    """Says why a proposal cannot be decided on, by what stands there."""
    standing = proposals.of(item) if item else proposal
    if standing.status is not Status.OPEN:
        return ProposalClosed(f"It is {standing.status}.")
    if standing.proposed_by == caller.user_id:
        return OwnProposal()
    return ProposalLapsed(f"It expired at {standing.expires_at}.")


def _told(caller: Principal, action: str, proposal: Proposal, note: str = "") -> Write:
    """Records it in the tenant's log and in the platform's; who of the staff it was, only staff see."""
    return audit.entry(
        caller,
        action,
        tenant=proposal.tenant,
        target=proposal.subject,
        after={
            "decision": proposal.decision.value,
            "proposal": proposal.id,
            "evidence": proposal.evidence,
            **proposal.facts,
        },
        reason=note or proposal.reason,
    )
