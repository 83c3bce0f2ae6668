"""Way: a payment provider that can be asked for a push now. Each wallet has some behind it, in an order.

The next one is asked only where nothing can have reached the one before: its secret is not there, it takes nothing now,
or the push was never sent.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BeforeValidator

from mifumo import buckets, clock, tables
from mifumo.buckets import Bucket, TooManyRequests
from mifumo.circuits import Circuit, State
from mifumo.observability import logger
from mifumo.phone import Msisdn, Operator
from mifumo.providers import pawapay_records, zenopay
from mifumo.providers.pawapay import PawaPay
from mifumo.providers.payments import Initiated, Initiation, PaymentProvider, Push
from mifumo.settings import Settings
from mifumo.wallets import LedgerSettings

from . import accounts, circuits, preflight, terms
from .payment import Payment
from .terms import Terms

# A door has 29 s, and the push that it makes last has to be answered in them.
_FALL_BACK_WITHIN_S: Final = 8


def _routes(text: object) -> object:
    """Reads `vodacom=zenopay,pawapay;tigo=zenopay`: for each wallet its providers, the one to begin with first."""
    if not isinstance(text, str):
        return text
    pairs = (one.partition("=") for one in text.split(";") if one)
    routes = {Operator(wallet): tuple(names.split(",")) for wallet, _, names in pairs}
    unknown = {name for names in routes.values() for name in names} - set(accounts.PROVIDERS)
    if unknown:
        raise ValueError(f"no such payment provider: {', '.join(sorted(unknown))}")
    return MappingProxyType(routes)


class WaySettings(Settings):
    """The providers of each wallet, the origin that they call back, and how many pushes a minute each is sent."""

    payment_providers: Annotated[Mapping[Operator, tuple[str, ...]], BeforeValidator(_routes)]
    public_url: str
    pushes_per_provider: int


@dataclass(frozen=True, slots=True)
class Way:
    """One provider that can be asked now, as it was found."""

    provider: PaymentProvider
    circuit: Circuit
    terms: Terms | None


@dataclass(frozen=True, slots=True)
class Known:
    """What is written down of a provider: whether it answers, and what it takes."""

    circuit: Circuit
    terms: Terms | None

    def takes(self, wallet: Operator) -> bool:
        return self.circuit.state is not State.OPEN and (self.terms is None or self.terms.takes(wallet, None))


@dataclass(frozen=True, slots=True)
class Standing:
    """A provider as the staff see it."""

    provider: str
    missing: tuple[str, ...]
    wallets: tuple[Operator, ...]
    known: Known

    @property
    def available(self) -> bool:
        """Tells whether a push would go to it now, from at least one of its wallets."""
        return not self.missing and any(self.known.takes(wallet) for wallet in self.wallets)


def routes() -> Mapping[Operator, tuple[str, ...]]:
    """Returns the providers behind each wallet, in the order in which they are asked."""
    return WaySettings.load().payment_providers


def standings() -> list[Standing]:
    """Returns how each provider stands, those included that nobody has set up."""
    found, behind = known(accounts.PROVIDERS), routes()
    return [
        Standing(
            provider=name,
            missing=accounts.missing(name),
            wallets=tuple(wallet for wallet, names in behind.items() if name in names),
            known=found[name],
        )
        for name in accounts.PROVIDERS
    ]


def available() -> set[Operator]:
    """Returns the wallets from which a payment can be started now."""
    there = {name for names in routes().values() for name in names if not accounts.missing(name)}
    found = known(there)
    return {
        wallet
        for wallet, names in routes().items()
        if any(found[name].takes(wallet) for name in names if name in found)
    }


def to(wallet: Operator, amount_tzs: int) -> Iterator[Way]:
    """Yields the providers that may be asked for an amount from a wallet, in the stage's order, as long as there is
    time for another one.
    """
    began = clock.now()
    names = [name for name in routes().get(wallet, ()) if not accounts.missing(name)]
    found = known(names)
    for name in names:
        if (clock.now() - began).total_seconds() > _FALL_BACK_WITHIN_S:
            return
        way = _way(name, found[name], wallet, amount_tzs)
        if way:
            yield way


def _way(name: str, found: Known, wallet: Operator, amount_tzs: int) -> Way | None:
    if found.circuit.state is State.OPEN:
        return None
    now = found.terms
    if isinstance(quick := accounts.quick_client(name), PawaPay):
        now = terms.current(quick, now, wallet)
    if (now and not now.takes(wallet, amount_tzs)) or not _within_limit(name) or not circuits.enter(found.circuit):
        return None
    return Way(accounts.client(name), found.circuit, now)


def _within_limit(name: str) -> bool:
    """Tells whether the provider may be sent one more push this minute."""
    try:
        buckets.take(Bucket("pushes", name, WaySettings.load().pushes_per_provider))
    except TooManyRequests:
        logger.warning("payment provider has had its pushes of this minute", provider=name)
        return False
    return True


def known(names: Collection[str]) -> dict[str, Known]:
    """Reads what is written down of some providers, in one call."""
    table = LedgerSettings.load().ledger_table
    if not names:
        return {}
    keys = [(table, key) for name in names for key in (circuits.key(name), terms.key(name))]
    found = tables.read(*keys, consistent=False)
    return {
        name: Known(
            circuits.of(name, found.get((table, circuits.key(name)))),
            terms.of(found.get((table, terms.key(name)))),
        )
        for name in names
    }


def willing(way: Way, payment: Payment, *, buyer: str) -> bool:
    """Tells whether the provider would take the push; raises ValidationFailed for a number of another wallet."""
    quick = accounts.quick_client(way.provider.name)
    return preflight.takes(quick, push(payment, buyer=buyer))


def initiate(way: Way, payment: Payment, *, buyer: str) -> Initiated:
    """Asks the payer's handset, once, and remembers what the answer says of the provider."""
    initiated = way.provider.initiate(push(payment, buyer=buyer))
    if initiated.code == pawapay_records.WALLET_DOWN and way.terms:
        terms.close(way.provider.name, way.terms, Operator(payment.wallet))
    elif initiated.initiation in {Initiation.NOT_SENT, Initiation.UNKNOWN}:
        circuits.silent(way.provider.name, initiated.detail)
        return initiated
    circuits.answered(way.circuit)
    return initiated


def push(payment: Payment, *, buyer: str) -> Push:
    """Makes the request to the payer's handset.

    The address of the callback is ours alone to build: ZenoPay's key travels there. ZenoPay wants an e-mail address and
    gets one of the platform's; the payer is known by number.
    """
    public_url = WaySettings.load().public_url
    host = public_url.partition("://")[2].partition(":")[0]
    return Push(
        order_id=payment.order_id,
        amount_tzs=payment.amount,
        phone=Msisdn(payment.phone),
        buyer_name=buyer,
        buyer_email=f"billing@{host}",
        callback_url=_callback_url(public_url, payment) if payment.gateway == zenopay.NAME else "",
        wallet=Operator(payment.wallet),
    )


def _callback_url(public_url: str, payment: Payment) -> str:
    """Returns an address for this order alone. The other providers have one address, which their dashboards keep."""
    token = zenopay.callback_token(accounts.secret(zenopay.NAME)["token_key"], payment.order_id)
    return f"{public_url}/api/webhooks/payments/{zenopay.NAME}/{token}/"
