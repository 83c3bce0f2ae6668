"""Books: the money side of what happens to a payment, in double entry, which sums to nothing in each currency.

A debit is positive, a credit negative. What is sold stands as deferred revenue and VAT, the former until it is used;
money that came not as agreed stands in suspense until people decide. A payment's postings are recorded in the
transaction of the step that they tell of, under a name that can be recorded once.
"""

from dataclasses import replace
from typing import Final

from mifumo import clock, ledger, vat
from mifumo.aws import Item
from mifumo.vat import Buyer, Split
from mifumo.writes import Write

from .desks import BANK
from .payment import Payment

DEFERRED: Final = "liability:deferred_revenue"
VAT: Final = "liability:vat_output"
SUSPENSE: Final = "liability:suspense:unmatched"
FEES: Final = "expense:provider_fee"
OUR_BANK: Final = "asset:bank"


def split(payment: Payment, total: int) -> Split:
    """Takes the VAT out of an amount, at the rate that the payment was offered at."""
    if total == payment.amount and payment.net is not None and payment.vat is not None:
        return Split(payment.net, payment.vat, payment.vat_rate or 0)
    return vat.included(total, rate(payment))


def rate(payment: Payment) -> int:
    """Returns the rate of a payment: that of its offer, or of its first moment where offers were not kept."""
    if payment.vat_rate is not None:
        return payment.vat_rate
    return vat.rate_at(clock.parse(payment.created_at), Buyer.UNREGISTERED)


def sale(payment: Payment, *, fee: int = 0) -> list[Item]:
    """Posts what was paid: it is the provider's to hand over, less what it keeps, and we owe texts and VAT for it."""
    paid = split(payment, payment.received)
    return _told(
        (_holder(payment), payment.currency, paid.total - fee),
        (FEES, payment.currency, fee),
        (DEFERRED, payment.currency, -paid.net),
        (VAT, payment.currency, -paid.vat),
    )


def refund(payment: Payment) -> list[Item]:
    """Posts a refund of a sale: we owe neither texts nor VAT for it any more, and the money has left."""
    back = split(payment, payment.refund_amount or 0)
    return _told(
        (DEFERRED, payment.currency, back.net),
        (VAT, payment.currency, back.vat),
        (_payer_back(payment), payment.currency, -back.total),
    )


def earned(worth: int, account: str) -> list[Item]:
    """Posts that credits were used: what they were sold for is owed no more, and earned. Negative where it was not."""
    return _told((DEFERRED, "TZS", worth), (account, "TZS", -worth))


def deferred(postings: list[Item]) -> int:
    """Returns what some postings add to the deferred revenue."""
    return -sum(int(posting["amount"]) for posting in postings if posting["account"] == DEFERRED)


def suspend(before: Payment, after: Payment) -> list[Write]:
    """Records money that came not as agreed; what an earlier look has recorded of it is taken back."""
    postings = [*_unsuspended(before, _holder(before)), *_in_suspense(after)]
    return _recorded(after, "suspense", postings)


def unsuspend(before: Payment, after: Payment) -> list[Write]:
    """Records that the staff have dismissed the money: none of it is ours to give back."""
    return _recorded(after, "dismissed", _unsuspended(before, _holder(before)))


def give_back(before: Payment, after: Payment) -> list[Write]:
    """Records that money which was never credited has gone back to who paid it.

    Where none of it stands in suspense, because it is in the books as another payment's, it is owed there from now on:
    people have to look.
    """
    gone = before if before.suspended else replace(before, suspended=before.refund_amount, paid_currency=None)
    return _recorded(after, "returned", _unsuspended(gone, _payer_back(before)))


def resolved(before: Payment) -> list[Item]:
    """Posts that money leaves suspense because it is credited after all: the sale takes its place."""
    return _unsuspended(before, _holder(before))


def _in_suspense(payment: Payment) -> list[Item]:
    currency, amount = payment.paid_currency or payment.currency, payment.suspended or 0
    return _told((_holder(payment), currency, amount), (SUSPENSE, currency, -amount))


def _unsuspended(payment: Payment, counterpart: str) -> list[Item]:
    currency, amount = payment.paid_currency or payment.currency, payment.suspended or 0
    return _told((SUSPENSE, currency, amount), (counterpart, currency, -amount))


def _holder(payment: Payment) -> str:
    """Returns the account of who has the money: the provider, until it hands it over, or our own bank."""
    return OUR_BANK if payment.gateway == BANK else f"asset:provider:{payment.gateway}:receivable"


def _payer_back(payment: Payment) -> str:
    """Returns the account that a refund leaves: people send money back from our bank."""
    return OUR_BANK if payment.refund_manual else _holder(payment)


def _told(*lines: tuple[str, str, int]) -> list[Item]:
    return [{"account": account, "asset": asset, "amount": amount} for account, asset, amount in lines if amount]


def _recorded(payment: Payment, what: str, postings: list[Item]) -> list[Write]:
    if not postings:
        return []
    return [ledger.record(f"pay:{payment.id}:{what}:{payment.version}", reference=payment.id, postings=postings)]
