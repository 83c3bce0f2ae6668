"""Terms: what a provider that tells them takes from each wallet now: least, most, and whether the wallet is up at all.

They are read once a day, by the first who needs them where nobody has, and again when a wallet was closed a minute ago.

| key in `ledger` | what |
|---|---|
| `PROVIDER#<name>` / `TERMS` | `wallets` by their codes, `signed_callbacks`, `read_at` |
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from mifumo import clock, writes
from mifumo.aws import Item
from mifumo.observability import count, logger
from mifumo.phone import Operator
from mifumo.providers.pawapay import PawaPay
from mifumo.providers.payments import Availability, ProviderUnavailableError, WalletTerms
from mifumo.tables import Key
from mifumo.wallets import LedgerSettings

# A wallet that was closed is asked for again by the next who wants to pay from it, this long after the last question.
LOOK_AGAIN_S: Final = 60


@dataclass(frozen=True, slots=True)
class Terms:
    """The wallets of our account at one provider."""

    wallets: Mapping[Operator, WalletTerms]
    signed_callbacks: bool
    read_at: str

    def takes(self, wallet: Operator, amount_tzs: int | None) -> bool:
        """Tells whether the wallet may be asked for the amount; None asks whether it may be asked for any."""
        terms = self.wallets.get(wallet)
        if terms is None or terms.availability is Availability.CLOSED:
            return False
        if amount_tzs is None:
            return True
        least, most = terms.amount_min_tzs, terms.amount_max_tzs
        return (least is None or least <= amount_tzs) and (most is None or amount_tzs <= most)

    def closed(self, wallet: Operator) -> bool:
        """Tells whether the wallet is down, which passes; a wallet that we have never had is not."""
        return wallet in self.wallets and self.wallets[wallet].availability is Availability.CLOSED


class ReadAgain(Exception):
    """Somebody has read the terms after us."""


def key(provider: str) -> Key:
    """Returns the key of a provider's terms."""
    return Key(f"PROVIDER#{provider}", "TERMS")


def of(item: Item | None) -> Terms | None:
    """Reads terms from their item; None where nobody has asked for them yet."""
    if not item:
        return None
    wallets = {
        Operator(code): WalletTerms(
            Availability(stored["availability"]), stored.get("amount_min_tzs"), stored.get("amount_max_tzs")
        )
        for code, stored in item["wallets"].items()
    }
    return Terms(wallets, item["signed_callbacks"], item["read_at"])


def refresh(provider: PawaPay) -> Terms:
    """Asks for the terms and keeps them; raises ProviderUnavailableError."""
    read_at, account = clock.stamp(), provider.terms()
    if not account.signed_callbacks:
        # Without signatures every callback is refused: payments are found by their status alone, and later.
        logger.error("payment provider does not sign its callbacks", provider=provider.name)
        count("PaymentCallbacksUnsigned")
    terms = Terms(account.wallets, account.signed_callbacks, read_at)
    _keep(provider.name, terms)
    return terms


def current(provider: PawaPay, known: Terms | None, wallet: Operator) -> Terms | None:
    """Returns the terms to go by: those that are known, unless they are missing, or say that the wallet is down."""
    if known and not (known.closed(wallet) and known.read_at < clock.after(-LOOK_AGAIN_S)):
        return known
    try:
        return refresh(provider)
    except ProviderUnavailableError as error:
        logger.warning("payment provider did not tell its terms", provider=provider.name, detail=str(error))
        return known


def close(provider: str, known: Terms, wallet: Operator) -> None:
    """Notes that a wallet has just been found down, so that the next push is refused before any call."""
    down = replace(known.wallets.get(wallet, WalletTerms(Availability.CLOSED)), availability=Availability.CLOSED)
    _keep(provider, Terms({**known.wallets, wallet: down}, known.signed_callbacks, clock.stamp()))


def _keep(provider: str, terms: Terms) -> None:
    item = {
        **key(provider)._asdict(),
        "wallets": {str(wallet): _stored(one) for wallet, one in terms.wallets.items()},
        "signed_callbacks": terms.signed_callbacks,
        "read_at": terms.read_at,
    }
    kept = writes.put(
        LedgerSettings.load().ledger_table,
        item,
        condition="attribute_not_exists(read_at) OR read_at <= :read_at",
        values={":read_at": terms.read_at},
        refused=lambda _: ReadAgain(),
    )
    with suppress(ReadAgain):
        writes.commit(kept)


def _stored(terms: WalletTerms) -> Item:
    limits = {"amount_min_tzs": terms.amount_min_tzs, "amount_max_tzs": terms.amount_max_tzs}
    return {"availability": str(terms.availability), **{name: tzs for name, tzs in limits.items() if tzs is not None}}
