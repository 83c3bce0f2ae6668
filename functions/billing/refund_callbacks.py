"""Refund callback: what a provider tells of a refund by itself, which leads to a look at it and to nothing else.

A refund that has ended here is looked at too: people may have ended it, and the provider may do otherwise afterwards.
"""

from mifumo import ids
from mifumo.observability import count, logger
from mifumo.providers.payments import Standing

from . import gateway, payments, refund_orders, refunds
from .findings import Finding
from .payment import Payment
from .states import Status


def look(refund: str, *, received_at: str) -> Finding:
    """Looks at the refund that a callback of this moment speaks of.

    Raises ProviderUnavailable where an ended one is not told of.
    """
    payment_id = refund_orders.payment_of(refund)
    payment = payments.read(payment_id) if payment_id else None
    if payment is None:
        logger.error("no such refund", refund_id=refund)
        count("PaymentOrphan")
        return Finding.ORPHAN
    if payment.status is Status.REFUND_PENDING and payment.refund_id == refund:
        return Finding.REFUNDING if refunds.check(payment.id, received_at=received_at) else Finding.LATER
    if payment.status is Status.REFUNDED and payment.refund_id == refund:
        return Finding.SETTLED
    return _ended(payment, refund)


def _ended(payment: Payment, refund: str) -> Finding:
    """Tells people of money that has gone, by a refund that ended without it."""
    provider = gateway.refunding(payment.gateway)
    if provider is None:
        return Finding.SETTLED
    statement = provider.fetch_refund(ids.as_uuid(refund))
    if statement.standing is Standing.UNAVAILABLE:
        raise gateway.ProviderUnavailable(statement.detail)
    if statement.standing is Standing.COMPLETED:
        logger.error("money went back though the refund had ended", payment_id=payment.id, refund_id=refund)
        count("RefundMismatch")
    return Finding.SETTLED
