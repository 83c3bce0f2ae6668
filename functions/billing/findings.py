"""Finding: what a look at a payment came to. It is kept with the callback that asked for the look."""

from enum import StrEnum


class Finding(StrEnum):
    """What a look at a payment came to."""

    CREDITED = "credited"
    ENDED = "ended"
    REVIEW = "review"
    OPEN = "open"
    SETTLED = "settled"
    """There was nothing to ask: it is completed, or in the hands of the staff."""
    REFUNDING = "refunding"
    """Its money is on the way back: what there is to ask, `refunds` asks."""
    STALE = "stale"
    """The look has been taken by another one meanwhile."""
    LATER = "later"
    """Somebody asked a moment before this was known: it is looked at again in a moment."""
    UNAVAILABLE = "unavailable"
    ORPHAN = "orphan"
    """There is no such payment."""
