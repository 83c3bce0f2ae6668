"""Contradiction: a provider that says of a payment which it had confirmed that it has failed.

What is completed stays so: whether money comes back is for people to find out, and they are told.
"""

from typing import Final

from mifumo.ids import PaymentId
from mifumo.observability import count, logger
from mifumo.providers.payments import Standing

from . import circuits, gateway, payments
from .states import Status

# Of the words that providers have for an ending without money. A word only makes us ask.
_NO: Final = ("FAIL", "CANCEL", "REJECT", "REVERS", "DECLIN")


def look(payment_id: PaymentId, claimed: str) -> None:
    """Asks the provider of a completed payment about a callback that says no, and tells people if it means it."""
    if not any(word in claimed.upper() for word in _NO):
        return
    payment = payments.read(payment_id)
    if payment is None or payment.status is not Status.COMPLETED:
        return
    statement = gateway.fetch_status(payment, circuits.read(payment.gateway))
    if statement.standing in {Standing.FAILED, Standing.CANCELLED}:
        logger.error("provider takes back what it confirmed", payment_id=payment.id, provider=payment.gateway)
        count("PaymentContradicted")
