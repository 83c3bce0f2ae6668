"""Outcome: whether a payment is known to bring no money, so that another one may be made in its place.

A handset asks for a while after the tenant has changed its mind, and a silent provider may have been paid: so whoever
wants a second push for the same thing hears of the first one what the provider knows.
"""

from mifumo import clock
from mifumo.errors import Busy, Conflict, NotFound
from mifumo.ids import PaymentId

from . import payments, settlement
from .desks import BANK
from .failures import CANCELLED_BY_PAYER
from .findings import Finding
from .gateway import ProviderUnavailable
from .payment import Payment
from .states import ENDED, WAITING, Status


class OutcomeOpen(Conflict):
    """The payment may still bring money: another one would ask for it twice. Wait until this one has ended."""

    code = "outcome_open"
    title = "The first payment may still be paid"


class NotRepeatable(Conflict):
    """The payment has brought money, or its money is with the staff: nothing takes its place."""

    code = "not_repeatable"
    title = "This payment cannot be made again"


def require_none(payment_id: PaymentId) -> Payment:
    """Returns a payment that brings no money, as far as anybody can know.

    Raises OutcomeOpen, NotRepeatable, Busy while somebody else asks, and ProviderUnavailable when nobody answers.
    """
    payment = _standing(payment_id)
    if _known(payment):
        return payment
    finding = settlement.check(payment_id)
    if finding is Finding.UNAVAILABLE:
        raise ProviderUnavailable("The provider does not say what became of the first payment; try again.")
    if finding in {Finding.STALE, Finding.LATER}:
        raise Busy("The provider is being asked about the first payment.", retry_after_s=settlement.ASK_GAP_S + 1)
    payment = _standing(payment_id)
    if not _known(payment) and clock.stamp() < payment.expires_at:
        raise OutcomeOpen(f"The handset may ask until {payment.expires_at}.", payment_id=payment.id)
    return payment


def _known(payment: Payment) -> bool:
    """Tells whether what is written down is the end of it: no push, or one that the provider has called off."""
    by_payer = payment.failure_code == CANCELLED_BY_PAYER
    return payment.status is Status.FAILED or by_payer or payment.gateway == BANK


def _standing(payment_id: PaymentId) -> Payment:
    payment = payments.read(payment_id)
    if payment is None:
        raise NotFound("There is no such payment.")
    if payment.status in WAITING:
        raise OutcomeOpen("Wait for its end, or cancel it.", payment_id=payment.id)
    if payment.status not in ENDED:
        raise NotRepeatable(f"It is {payment.status}.", payment_id=payment.id)
    return payment
