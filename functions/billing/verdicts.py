"""Verdict: whether our books and a provider's own word agree about one order. Pure: nothing is read or written.

A payment counts as paid here once anybody has said so: it was credited, or its money lies with the staff.
"""

from dataclasses import dataclass
from enum import StrEnum

from mifumo.providers.payments import Standing, Statement

from . import gateway
from .payment import Payment


class Bucket(StrEnum):
    """Where an order falls when two lists are compared."""

    MATCHED = "matched"
    OURS_ONLY = "ours_only"
    """Paid in our books, and the provider does not know of it."""
    THEIRS_ONLY = "theirs_only"
    """Money came in at the provider for an order that is none of ours."""
    MISMATCH = "mismatch"
    """Both know the order, and not the same of it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bucket, and why."""

    bucket: Bucket
    why: str = ""


_MATCHED = Verdict(Bucket.MATCHED)
NOT_OURS = Verdict(Bucket.THEIRS_ONLY, "there is no such payment of ours")
NOT_PAID_HERE = Verdict(Bucket.MISMATCH, "paid at the provider, and not in our books")


def paid(payment: Payment) -> bool:
    """Tells whether our books know of money for the payment."""
    return payment.credit_txn is not None or payment.paid_amount is not None


def of(payment: Payment, statement: Statement) -> Verdict | None:
    """Compares a payment with the provider's word; None where neither knows of any money.

    Raises ValueError for a provider that did not say anything.
    """
    if statement.standing is Standing.UNAVAILABLE:
        raise ValueError("nothing follows from silence")
    if statement.standing is not Standing.COMPLETED:
        return Verdict(Bucket.OURS_ONLY, f"the provider says {statement.standing}") if paid(payment) else None
    if not paid(payment):
        return NOT_PAID_HERE
    if not _same_amount(payment, statement):
        return Verdict(Bucket.MISMATCH, "another amount or currency")
    if not same_receipt(payment, statement):
        return Verdict(Bucket.MISMATCH, "another transaction of the same order")
    return _MATCHED


def same_receipt(payment: Payment, statement: Statement) -> bool:
    """Tells whether both speak of the same transaction, as far as both name one."""
    return None in {payment.receipt, statement.receipt} or payment.receipt == statement.receipt


def _same_amount(payment: Payment, statement: Statement) -> bool:
    if payment.paid_amount is None:
        return gateway.settles(payment, statement)
    # Without a currency of its own, what was noted is in that of the payment.
    noted = (payment.paid_amount, payment.paid_currency or payment.currency)
    return noted == (statement.amount_tzs, statement.currency)
