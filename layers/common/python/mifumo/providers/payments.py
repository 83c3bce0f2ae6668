"""PaymentProvider: what every mobile-money provider can do for us, without a word about storage.

A provider moves money and we watch: `initiate` asks a payer's handset once, `fetch_status` asks the provider what
became of it. What comes back by itself (a callback) is a hint and moves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from mifumo.phone import Msisdn, Operator


@dataclass(frozen=True, slots=True)
class Push:
    """One request to a payer's handset; `order_id` is ours and the same however often we look."""

    order_id: str
    amount_tzs: int
    phone: Msisdn
    buyer_name: str
    buyer_email: str
    callback_url: str
    """For providers that are told with each push where to call back."""
    wallet: Operator | None = None
    """The payer's wallet, for providers that ask for it; None leaves it to the number's prefix."""


class Initiation(StrEnum):
    """What became of a push, as far as the answer to it tells."""

    ACCEPTED = "accepted"
    """The payer is being asked; nothing is paid yet."""
    REJECTED = "rejected"
    """The provider has definitely refused this push: no money can move."""
    NOT_SENT = "not_sent"
    """It never came to be: nobody was there, or the provider takes nothing from us now. No money can move."""
    UNKNOWN = "unknown"
    """Time-out, reset, 5xx, an answer that says nothing, or "I have that one already": the handset may be ringing.
    Ask, and push again only at a provider that takes the same push twice for one."""


@dataclass(frozen=True, slots=True)
class Initiated:
    """The outcome of a push, with the provider's own words for the staff."""

    initiation: Initiation
    detail: str = ""
    code: str | None = None
    """The provider's own word for why it refuses, if it has one."""


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
    code: str | None = None
    """The provider's own word for why it failed, if it has one."""
    payer: str | None = field(default=None, repr=False)
    """The number that paid, in digits, where the provider tells it."""


@dataclass(frozen=True, slots=True)
class Refund:
    """One return of money to who paid an order; `refund_id` is ours and the same however often we ask."""

    refund_id: str
    order_id: str
    amount_tzs: int


@dataclass(frozen=True, slots=True)
class Period:
    """The span of time that a provider's list is asked for: from `start` until before `end`, both stamps in UTC."""

    start: str
    end: str
    callback_url: str
    """For providers that want to tell somewhere that a list is made; whoever asks looks for it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a provider's own list: money that came in for an order, which may be none of ours."""

    order_id: str
    statement: Statement
    at: str = ""
    """When the provider says that it was."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """Some lines of a list, and where it goes on; None at its end."""

    lines: Sequence[Listed]
    next: str | None
    ready: bool = True
    """Not while the provider is still making the list: ask again, at the same place, in a while."""


class CallbackProof(StrEnum):
    """What a provider's callback proves at its best."""

    SIGNED_FRESH = "signed_fresh"
    """Sender, content and time."""
    SIGNED = "signed"
    """Sender and content; it could have been sent before."""
    SHARED_SECRET = "shared_secret"  # noqa: S105 - a kind of proof, not a secret
    """That somebody knows a secret which travels with each callback."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do for us, by its contract."""

    wallets: frozenset[Operator]
    proof: CallbackProof
    repeatable: bool
    """The same push may be made twice and is taken for one: the way out of an unknown outcome."""
    refunds: bool
    lists: bool = False
    """It tells all payments of a day, ours or not; the others tell of an order that they are asked for."""


class Availability(StrEnum):
    """Whether a wallet can be asked for money now."""

    OPERATIONAL = "operational"
    DELAYED = "delayed"
    CLOSED = "closed"
    """Pushes are refused."""


@dataclass(frozen=True, slots=True)
class WalletTerms:
    """What one wallet takes now; a limit that the provider does not name is None."""

    availability: Availability
    amount_min_tzs: int | None = None
    amount_max_tzs: int | None = None


class MalformedCallback(ValueError):
    """The body of a callback cannot be read."""


@dataclass(frozen=True, slots=True)
class CallbackClaim:
    """What a callback says, which is believed by nobody: it names the order that is to be looked at."""

    order_id: str
    claimed: str
    statement: Statement | None = None
    """All that it says, where a callback can be proven to be the provider's own word."""


class ProviderUnavailableError(Exception):
    """The provider did not say what it was asked for, so nothing may be concluded."""


class PaymentProvider(Protocol):
    """One provider with one merchant account."""

    name: str
    currency: str
    capabilities: Capabilities

    def initiate(self, push: Push) -> Initiated:
        """Asks the payer's handset; call it once for an order, whatever it answers."""

    def fetch_status(self, order_id: str) -> Statement:
        """Asks the provider where an order stands; reads only, so it may be asked as often as we like."""


class RefundingProvider(PaymentProvider, Protocol):
    """A provider that sends money back."""

    def refund(self, refund: Refund) -> Initiated:
        """Sends money back to who paid an order; accepted is not yet sent."""

    def fetch_refund(self, refund_id: str) -> Statement:
        """Asks where a refund stands; reads only."""


class ListingProvider(PaymentProvider, Protocol):
    """A provider that tells all the money that came in for us."""

    def list_payments(self, period: Period, place: str | None) -> ListPage:
        """Reads on in the list of a period, from a place that a page has named, or from its beginning.

        The list of a period that is over is the same each time. Raises ProviderUnavailableError.
        """
