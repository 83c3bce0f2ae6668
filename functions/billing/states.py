"""States: where a payment can stand, and what leads from one to the next; data and one pure function."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """Where a payment stands. Only what is refunded, or ended and no longer watched, is truly over."""

    CREATED = "created"
    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REVIEW = "review"
    REFUND_PENDING = "refund_pending"
    REFUNDED = "refunded"


class Event(StrEnum):
    """What can happen to a payment: first what our own push and clock bring, then what the provider tells of the money,
    then what people decide."""

    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    EXPIRED = "expired"
    UNRESOLVED = "unresolved"
    """The watch for late money is over, and the provider has never said that none moved."""

    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"
    NEVER_RECEIVED = "never_received"
    """A provider that takes the same push twice for one has had time, and knows of none."""
    MISMATCHED = "mismatched"
    """Money moved, and not as agreed: another amount or currency, a receipt that has paid before, a success that
    contradicts what was known, money that came after a refund."""

    WITHDRAWN = "withdrawn"
    """The tenant does not want it any more. The push cannot be called back, so the payment stays watched."""
    CREDIT_APPROVED = "credit_approved"
    RETURN_APPROVED = "return_approved"
    """Money under review goes back to who paid it; it was never credited."""
    DISMISSED = "dismissed"
    REFUND_STARTED = "refund_started"
    """The tenant's credits are held, and the provider is asked to send the money back."""
    REFUND_COMPLETED = "refund_completed"
    REFUND_FAILED = "refund_failed"
    RETURN_FAILED = "return_failed"
    """As `refund_failed`, for money that was never credited: it is not `completed` for that."""


WAITING: Final = frozenset({Status.CREATED, Status.PENDING})
ENDED: Final = frozenset({Status.FAILED, Status.EXPIRED, Status.CANCELLED})
UNDECIDED: Final = frozenset({Status.REVIEW, Status.REFUND_PENDING})

# A payment that ended is still open to money that comes late. `paid` leads to `completed` or nowhere: whoever credits
# can rely on it. Evidence against a payment sends it to the staff, be it there already (their decision starts anew) or
# refunded; only a refund under way goes on, as its outcome has to find it.
_NEXT: Final[Mapping[Event, Mapping[Status, Status]]] = {
    Event.ACCEPTED: {Status.CREATED: Status.PENDING, Status.PENDING: Status.PENDING},
    Event.UNKNOWN: {Status.CREATED: Status.PENDING},
    Event.REFUSED: {Status.CREATED: Status.FAILED},
    Event.EXPIRED: {Status.PENDING: Status.EXPIRED},
    Event.UNRESOLVED: {Status.EXPIRED: Status.REVIEW, Status.CANCELLED: Status.REVIEW},
    Event.PAID: dict.fromkeys(WAITING | ENDED, Status.COMPLETED),
    Event.FAILED: dict.fromkeys(WAITING, Status.FAILED),
    Event.CANCELLED: dict.fromkeys(WAITING, Status.CANCELLED),
    Event.NEVER_RECEIVED: {Status.PENDING: Status.FAILED},
    Event.MISMATCHED: dict.fromkeys(WAITING | ENDED | {Status.REVIEW, Status.REFUNDED}, Status.REVIEW),
    Event.WITHDRAWN: dict.fromkeys(WAITING, Status.CANCELLED),
    Event.CREDIT_APPROVED: {Status.REVIEW: Status.COMPLETED},
    Event.RETURN_APPROVED: {Status.REVIEW: Status.REFUND_PENDING},
    Event.DISMISSED: {Status.REVIEW: Status.FAILED},
    Event.REFUND_STARTED: {Status.COMPLETED: Status.REFUND_PENDING},
    Event.REFUND_COMPLETED: {Status.REFUND_PENDING: Status.REFUNDED},
    Event.REFUND_FAILED: {Status.REFUND_PENDING: Status.COMPLETED},
    Event.RETURN_FAILED: {Status.REFUND_PENDING: Status.REVIEW},
}


def transition(status: Status, event: Event) -> Status | None:
    """Returns the state after an event; None when the event changes nothing there."""
    return _NEXT[event].get(status)
