"""Withdrawal: the tenant does not want a payment any more.

A push cannot be called back and a transfer may be on its way, so the payment stays watched, and money that comes all
the same is credited.
"""

from mifumo import audit, writes
from mifumo.callers import Principal
from mifumo.errors import Conflict
from mifumo.observability import logger

from . import payment_steps, payments
from .payment import Payment
from .payment_changes import PaymentMoved
from .states import Event, Status, transition

# Steps that others may take while the tenant makes up its mind.
_RACES_MAX = 5
WITHDRAWN = "withdrawn"


class NotCancellable(Conflict):
    """The payment has ended, has been paid, or is with the staff."""

    code = "not_cancellable"
    title = "This payment cannot be cancelled"


def cancel(caller: Principal, payment_id: str) -> Payment:
    """Cancels a payment that waits; one that is cancelled stays so. Raises NotFound and NotCancellable."""
    payment = payments.find(caller.tenant_id, payment_id)
    for _ in range(_RACES_MAX):
        if payment.status is Status.CANCELLED:
            return payment
        if transition(payment.status, Event.WITHDRAWN) is None:
            break
        after, steps = payment_steps.take(
            payment, Event.WITHDRAWN, next_check_at=payment.next_check_at, failure_code=WITHDRAWN, note=caller.actor
        )
        try:
            writes.transact(*steps, audit.entry(caller, "payment.cancelled", target=payment.id))
        except PaymentMoved as moved:
            payment = moved.payment
        else:
            logger.info("payment cancelled", payment_id=payment.id)
            return after
    raise NotCancellable(f"It is {payment.status}.")
