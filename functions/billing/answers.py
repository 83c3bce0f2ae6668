"""Answer: what a provider says when it is asked about a payment, and where that brings ours.

Money as agreed is credited, money in another way is for people to decide on, and silence concludes nothing.
"""

from mifumo import writes
from mifumo.observability import count, logger
from mifumo.providers.payments import Standing, Statement

from . import books, completion, failures, gateway, payment_steps, receipts, unpaid
from .findings import Finding
from .payment import Payment
from .receipts import ReceiptReused
from .states import Event


def heard(payment: Payment, statement: Statement) -> tuple[Payment, Finding]:
    """Brings a payment that is waited or watched for to where its provider says that it stands."""
    match statement.standing:
        case Standing.UNAVAILABLE:
            logger.warning("provider did not say", payment_id=payment.id, detail=statement.detail)
            count("ProviderUnavailable")
            return payment, Finding.UNAVAILABLE
        case Standing.COMPLETED:
            return _paid(payment, statement)
        case Standing.FAILED | Standing.CANCELLED:
            return unpaid.ended(payment, statement)
        case Standing.PENDING:
            return unpaid.pending(payment)
        case Standing.NOT_FOUND:
            return unpaid.not_found(payment)


def _paid(payment: Payment, statement: Statement) -> tuple[Payment, Finding]:
    if not gateway.settles(payment, statement):
        return _reviewed(payment, statement, "the provider names another amount or currency")
    if payment.credit_txn:
        return _reviewed(payment, statement, "it was credited before, and the money has gone back")
    try:
        return _credited(payment, statement), Finding.CREDITED
    except ReceiptReused:
        # The money is that payment's, and stands in the books as such.
        return _reviewed(payment, statement, "the receipt has paid for another payment", came=False)


def _credited(payment: Payment, statement: Statement) -> Payment:
    kept = max(payment.amount - (statement.amount_tzs or 0), 0)  # by a provider that takes its fee out of the price
    return completion.credit(payment, Event.PAID, receipt=statement.receipt or payment.order_id, fee=kept)


def came_anew(payment: Payment, statement: Statement) -> tuple[Payment, Finding]:
    """Tells the staff of money that came after a refund or while they look for it: by a receipt not known yet.

    Nobody looks again by themselves, so silence fails the message: it is delivered again.
    """
    if statement.standing is Standing.UNAVAILABLE:
        raise gateway.ProviderUnavailable(statement.detail)
    if statement.standing is not Standing.COMPLETED or statement.receipt in {None, payment.receipt}:
        return payment, Finding.SETTLED
    owner = receipts.owner(payment.gateway, str(statement.receipt))
    if owner == payment.id:
        return payment, Finding.SETTLED
    return _reviewed(payment, statement, "money came after the payment was closed", came=owner is None)


def _reviewed(payment: Payment, statement: Statement, why: str, *, came: bool = True) -> tuple[Payment, Finding]:
    """Money moved, and not as agreed: no credits, and a person decides, once on the same evidence."""
    told = (statement.receipt, statement.amount_tzs, statement.currency)
    known = (payment.receipt, payment.paid_amount, payment.paid_currency)
    if payment.failure_code == failures.DISMISSED and told == known:
        return payment, Finding.ENDED
    after, steps = payment_steps.take(
        payment,
        Event.MISMATCHED,
        note=why,
        receipt=statement.receipt,
        paid_amount=statement.amount_tzs,
        paid_currency=statement.currency,
        suspended=statement.amount_tzs if came else None,
    )
    writes.transact(*steps, *books.suspend(payment, after))
    logger.error("payment needs a review", payment_id=payment.id, tenant_id=payment.tenant, why=why)
    count("PaymentReview")
    return after, Finding.REVIEW
