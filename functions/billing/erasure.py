"""Erasure: a number, or every number, leaves a tenant's payments and what the provider said about them.

Amounts and credits stay.

The payment itself is changed last: whoever was cut off before finds it by its number again.
"""

import re

from mifumo import provider_events, writes
from mifumo.privacy import After, Step

from . import payment_traces, payments, refund_orders
from .payment import Payment
from .payment_changes import PaymentMoved

# A tenant buys now and then: most have one page.
_PAYMENTS_A_STEP = 100
_LOOK_AGAIN_S = 900
_COUNTRY = "255"
_ERASED = "[erased]"


def take(step: Step) -> After:
    """Erases a number (of a clearance: each) from some payments, and begins anew as long as any was open."""
    page = payments.page(step.tenant, limit=_PAYMENTS_A_STEP, start=step.place)
    waits = step.waits
    for payment in map(payments.of, page.items):
        if _is_meant(payment, step):
            waits = not _erased(payment, payment.phone.removeprefix("+")) or waits
    if page.last:
        return After(step.at(page.last, waits=waits))
    if waits:
        return After(step.at(None, waits=False), delay_s=_LOOK_AGAIN_S)
    return After()


def _is_meant(payment: Payment, step: Step) -> bool:
    known = step.subject in {"", payment.phone.removeprefix("+")}
    return known and payment.phone != "" and payment.created_at <= step.asked_at


def _erased(payment: Payment, digits: str) -> bool:
    """Erases the number, unless money may still move: then it is needed to tell whose that is."""
    if not payment.at_rest:
        return False
    for order in refund_orders.every(payment):
        for event, body in provider_events.of_order(payment.gateway, order):
            if (left := _without(digits, body)) != body:
                provider_events.reword(event, left)
    for line, note in payment_traces.notes(payment):
        if (left := _without(digits, note)) != note:
            writes.commit(payment_traces.reword(line, left))
    try:
        writes.commit(payment_traces.erase(payment))
    except PaymentMoved:
        return False
    return True


def _without(digits: str, text: str) -> str:
    """Hides a number however it is written: with its country, as it is dialled at home, or bare."""
    national = re.escape(digits.removeprefix(_COUNTRY))
    return re.sub(rf"\+?(?:{_COUNTRY}|0)?{national}(?!\d)", _ERASED, text)
