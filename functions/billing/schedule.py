"""Schedule: when a payment is looked at again, and the message that says so."""

import math
from typing import Annotated

from pydantic import BeforeValidator

from mifumo import clock, queue
from mifumo.settings import Settings

# A payment that is still `created` by then was left by a door that died: doors answer within 30 s.
CRASHED_AFTER_S = 30


def _gaps(text: object) -> object:
    return tuple(text.split(",")) if isinstance(text, str) else text


class PaymentSettings(Settings):
    """How long payments wait and are watched, in seconds, and the queue that looks at them."""

    payments_queue_url: str
    payment_expiry_s: int
    payment_checks_s: Annotated[tuple[int, ...], BeforeValidator(_gaps)]
    payment_watch_s: int


def next_check(checks: int, *, expires_at: str, waiting: bool) -> str:
    """Says when to look again after so many looks; a waiting payment is looked at at the moment when it expires too."""
    gaps = PaymentSettings.load().payment_checks_s
    now, then = clock.stamp(), clock.after(gaps[min(checks, len(gaps) - 1)])
    return min(then, expires_at) if waiting and now < expires_at else then


def call(payment_id: str, due: str | None) -> None:
    """Has the worker look at a payment when it is due; what lies further off than a queue can hold is the sweep's."""
    if due is None:
        return
    delay_s = math.ceil((clock.parse(due) - clock.now()).total_seconds())
    if delay_s <= queue.DELAY_MAX_S:
        url = PaymentSettings.load().payments_queue_url
        queue.send(url, [{"payment_id": payment_id, "due": due}], delay_s=max(delay_s, 0))
