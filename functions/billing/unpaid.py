"""Unpaid: a payment of which its provider tells no money: it waits, ends, and is watched until its watch is over."""

from dataclasses import replace
from typing import Final

from mifumo import clock, writes
from mifumo.observability import count, logger
from mifumo.providers.payments import Standing, Statement
from mifumo.settings import Settings

from . import failures, gateway, payment_marks, payment_steps, schedule
from .findings import Finding
from .payment import Payment
from .states import WAITING, Event, Status, transition

_ENDINGS: Final = {
    Standing.FAILED: (Event.FAILED, failures.FAILED),
    Standing.CANCELLED: (Event.CANCELLED, failures.CANCELLED_BY_PAYER),
}


class LossSettings(Settings):
    """By when a push that arrived is known to a provider that keeps every push."""

    payment_lost_after_s: int


def ended(payment: Payment, statement: Statement) -> tuple[Payment, Finding]:
    """The provider says that nobody pays any more."""
    event, failure = _ENDINGS[statement.standing]
    if transition(payment.status, event) is None:
        return payment, Finding.ENDED
    after, steps = payment_steps.take(
        payment, event, next_check_at=payment.next_check_at, note=statement.detail, failure_code=failure
    )
    writes.transact(*steps)
    return after, Finding.ENDED


def pending(payment: Payment) -> tuple[Payment, Finding]:
    """The provider waits for the payer."""
    return _still_open(payment, found=True)


def not_found(payment: Payment) -> tuple[Payment, Finding]:
    """The provider knows of no such push, or not yet."""
    return _never_received(payment) if _had_time(payment) else _still_open(payment, found=False)


def watched(payment: Payment, statement: Statement) -> tuple[Payment, Finding]:
    """Ends the watch for late money. Where the provider has not said that none moved, people find it out."""
    if transition(payment.status, Event.UNRESOLVED) is None or _none_moved(payment, statement):
        if payment.next_check_at:
            writes.commit(payment_marks.unwatched(payment))
        return replace(payment, next_check_at=None), Finding.ENDED
    why = f"the watch is over, and the provider says {statement.standing}"
    after, steps = payment_steps.take(payment, Event.UNRESOLVED, note=why)
    writes.transact(*steps)
    logger.error("payment needs a review", payment_id=payment.id, tenant_id=payment.tenant, why=why)
    count("PaymentReview")
    return after, Finding.REVIEW


def _none_moved(payment: Payment, statement: Statement) -> bool:
    """Tells whether the provider says that no money has moved, or that the payer refused it."""
    if statement.standing is Standing.NOT_FOUND and gateway.keeps_every_push(payment):
        return True
    return statement.standing in _ENDINGS or payment.failure_code == failures.CANCELLED_BY_PAYER


def _still_open(payment: Payment, *, found: bool) -> tuple[Payment, Finding]:
    """Nothing has been paid: the payment waits on, becomes known for what it is, or has waited long enough."""
    event, facts = _waited(payment, found=found)
    if event is None:
        return payment, Finding.OPEN if payment.status in WAITING else Finding.ENDED
    after, steps = payment_steps.take(payment, event, next_check_at=payment.next_check_at, **facts)
    writes.transact(*steps)
    return after, Finding.OPEN if after.status in WAITING else Finding.ENDED


def _waited(payment: Payment, *, found: bool) -> tuple[Event | None, dict[str, str]]:
    if payment.status is Status.PENDING and clock.stamp() >= payment.expires_at:
        return Event.EXPIRED, {"failure_code": failures.EXPIRED}
    crashed = payment.status is Status.CREATED and clock.after(-schedule.CRASHED_AFTER_S) >= payment.created_at
    if found and (crashed or payment.initiated == Event.UNKNOWN) and payment.status in WAITING:
        return Event.ACCEPTED, {"initiated": str(Event.ACCEPTED)}
    if crashed:
        return Event.UNKNOWN, {"initiated": str(Event.UNKNOWN)}
    return None, {}


def _had_time(payment: Payment) -> bool:
    """Tells whether a push whose answer was lost would be known by now, had it arrived."""
    grace_s = LossSettings.load().payment_lost_after_s
    lost = payment.status is Status.PENDING and payment.initiated == Event.UNKNOWN
    return lost and payment.created_at <= clock.after(-grace_s) and gateway.keeps_every_push(payment)


def _never_received(payment: Payment) -> tuple[Payment, Finding]:
    """Nobody is asked for money. The payment stays watched, should it arrive after all."""
    after, steps = payment_steps.take(
        payment, Event.NEVER_RECEIVED, next_check_at=payment.next_check_at, failure_code=failures.NEVER_RECEIVED
    )
    writes.transact(*steps)
    return after, Finding.ENDED
