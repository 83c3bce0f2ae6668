"""Progress: a payment's steps as its tenant may see them: what happened, when, and who brought it about.

Who of the platform's people decided, and what they noted, is not told.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mifumo.aws import Item

from .desks import BANK
from .states import Event, Status


class Party(StrEnum):
    """Who brought a step about."""

    TENANT = "tenant"
    PROVIDER = "provider"
    PLATFORM = "platform"
    """Our own clock, and what it found out."""
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a payment's history."""

    what: str
    status: Status
    at: str
    by: Party


_BY: Final = {
    "initiated": Party.TENANT,
    Event.WITHDRAWN: Party.TENANT,
    Event.ACCEPTED: Party.PROVIDER,
    Event.REFUSED: Party.PROVIDER,
    Event.PAID: Party.PROVIDER,
    Event.FAILED: Party.PROVIDER,
    Event.CANCELLED: Party.PROVIDER,
    Event.NEVER_RECEIVED: Party.PROVIDER,
    Event.MISMATCHED: Party.PROVIDER,
    Event.UNKNOWN: Party.PLATFORM,
    Event.EXPIRED: Party.PLATFORM,
    Event.UNRESOLVED: Party.PLATFORM,
    Event.CREDIT_APPROVED: Party.STAFF,
    Event.RETURN_APPROVED: Party.STAFF,
    Event.DISMISSED: Party.STAFF,
    Event.REFUND_STARTED: Party.STAFF,
    Event.REFUND_COMPLETED: Party.PROVIDER,
    Event.REFUND_FAILED: Party.PROVIDER,
    Event.RETURN_FAILED: Party.PROVIDER,
}


def steps(gateway: str, history: Iterable[Item]) -> list[Step]:
    """Tells a payment's history, oldest step first. What a bank brings, the staff have found in its statement."""
    return [Step(row["trigger"], Status(row["after"]), row["at"], _by(gateway, row["trigger"])) for row in history]


def _by(gateway: str, trigger: str) -> Party:
    party = _BY[trigger]
    return Party.STAFF if party is Party.PROVIDER and gateway == BANK else party
