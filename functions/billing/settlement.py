"""Settlement: ask the provider where a payment stands, and bring ours there.

A look at a payment is safe at any time, any number of times, by any number of workers: asking reads only, the next look
is set before the question goes out, and the credit is one transaction that can be made once.
"""

from mifumo import clock, queue, writes
from mifumo.aws import Item
from mifumo.circuits import Circuit
from mifumo.ids import PaymentId
from mifumo.observability import count, logger
from mifumo.providers.payments import Statement

from . import answers, circuits, failures, gateway, payment_marks, payment_steps, payments, schedule, unpaid
from .desks import BANK
from .findings import Finding
from .payment import Payment
from .payment_changes import PaymentMoved
from .payment_marks import LookedAtAlready
from .states import ENDED, WAITING, Event, Status

# However many callbacks come for a payment, the provider is asked about it at most this often.
ASK_GAP_S = 2
_RACES_MAX = 5


def check(payment_id: PaymentId, *, due: str | None = None, received_at: str | None = None) -> Finding:
    """Looks at a payment.

    `due` is the moment for which the schedule asked for this look: when it is not the payment's next one any more,
    another look has taken its place. `received_at` is when a callback came in.
    """
    payment = payments.read(payment_id)
    if payment is None:
        logger.error("no such payment", payment_id=payment_id)
        count("PaymentOrphan")
        return Finding.ORPHAN
    if payment.gateway == BANK:
        return _unconfirmed(payment)
    if due and payment.next_check_at != due:
        return Finding.STALE
    if not _asked_about(payment):
        return _settled(payment)
    circuit = circuits.read(payment.gateway)
    for _ in range(_RACES_MAX):
        if not _asked_about(payment):
            return _settled(payment)
        try:
            looked = payment_marks.look(payment, next_check_at=_next_check(payment, circuit), gap_s=ASK_GAP_S)
        except LookedAtAlready as busy:
            if busy.payment.status is payment.status:
                return _too_soon(busy.payment, received_at)
            payment = busy.payment
        else:
            return _asked(looked, circuit)
    return Finding.STALE


def _asked_about(payment: Payment) -> bool:
    """Tells whether there is something to ask: money is awaited or may come again, or the staff know of none yet."""
    if payment.status is Status.REVIEW:
        return payment.receipt is None and payment.paid_amount is None
    return payment.status in WAITING | ENDED | {Status.REFUNDED}


def _settled(payment: Payment) -> Finding:
    return Finding.REFUNDING if payment.status is Status.REFUND_PENDING else Finding.SETTLED


def _unconfirmed(payment: Payment) -> Finding:
    """Ends a bank transfer that nobody has found in the bank's statement in time; it may still be found later."""
    if payment.status is not Status.PENDING or clock.stamp() < payment.expires_at:
        return Finding.SETTLED
    _, steps = payment_steps.take(payment, Event.EXPIRED, failure_code=failures.EXPIRED)
    writes.transact(*steps)
    return Finding.ENDED


def _next_check(payment: Payment, circuit: Circuit) -> str | None:
    """Says when the next look is due; not before the circuit of a silent provider has closed.

    There is always one where money is watched for: the watch ends with a look that was carried through, not with one
    that began. The others are asked about when a callback comes, and left alone otherwise.
    """
    if payment.status not in WAITING | ENDED:
        return None
    due = schedule.next_check(
        payment.checks + 1,  # this look is one of them
        expires_at=payment.expires_at,
        waiting=payment.status in WAITING,
    )
    return max(due, circuit.open_until) if circuit.open_until else due


def _too_soon(payment: Payment, received_at: str | None) -> Finding:
    """Tells whether the look that has just been taken could know what this one knows."""
    if received_at is None or (payment.checked_at or "") > received_at:
        return Finding.STALE
    return Finding.LATER


def _asked(payment: Payment, circuit: Circuit) -> Finding:
    """Asks the provider and applies what it says to the payment as it then stands."""
    statement = gateway.fetch_status(payment, circuit)
    for _ in range(_RACES_MAX):
        try:
            after, finding = _applied(payment, statement)
        except PaymentMoved as moved:
            payment = moved.payment
        else:
            schedule.call(after.id, after.next_check_at)
            return finding
    raise PaymentMoved(payment)


def _applied(payment: Payment, statement: Statement) -> tuple[Payment, Finding]:
    if not _asked_about(payment):
        return payment, Finding.SETTLED
    if payment.status not in WAITING | ENDED:
        return answers.came_anew(payment, statement)
    after, finding = answers.heard(payment, statement)
    if after is payment and payment.status in ENDED and clock.stamp() >= payment.watched_until:
        return unpaid.watched(payment, statement)
    return after, finding


def look_again(body: Item) -> None:
    """Puts a callback's message back for a moment: the look before it could not know of it."""
    queue.send(schedule.PaymentSettings.load().payments_queue_url, [body], delay_s=ASK_GAP_S)
