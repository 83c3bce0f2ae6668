"""Decision: what a proposal brings about once another person approves it, in one transaction with the approval."""

from collections.abc import Sequence

from mifumo import writes
from mifumo.callers import Principal
from mifumo.errors import Conflict
from mifumo.ids import PaymentId
from mifumo.writes import Write

from . import adjustments, approvals, confirmations, payments, proposals, refunds, reviews, stuck_refunds
from .approvals import ProposalLapsed
from .payment import Payment
from .payment_changes import PaymentMoved
from .proposals import Decision, Proposal, Status
from .states import Status as Standing


class NotRefundable(Conflict):
    """Only what was completed, and has not gone back, can be refunded."""

    code = "not_refundable"
    title = "The payment cannot be refunded"


def propose_refund(caller: Principal, payment_id: str, *, reason: str, evidence: str) -> Proposal:
    """Proposes to send a payment's money back. Raises NotFound, NotRefundable, CreditsSpent and AlreadyProposed."""
    payment = reviews.find(payment_id)
    if payment.status is not Standing.COMPLETED:
        raise NotRefundable(f"It is {payment.status}.")
    refunds.require_credits(payment)
    return approvals.propose_about(
        caller,
        Decision.REFUND,
        payment,
        reason=reason,
        evidence=evidence,
        facts={"credits": payment.credits, "amount": payment.received},
    )


def approve(caller: Principal, proposal_id: str, *, note: str) -> Proposal:
    """Approves another person's proposal and carries it out; what one has approved is answered as it stands.

    Raises NotFound, OwnProposal, ProposalClosed, ProposalLapsed, ReceiptReused, CreditsSpent and RefundContradicted.
    """
    proposal = proposals.find(proposal_id)
    if proposal.status is Status.APPROVED and proposal.decided_by == caller.person != proposal.proposed_by:
        return proposal
    approvals.require_decidable(caller, proposal)
    more = approvals.approve(caller, proposal, note=note)
    try:
        _carry_out(caller, proposal, more)
    except (PaymentMoved, Conflict) as refusal:
        # If another approval was a moment quicker, it is what has changed the payment or spent the credits.
        approvals.require_decidable(caller, proposals.find(proposal_id))
        if isinstance(refusal, Conflict):
            raise
        raise ProposalLapsed("The payment has changed since.") from refusal
    return proposals.find(proposal_id)


def _carry_out(caller: Principal, proposal: Proposal, more: Sequence[Write]) -> None:
    match proposal.decision:
        case Decision.ADJUSTMENT:
            adjustments.carry_out(caller, proposal, more=more)
        case Decision.REFUND:
            refunds.start(_as_proposed(proposal), returned=False, note=f"decision {proposal.id}", more=more)
        case Decision.REFUND_SENT | Decision.REFUND_KEPT:
            stuck_refunds.carry_out(_as_proposed(proposal), proposal, more=more)
        case Decision.TRANSFER:
            confirmations.carry_out(_as_proposed(proposal), proposal, more=more)
        case Decision.CREDIT | Decision.RETURN | Decision.DISMISS:
            reviews.carry_out(_as_proposed(proposal), proposal, more=more)


def _as_proposed(proposal: Proposal) -> Payment:
    """Reads the payment that was decided upon; raises ProposalLapsed when it is not what it was."""
    payment = payments.read(PaymentId(proposal.subject))
    if payment is None or payment.version != proposal.version:
        raise ProposalLapsed("The payment has changed since.")
    return payment


def reject(caller: Principal, proposal_id: str, *, note: str) -> Proposal:
    """Rejects another person's proposal. Raises NotFound, OwnProposal and ProposalClosed."""
    writes.transact(*approvals.reject(caller, proposals.find(proposal_id), note=note))
    return proposals.find(proposal_id)


def withdraw(caller: Principal, proposal_id: str, *, note: str) -> Proposal:
    """Takes one's own proposal back. Raises NotFound, Forbidden and ProposalClosed."""
    writes.transact(*approvals.withdraw(caller, proposals.find(proposal_id), note=note))
    return proposals.find(proposal_id)
