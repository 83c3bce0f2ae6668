"""Review: money moved, and not as agreed. Two of the staff decide: credit it, send it back, or leave it.

The credit is the one that settlement makes, receipt and all: a receipt that has paid for another payment cannot pay for
this one, whoever decides so.
"""

from collections.abc import Sequence

from mifumo import ids, provider_events, writes
from mifumo.aws import Item
from mifumo.callers import Principal
from mifumo.errors import Conflict, NotFound, ValidationFailed
from mifumo.ids import PaymentId
from mifumo.writes import Write

from . import (
    approvals,
    books,
    completion,
    failures,
    payment_steps,
    payments,
    refund_orders,
    refunds,
    unseen,
)
from .payment import Payment
from .proposals import Decision, Proposal
from .states import Event, Status


class NotUnderReview(Conflict):
    """The payment is not under review, so there is nothing to decide."""

    code = "not_under_review"
    title = "The payment is not under review"


class AlreadyCredited(Conflict):
    """The payment's credits were given before: more money for it goes back, or is credited by an adjustment."""

    code = "already_credited"
    title = "This payment has been credited before"


def find(payment_id: str) -> Payment:
    """Reads a payment of any tenant, for staff; raises NotFound."""
    found = payments.read(PaymentId(payment_id)) if ids.valid(payment_id) else None
    if found is None:
        raise NotFound("There is no such payment.")
    return found


def told(payment: Payment) -> list[Item]:
    """Reads everything that the provider has told of a payment and its refunds by itself, word for word."""
    orders = refund_orders.every(payment)
    return [event for order in orders for event in provider_events.told(payment.gateway, order)]


def propose(
    caller: Principal, payment_id: str, decision: Decision, *, reason: str, evidence: str, receipt: str | None
) -> Proposal:
    """Proposes what to do with a payment under review.

    Raises NotFound, NotUnderReview, AlreadyCredited, AlreadyProposed, MoneyUnseen, ReceiptReused, and ValidationFailed
    for a credit, or the return of money that nobody has seen, without its receipt.
    """
    payment = find(payment_id)
    if payment.status is Status.REVIEW and decision is Decision.RETURN and unseen.is_it(payment):
        payment = unseen.look(payment)
    if payment.status is not Status.REVIEW:
        raise NotUnderReview(f"It is {payment.status}.")
    return approvals.propose_about(
        caller, decision, payment, reason=reason, evidence=evidence, facts=_facts(payment, decision, receipt)
    )


def _facts(payment: Payment, decision: Decision, receipt: str | None) -> dict[str, str | int]:
    if decision is Decision.RETURN:
        return unseen.evidence(payment, receipt) if unseen.is_it(payment) else {"amount": payment.received}
    if decision is not Decision.CREDIT:
        return {}
    if payment.credit_txn:
        raise AlreadyCredited
    paid_by = receipt or payment.receipt
    if not paid_by:
        raise ValidationFailed.of(
            "/receipt", "receipt_missing", "The provider has named no receipt: say which one the money came with."
        )
    return {"receipt": paid_by, "credits": payment.credits, "amount": payment.received}


def carry_out(payment: Payment, proposal: Proposal, *, more: Sequence[Write]) -> None:
    """Does what was decided, in the transaction of the decision; raises what that refuses, and PaymentMoved."""
    note = f"decision {proposal.id}"
    match proposal.decision:
        case Decision.CREDIT:
            receipt = proposal.facts["receipt"]
            completion.credit(payment, Event.CREDIT_APPROVED, receipt=receipt, more=more, note=note)
        case Decision.RETURN:
            refunds.start(payment, returned=True, note=note, more=more, found=unseen.found(payment, proposal))
        case _:
            facts = {"failure_code": failures.DISMISSED, "suspended": None}
            after, steps = payment_steps.take(payment, Event.DISMISSED, note=note, **facts)
            writes.transact(*more, *steps, *books.unsuspend(payment, after))
