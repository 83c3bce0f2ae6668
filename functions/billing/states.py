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
    """What can happen to a payment; `paid`, `failed`, `cancelled` and `mismatched` are the provider's own account."""

    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    MISMATCHED = "mismatched"


WAITING: Final = frozenset({Status.CREATED, Status.PENDING})
ENDED: Final = frozenset({Status.FAILED, Status.EXPIRED, Status.CANCELLED})

# A payment that ended is still open to money that comes late; one that is completed takes no event of a provider.
_NEXT: Final[Mapping[Event, Mapping[Status, Status]]] = {
    Event.ACCEPTED: {Status.CREATED: Status.PENDING, Status.PENDING: Status.PENDING},
    Event.UNKNOWN: {Status.CREATED: Status.PENDING},
    Event.REFUSED: {Status.CREATED: Status.FAILED},
    Event.PAID: dict.fromkeys(WAITING | ENDED, Status.COMPLETED),
    Event.FAILED: dict.fromkeys(WAITING, Status.FAILED),
    Event.CANCELLED: dict.fromkeys(WAITING, Status.CANCELLED),
    Event.EXPIRED: {Status.PENDING: Status.EXPIRED},
    Event.MISMATCHED: dict.fromkeys(WAITING | ENDED, Status.REVIEW),
}


def transition(status: Status, event: Event) -> Status | None:
    """Returns the state after an event; None when the event changes nothing there."""
    return _NEXT[event].get(status)
