"""Stuck refund: people end a refund that its provider neither makes nor refuses, two of them, on its own evidence.

They may say what the provider does not say any more. They may not contradict what it does say.
"""

from collections.abc import Sequence
from typing import Final

from mifumo import clock, ids
from mifumo.callers import Principal
from mifumo.errors import Conflict, ValidationFailed
from mifumo.observability import count
from mifumo.providers.payments import Standing
from mifumo.writes import Write

from . import approvals, gateway, receipts, refunds, reviews
from .gateway import ProviderUnavailable
from .payment import Payment
from .proposals import Decision, Proposal
from .states import Status

# Refunds take seconds; one that is open for longer has been asked about many times.
STUCK_AFTER_S: Final = 3_600
# A refund that was sent is over by itself, unless the provider tells of another amount; one that failed is over, too.
_CONTRADICTS: Final = {
    Decision.REFUND_SENT: frozenset({Standing.FAILED, Standing.CANCELLED}),
    Decision.REFUND_KEPT: frozenset({Standing.COMPLETED}),
}


class RefundNotStuck(Conflict):
    """No provider has been at this refund for longer than it may take; what is made by hand is ended by hand."""

    code = "refund_not_stuck"
    title = "The refund is not stuck"


class RefundContradicted(Conflict):
    """The provider says otherwise. If it refuses the refund, that is over with the next look at it."""

    code = "refund_contradicted"
    title = "The provider says otherwise of this refund"


def propose(
    caller: Principal, payment_id: str, decision: Decision, *, reference: str | None, reason: str, evidence: str
) -> Proposal:
    """Proposes how to end a refund.

    Raises NotFound, RefundNotStuck, RefundContradicted, AlreadyProposed, and ValidationFailed for money that has gone
    without a reference of how.
    """
    if decision is Decision.REFUND_SENT and not reference:
        raise ValidationFailed.of("/reference", "reference_missing", "Say by which transaction the money has gone.")
    payment = reviews.find(payment_id)
    _require_stuck(payment)
    _require_consent(payment, decision)
    return approvals.propose_about(
        caller,
        decision,
        payment,
        reason=reason,
        evidence=evidence,
        facts={
            "amount": payment.refund_amount or 0,
            "credits": payment.refund_credits or 0,
            **({"reference": reference} if reference else {}),
        },
    )


def carry_out(payment: Payment, proposal: Proposal, *, more: Sequence[Write]) -> None:
    """Ends the refund in the transaction of the decision. Raises what that refuses, PaymentMoved, RefundContradicted,
    and ReceiptReused for a transaction that was another refund.
    """
    _require_consent(payment, proposal.decision)
    if proposal.decision is Decision.REFUND_SENT:
        reference = proposal.facts["reference"]
        guard = receipts.guard(payment, reference, issuer=receipts.REFUNDS)
        refunds.completed(payment, note=f"decision {proposal.id}, receipt {reference}", more=[*more, guard])
    else:
        refunds.failed(payment, note=f"decision {proposal.id}", more=more)
    count("RefundOverridden")


def _require_stuck(payment: Payment) -> None:
    if payment.status is not Status.REFUND_PENDING or payment.refund_manual:
        raise RefundNotStuck(f"It is {payment.status}.")
    since = payment.refund_started_at or ""
    if since > clock.after(-STUCK_AFTER_S):
        raise RefundNotStuck(f"It began at {since}: the provider has an hour.")


def _require_consent(payment: Payment, decision: Decision) -> None:
    """Asks the provider once more; silence is no contradiction, as it is what people are here for."""
    try:
        provider = gateway.refunding(payment.gateway)
    except ProviderUnavailable:
        return
    if provider is None:
        return
    statement = provider.fetch_refund(ids.as_uuid(payment.refund_id or ""))
    if statement.standing in _CONTRADICTS[decision]:
        raise RefundContradicted(f"The provider says {statement.standing} {statement.detail}.".replace(" .", "."))
