"""Manual refund: people have sent money back where the provider cannot, or have found that they cannot either."""

from mifumo import audit
from mifumo.callers import Principal
from mifumo.errors import Conflict

from . import receipts, refunds, reviews
from .payment import Payment
from .payment_changes import PaymentMoved
from .states import Status


class NotRefundingByHand(Conflict):
    """No money waits to be sent back by hand for this payment; what a provider sends back is the provider's to end."""

    code = "not_refunding_by_hand"
    title = "There is no refund to make by hand"


def complete(caller: Principal, payment_id: str, *, reference: str, evidence: str) -> Payment:
    """Records that the money has gone: the credits that were held are taken back.

    Raises NotFound, NotRefundingByHand, and ReceiptReused for a transfer that was another refund.
    """
    payment = reviews.find(payment_id)
    if payment.status is Status.REFUNDED and receipts.owner(receipts.REFUNDS, reference) == payment.id:
        return payment
    _require_by_hand(payment)
    gone = {"reference": reference, "evidence": evidence, "amount": payment.refund_amount}
    told = audit.entry(caller, "refund.completed", tenant=payment.tenant, target=payment.id, after=gone)
    guard = receipts.guard(payment, reference, issuer=receipts.REFUNDS)
    try:
        return refunds.completed(payment, note=f"transfer {reference}", more=[guard, told])
    except PaymentMoved as moved:
        raise NotRefundingByHand(f"It is {moved.payment.status}.") from moved


def fail(caller: Principal, payment_id: str, *, reason: str) -> Payment:
    """Records that the money cannot go: the credits are the tenant's again. Raises NotFound and NotRefundingByHand."""
    payment = reviews.find(payment_id)
    _require_by_hand(payment)
    told = audit.entry(caller, "refund.failed", tenant=payment.tenant, target=payment.id, reason=reason)
    try:
        return refunds.failed(payment, note=audit.readable(reason), more=[told])
    except PaymentMoved as moved:
        raise NotRefundingByHand(f"It is {moved.payment.status}.") from moved


def _require_by_hand(payment: Payment) -> None:
    if payment.status is not Status.REFUND_PENDING or not payment.refund_manual:
        raise NotRefundingByHand(f"It is {payment.status}.")
