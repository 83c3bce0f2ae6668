"""PaymentProvider: what every mobile-money provider can do for us, without a word about storage.

A provider moves money and we watch: `initiate` asks a payer's handset once, `fetch_status` asks the provider what
became of it. What comes back by itself (a callback) is a hint and moves nothing.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mifumo.phone import Msisdn


@dataclass(frozen=True, slots=True)
class Push:
    """One request to a payer's handset; `order_id` is ours and the same however often we look."""

    order_id: str
    amount_tzs: int
    phone: Msisdn
    buyer_name: str
    buyer_email: str
    callback_url: str


class Initiation(StrEnum):
    """What became of a push, as far as the answer to it tells."""

    ACCEPTED = "accepted"
    """The payer is being asked; nothing is paid yet."""
    REJECTED = "rejected"
    """The provider has definitely refused this push: no money can move."""
    NOT_SENT = "not_sent"
    """It never came to be: nobody was there, or the provider takes nothing from us now. No money can move."""
    UNKNOWN = "unknown"
    """Time-out, reset, 5xx or an answer that says nothing: the handset may be ringing. Ask, never push again."""


@dataclass(frozen=True, slots=True)
class Initiated:
    """The outcome of a push, with the provider's own words for the staff."""

    initiation: Initiation
    detail: str = ""


class Standing(StrEnum):
    """Where a payment stands, by the provider's own account."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PENDING = "pending"
    """Also what every word means that we do not know: it is never taken for a failure."""
    NOT_FOUND = "not_found"
    UNAVAILABLE = "unavailable"
    """The provider did not say: nothing may be concluded."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The provider's account of one order. An amount that could not be read exactly is None, and equals nothing."""

    standing: Standing
    amount_tzs: int | None = None
    currency: str | None = None
    receipt: str | None = None
    """The operator's own number of the transaction; it pays for one order only."""
    channel: str | None = None
    detail: str = ""


class MalformedCallback(ValueError):
    """The body of a callback cannot be read."""


@dataclass(frozen=True, slots=True)
class CallbackClaim:
    """What a callback says, which is believed by nobody: it names the order that is to be looked at."""

    order_id: str
    claimed: str


class ProviderUnavailableError(Exception):
    """The provider did not say what it was asked for, so nothing may be concluded. Not for pushes: they have outcomes."""


class PaymentProvider(Protocol):
    """One provider with one merchant account."""

    name: str
    currency: str

    def initiate(self, push: Push) -> Initiated:
        """Asks the payer's handset; call it once for an order, whatever it answers."""

    def fetch_status(self, order_id: str) -> Statement:
        """Asks the provider where an order stands; reads only, so it may be asked as often as we like."""
