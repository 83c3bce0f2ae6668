"""Step: what happens to a payment, from its begin to its end, and the line of its history that tells of it.

The only code that moves a payment from one state to another. A step is written on condition that nobody took another
one meanwhile, together with its line.
"""

from dataclasses import replace
from typing import Any

from mifumo import clock, writes
from mifumo.aws import Item
from mifumo.writes import Write

from . import payment_changes, payment_items
from .payment import Payment
from .states import Event, Status, transition


class PaymentExists(Exception):
    """The payment was made before; it carries what stands there."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(payment.id)
        self.payment = payment


def create(payment: Payment) -> list[Write]:
    """Writes a new payment and the first line of its history; refuses with PaymentExists."""
    put = writes.put(
        payment_items.table(),
        payment_items.of(payment),
        refused=lambda old: PaymentExists(payment_changes.standing(payment, old)),
    )
    return [put, _line(payment, before=None, trigger="initiated", facts={"user": payment.user})]


def take(
    payment: Payment, event: Event, *, next_check_at: str | None = None, note: str = "", **facts: Any
) -> tuple[Payment, list[Write]]:
    """Takes a payment to its state after an event; the writes refuse with PaymentMoved.

    `facts` become attributes. Ask `transition` first: an event without one is a mistake in the program.
    """
    target = transition(payment.status, event)
    if target is None:
        raise ValueError(f"{event} leads nowhere from {payment.status}")
    after = replace(payment, status=target, version=payment.version + 1, next_check_at=next_check_at, **facts)
    moved = payment_changes.rewrite(
        payment,
        after,
        condition="#version = :version AND #status = :before AND #amount = :amount AND #currency = :currency "
        + ("AND #credit_txn = :credit_txn" if payment.credit_txn else "AND attribute_not_exists(#credit_txn)"),
        names=("version", "status", "amount", "currency", "credit_txn"),
        values={
            ":version": payment.version,
            ":before": str(payment.status),
            ":amount": payment.amount,
            ":currency": payment.currency,
            **({":credit_txn": payment.credit_txn} if payment.credit_txn else {}),
        },
        refused=lambda old: payment_changes.moved(payment, old),
    )
    known = {name: value for name, value in facts.items() if value is not None}
    return after, [
        moved,
        _line(after, before=payment.status, trigger=event, facts={**known, **({"note": note} if note else {})}),
    ]


def _line(after: Payment, *, before: Status | None, trigger: str, facts: Item) -> Write:
    item = {
        "pk": payment_items.key_of(after.id).pk,
        "sk": f"H#{after.version:06d}",
        **({"before": str(before)} if before else {}),
        "after": str(after.status),
        "trigger": str(trigger),
        "at": clock.stamp(),
        **facts,
    }
    return writes.put(payment_items.table(), item, refused=lambda _: payment_changes.moved(after, None))
