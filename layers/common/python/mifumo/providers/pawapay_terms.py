"""pawaPay's terms: what our account may take from which wallet now, read from its active configuration."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any, Final

from mifumo.observability import logger
from mifumo.phone import Operator
from mifumo.providers import answers
from mifumo.providers.payments import Availability, WalletTerms

_OPERATION: Final = "DEPOSIT"
_LENGTH_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Account:
    """Our account: the wallets that it has been given, and whether pawaPay signs its callbacks to us."""

    signed_callbacks: bool
    wallets: Mapping[Operator, WalletTerms]


def account(conf: object, *, country: str, currency: str, providers: Mapping[Operator, str]) -> Account:
    """Reads the answer of /v2/active-conf."""
    found = answers.member_object(conf)
    wallets = {
        wallet: _terms(deposit)
        for wallet, served in _served(found.get("countries"), country, providers)
        for priced in _objects(served.get("currencies"))
        if priced.get("currency") == currency and (deposit := _operation(priced.get("operationTypes"))) is not None
    }
    signatures = answers.member_object(found.get("signatureConfiguration"))
    return Account(signatures.get("signedCallbacks") is True, wallets)


def availability(
    countries: object, *, country: str, providers: Mapping[Operator, str]
) -> Mapping[Operator, Availability]:
    """Reads the answer of /v2/availability."""
    return {
        wallet: _availability(deposit.get("status"))
        for wallet, served in _served(countries, country, providers)
        if (deposit := _operation(served.get("operationTypes"))) is not None
    }


def _served(
    countries: object, country: str, providers: Mapping[Operator, str]
) -> Iterator[tuple[Operator, dict[str, Any]]]:
    wallets = {provider: wallet for wallet, provider in providers.items()}
    for found in _objects(countries):
        if found.get("country") != country:
            continue
        for served in _objects(found.get("providers")):
            if (wallet := wallets.get(str(served.get("provider")))) is not None:
                yield wallet, served


def _operation(kinds: object) -> dict[str, Any] | None:
    """Finds the deposit among the operations, which come as an object by their kinds, or as a list of one of two forms.

    Each may be the operation itself, or its status alone.
    """
    found: Mapping[str, Any] = answers.member_object(kinds)
    for one in _objects(kinds):
        found = {**found, **({str(one["operationType"]): one} if "operationType" in one else one)}
    operation = found.get(_OPERATION)
    if isinstance(operation, str):
        return {"status": operation}
    return operation if isinstance(operation, dict) else None


def _terms(deposit: dict[str, Any]) -> WalletTerms:
    """Reads the limits inwards to whole shillings, because we ask for no others."""
    return WalletTerms(
        _availability(deposit.get("status")),
        amount_min_tzs=_whole(deposit.get("minAmount", deposit.get("minTransactionLimit")), ROUND_CEILING),
        amount_max_tzs=_whole(deposit.get("maxAmount", deposit.get("maxTransactionLimit")), ROUND_FLOOR),
    )


def _availability(word: object) -> Availability:
    """A word that we do not know is no reason to turn payers away: a push that cannot be is refused by itself."""
    try:
        return Availability(str(word).lower())
    except ValueError:
        logger.warning("provider used an unknown word", word=str(word)[:40])
        return Availability.DELAYED


def _whole(amount: object, rounding: str) -> int | None:
    text = answers.text(amount)
    if text is None or len(text) > _LENGTH_MAX:
        return None
    try:
        whole = Decimal(text).to_integral_value(rounding=rounding)
    except InvalidOperation:
        return None
    return int(whole) if whole.is_finite() and whole >= 0 and whole.adjusted() < _LENGTH_MAX else None


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
