"""Mark: what is noted on a payment and is no step of it: its history and version stay.

Whose turn it is to ask about it, which documents tell of it, that its watch is over, and what has taken its place.
"""

from dataclasses import replace

from mifumo import clock, writes
from mifumo.errors import Conflict
from mifumo.ids import PaymentId
from mifumo.writes import Write

from . import payment_changes, payment_items, payments
from .payment import Payment
from .payment_changes import PaymentMoved


class RetriedAlready(Conflict):
    """The payment has been made again already; `payment_id` is the one that took its place."""

    code = "already_retried"
    title = "This payment has been made again already"


class LookedAtAlready(PaymentMoved):
    """Somebody else looks at the payment right now, or has changed it."""


def look(payment: Payment, *, next_check_at: str | None, gap_s: float) -> Payment:
    """Takes the turn to ask the provider, and sets the next one; a payment is asked for at most once per `gap_s`.

    Raises LookedAtAlready.
    """
    after = replace(payment, checks=payment.checks + 1, checked_at=clock.stamp(), next_check_at=next_check_at)
    return payments.of(
        writes.commit(
            payment_changes.rewrite(
                payment,
                after,
                condition="#status = :before AND (attribute_not_exists(#checked_at) OR #checked_at <= :rested)",
                names=("status", "checked_at"),
                values={":before": str(payment.status), ":rested": clock.after(-gap_s)},
                refused=lambda old: LookedAtAlready(payment_changes.standing(payment, old)),
            )
        )
    )


def documented(payment: Payment, **numbers: str) -> tuple[Payment, Write]:
    """Notes the numbers of documents that tell of a payment as it stands; refuses with PaymentMoved.

    It is no step of the payment: its history and version stay.
    """
    after = replace(payment, **numbers)  # type: ignore[arg-type] # the names are those of the document numbers
    missing = " AND ".join(f"attribute_not_exists(#{name})" for name in numbers)
    written = payment_changes.rewrite(
        payment,
        after,
        condition=f"#version = :version AND {missing}",
        names=("version", *numbers),
        values={":version": payment.version},
        refused=lambda old: payment_changes.moved(payment, old),
    )
    return after, written


def unwatched(payment: Payment) -> Write:
    """Ends the watch of a payment that nobody has to look at again; refuses with PaymentMoved. It is no step of it."""
    return payment_changes.rewrite(
        payment,
        replace(payment, next_check_at=None),
        condition="#version = :version",
        names=("version",),
        values={":version": payment.version},
        refused=lambda old: payment_changes.moved(payment, old),
    )


def waits_no_more(payment: Payment) -> Write:
    """Takes a payment that has its documents off the list of those that wait; refuses with PaymentMoved."""
    return writes.update(
        payment_items.table(),
        payment_items.key_of(payment.id),
        "REMOVE due_pk, due_sk",
        condition="version = :version AND due_pk = :waiting",
        values={":version": payment.version, ":waiting": payment_items.DOCUMENTS_DUE},
        refused=lambda old: payment_changes.moved(payment, old),
    )


def retried(payment: Payment, after: PaymentId, *, instead_of: PaymentId | None) -> Write:
    """Lets one payment and no other take the place of this one; refuses with RetriedAlready.

    `instead_of` is the one that had it and that nobody was asked for.
    """
    return writes.update(
        payment_items.table(),
        payment_items.key_of(payment.id),
        "SET retried_as = :after",
        condition="#status = :ended AND (attribute_not_exists(retried_as) OR retried_as IN (:after, :over))",
        names={"#status": "status"},
        values={":ended": str(payment.status), ":after": after, ":over": instead_of or after},
        refused=lambda old: _not_again(payment_changes.standing(payment, old)),
    )


def _not_again(payment: Payment) -> RetriedAlready:
    if payment.retried_as:
        return RetriedAlready("Watch that payment, or retry it.", payment_id=payment.retried_as)
    return RetriedAlready(f"It has become {payment.status} meanwhile.", payment_id=payment.id)
