"""Order: what a tenant wants to buy, from which wallet, paid by whom; for the first time or in place of a payment that
brought no money."""

from dataclasses import dataclass
from typing import Final

from mifumo import clock, ids, quotes
from mifumo.callers import Principal
from mifumo.ids import PaymentId
from mifumo.packages import PACKAGES, Package
from mifumo.phone import Msisdn, Operator
from mifumo.writes import Write

from . import offers, outcomes, payment_marks, payments
from .catalogue import WALLETS, Wallet
from .desks import BANK
from .gateway import ProviderUnavailable
from .offers import Offer
from .outcomes import NotRepeatable
from .payment import Payment
from .schedule import PaymentSettings

INITIATE: Final = "payments/initiate"
_RETRY: Final = "payments/retry"
# Attempts under one Idempotency-Key that each found nobody at the provider's.
ATTEMPTS_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class Order:
    """An offer, the wallet that pays, and its number."""

    offer: Offer
    wallet: Wallet
    phone: Msisdn
    retry_of: Payment | None = None
    """The payment whose place this one takes."""
    freed: PaymentId | None = None
    """The payment that had the quote, or that place, and is known to bring no money."""

    @property
    def fingerprint(self) -> str:
        """Tells two orders apart that come with the same Idempotency-Key."""
        again = (self.retry_of.id,) if self.retry_of else ()
        return ids.fingerprint(self.offer.asked, self.wallet.code, self.phone, *again)

    @property
    def route(self) -> str:
        """Names the kind of request, which has Idempotency-Keys of its own."""
        return _RETRY if self.retry_of else INITIATE

    def claims(self, payment: Payment, freed: PaymentId | None) -> list[Write]:
        """Lets a payment alone pay for the quote, and take the place of the one that it is made for.

        `freed` had both before, and nobody was asked for its money.
        """
        claims = []
        if self.retry_of:
            claims.append(payment_marks.retried(self.retry_of, payment.id, instead_of=freed))
        if quote := self.offer.quote:
            # What was begun with a quote goes on at its price, for as long as the first payment is watched.
            since = clock.after(-PaymentSettings.load().payment_watch_s) if self.retry_of else None
            claims.append(quotes.take(quote, payment.id, instead_of=freed, since=since))
        return claims


def of_package(package: Package, wallet: Wallet, phone: Msisdn) -> Order:
    """Orders a package at today's price."""
    return Order(Offer.of_package(package), wallet, phone)


def of_quote(caller: Principal, key: str, quote_id: str, *, wallet: Wallet, phone: Msisdn) -> Order:
    """Orders what was quoted; raises NotFound, and OutcomeOpen or NotRepeatable for another payment of it."""
    offer = offers.quoted(caller.tenant_id, quote_id)
    holder = offer.quote.payment_id if offer.quote else None
    if holder and holder not in attempts(caller, key, INITIATE):
        outcomes.require_none(holder)
    return Order(offer, wallet, phone, freed=holder)


def again(caller: Principal, payment_id: str) -> Order:
    """Orders once more what a payment was for, from the same wallet.

    Raises NotFound, NotRepeatable, OutcomeOpen, Busy and ProviderUnavailable.
    """
    payment = payments.find(caller.tenant_id, payment_id)
    if payment.gateway == BANK:
        raise NotRepeatable("Ask for another bank transfer: it gets a reference of its own.")
    if not payment.phone:
        raise NotRepeatable("Its number was erased: begin a new payment.")
    freed = payment.retried_as or payment.id
    if payment.retried_as is None or _unheard(payment.retried_as):
        payment = outcomes.require_none(payment.id)
    else:
        freed = payment.id  # a replay meets its payment, and anybody else is told of it
    return Order(_offer(payment), WALLETS[Operator(payment.wallet)], Msisdn(payment.phone), payment, freed)


def attempts(caller: Principal, key: str, route: str) -> list[PaymentId]:
    """Lists the ids that payments of one request can have: they follow from tenant, route, key and attempt."""
    parts = [(caller.tenant_id, route, key, str(attempt)) for attempt in range(ATTEMPTS_MAX)]
    return [PaymentId(ids.derived_uuid(*part)) for part in parts]


def _unheard(payment_id: PaymentId) -> bool:
    """Tells whether a payment's push never came to be."""
    payment = payments.read(payment_id)
    return payment is not None and payment.failure_code == ProviderUnavailable.code


def _offer(payment: Payment) -> Offer:
    """Offers the same once more: what was quoted at its price, a package at today's."""
    if payment.quote:
        return offers.quoted(payment.tenant, payment.quote)
    if payment.package is None:
        raise LookupError(f"payment {payment.id} is of neither a quote nor a package")
    return Offer.of_package(PACKAGES[payment.package])
