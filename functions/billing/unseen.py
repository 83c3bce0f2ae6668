"""Unseen money: that of a payment under review whose provider has never said what became of it.

It goes back on the provider's own evidence alone: the number of its transaction, and the line of its list where it has
told one. Nobody sends back what the provider says never came.
"""

from dataclasses import dataclass
from typing import Any, Final

from mifumo import clock
from mifumo.errors import Conflict, ValidationFailed
from mifumo.observability import logger
from mifumo.providers.payments import Standing

from . import days, gateway, payment_changes, receipts, reconciliation_rows, settlement
from .gateway import ProviderUnavailable
from .payment import Payment
from .proposals import Proposal
from .receipts import ReceiptReused
from .reconciliation_rows import Row

_NONE_CAME: Final = frozenset({Standing.FAILED, Standing.CANCELLED})
# The watch of a payment ends after a week; whoever decides later than that looks at its first month.
_DAYS_MAX: Final = 31


class MoneyUnseen(Conflict):
    """The provider says that no money has come for this payment: dismiss it, there is none to send back."""

    code = "money_unseen"
    title = "No money has come for this payment"


@dataclass(frozen=True, slots=True)
class Found:
    """Money that people have found in the provider's own papers: the payment's, from their decision on."""

    receipt: str
    amount: int
    currency: str


def is_it(payment: Payment) -> bool:
    """Tells whether nobody has seen money for a payment."""
    return payment.receipt is None and payment.paid_amount is None


def look(payment: Payment) -> Payment:
    """Asks the provider once more, and returns the payment as it stands then; silence changes nothing.

    Raises MoneyUnseen when the provider says that none came.
    """
    try:
        provider = gateway.provider(payment.gateway)
        statement = provider.fetch_status(payment.order_id)
    except ProviderUnavailable:
        return payment
    never = statement.standing is Standing.NOT_FOUND and provider.capabilities.repeatable
    if never or statement.standing in _NONE_CAME:
        raise MoneyUnseen(f"The provider says {statement.standing}.")
    if statement.standing is not Standing.COMPLETED:
        return payment
    finding = settlement.check(payment.id)
    logger.info("money was found by its return", payment_id=payment.id, finding=finding)
    return payment_changes.standing(payment, None)


def evidence(payment: Payment, receipt: str | None) -> dict[str, Any]:
    """Returns what a return stands on: the provider's transaction, and its list where that has told of the order.

    Raises ValidationFailed without a transaction or with another than the list names, and ReceiptReused.
    """
    row = _listed(payment)
    named = receipt or (row.receipt if row else None)
    if not named:
        raise ValidationFailed.of(
            "/receipt",
            "receipt_missing",
            "Nobody has seen this money: name the provider's transaction by which it came.",
        )
    if row and row.receipt and named != row.receipt:
        raise ValidationFailed.of("/receipt", "receipt_unlisted", f"The provider's list names {row.receipt}.")
    if receipts.owner(payment.gateway, named) not in {None, payment.id}:
        raise ReceiptReused(f"The receipt is {named}.")
    listed = {"listed_at": row.at} if row else {}
    return {"receipt": named, "amount": row.theirs if row else payment.amount, **listed}


def found(payment: Payment, proposal: Proposal) -> Found | None:
    """Returns the money that a decision to return speaks of, where only the decision does."""
    if not is_it(payment):
        return None
    return Found(proposal.facts["receipt"], proposal.facts["amount"], payment.currency)


def _listed(payment: Payment) -> Row | None:
    """Finds the line of the provider's lists that tells of the payment, since it began."""
    first, last = days.of(payment.created_at), days.of(clock.stamp())
    every = [day for back in range(_DAYS_MAX) if first <= (day := days.before(last, back))]
    return reconciliation_rows.told_of(payment.gateway, payment.order_id, every)
