"""Confirmation: one of the staff has found a bank transfer in the bank's statement.

The statement's reference is the receipt: one line of it pays for one payment. Above a limit a second person has to look
at it too. Another amount than the price goes to review, and is credited to nobody meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mifumo import audit, writes
from mifumo.callers import Principal
from mifumo.errors import Conflict, NotFound
from mifumo.observability import count
from mifumo.permissions import Action
from mifumo.writes import Write

from . import approvals, books, completion, payment_steps, receipts, reviews
from .approvals import ApprovalSettings
from .desks import BANK
from .payment import Payment
from .payment_changes import PaymentMoved
from .proposals import Decision, Proposal
from .reviews import AlreadyCredited
from .states import Event, Status, transition


class NotConfirmable(Conflict):
    """The transfer has been confirmed before, with another line of the statement, or is under review."""

    code = "not_confirmable"
    title = "There is nothing to confirm"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the bank's statement, and why it is this payment's."""

    reference: str
    amount: int
    reason: str
    evidence: str


def find(payment_id: str) -> Payment:
    """Reads a bank transfer of any tenant; raises NotFound."""
    payment = reviews.find(payment_id)
    if payment.gateway != BANK:
        raise NotFound("This payment is no bank transfer.")
    return payment


def confirm(caller: Principal, payment_id: str, line: Line) -> tuple[Payment, Proposal | None]:
    """Credits a transfer, proposes to where that takes a second person, or sends it to review.

    Raises NotFound, NotConfirmable, AlreadyCredited, AlreadyProposed and ReceiptReused.
    """
    payment = find(payment_id)
    if payment.status is Status.COMPLETED and payment.receipt == line.reference:
        return payment, None
    if transition(payment.status, Event.PAID) is None:
        raise NotConfirmable(f"It is {payment.status}.")
    if payment.credit_txn:
        raise AlreadyCredited
    try:
        if line.amount != payment.amount:
            return _mismatched(caller, payment, line), None
        return _taken(caller, payment, line)
    except PaymentMoved as moved:
        raise NotConfirmable("It has changed meanwhile: look at it again.") from moved


def _taken(caller: Principal, payment: Payment, line: Line) -> tuple[Payment, Proposal]:
    wanted = approvals.made(
        caller,
        Decision.TRANSFER,
        subject=payment.id,
        tenant=payment.tenant,
        reason=line.reason,
        evidence=line.evidence,
        version=payment.version,
        facts={"receipt": line.reference, "amount": line.amount, "credits": payment.credits},
    )
    if payment.amount <= ApprovalSettings.load().two_person_above_tzs and caller.may(Action.MONEY_DECIDE):
        decided, steps = approvals.decide_alone(caller, wanted)
        return carry_out(payment, decided, more=steps), decided
    opened, steps = approvals.propose(caller, wanted)
    writes.transact(*steps)
    return payment, opened


def carry_out(payment: Payment, proposal: Proposal, *, more: Sequence[Write]) -> Payment:
    """Credits the transfer in the transaction of the decision; raises what that refuses."""
    note = f"decision {proposal.id}"
    return completion.credit(payment, Event.PAID, receipt=proposal.facts["receipt"], more=more, note=note)


def _mismatched(caller: Principal, payment: Payment, line: Line) -> Payment:
    """The line is this payment's from now on, so that it pays for no other while people decide."""
    after, steps = payment_steps.take(
        payment,
        Event.MISMATCHED,
        note="the bank's statement names another amount",
        receipt=line.reference,
        paid_amount=line.amount,
        paid_currency=payment.currency,
        suspended=line.amount,
    )
    found = {"receipt": line.reference, "amount": line.amount, "evidence": line.evidence}
    told = audit.entry(
        caller, "transfer.mismatched", tenant=payment.tenant, target=payment.id, after=found, reason=line.reason
    )
    writes.transact(receipts.guard(payment, line.reference), *steps, *books.suspend(payment, after), told)
    count("PaymentReview")
    return after
