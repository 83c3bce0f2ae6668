"""Accounts: ours at the payment providers, each with its secret, its address and the client that speaks for it.

A provider whose secret nobody has put in is not there, and everything else works without it.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Final

from pydantic import BeforeValidator

from mifumo import aws, clock
from mifumo.providers import clickpesa, pawapay, zenopay
from mifumo.providers.clickpesa_records import FeeBearer, FeeTerms
from mifumo.providers.payments import PaymentProvider
from mifumo.settings import Settings


def _fee_terms(text: object) -> object:
    """Reads `merchant:30`: who bears the fee, and how many thousandths of an amount it is at most."""
    if not isinstance(text, str):
        return text
    bearer, _, permille = text.partition(":")
    return FeeTerms(FeeBearer(bearer), int(permille or 0))


class AccountSettings(Settings):
    """Our accounts' secrets, the providers' addresses, and how long to wait for an answer."""

    zenopay_secret: str
    zenopay_url: str
    pawapay_secret: str
    pawapay_url: str
    clickpesa_secret: str
    clickpesa_url: str
    clickpesa_fees: Annotated[FeeTerms, BeforeValidator(_fee_terms)]
    provider_timeout_s: float


# A question that only helps may take this long, so that there is time for the push itself.
_QUICK_S = 2.0


class AccountMissing(Exception):
    """Members of the provider's secret are empty; it names them, and they are for the staff to read."""

    def __init__(self, provider: str, members: tuple[str, ...]) -> None:
        super().__init__(f"the secret of {provider} lacks {', '.join(members)}")
        self.members = members


_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    zenopay.NAME: ("api_key",),
    pawapay.NAME: ("token",),
    clickpesa.NAME: ("client_id", "api_key", "checksum_key"),
}
"""The providers, and what each of their secrets has to hold."""

PROVIDERS: Final = tuple(_REQUIRED)


def client(provider: str) -> PaymentProvider:
    """Returns the client of a provider; raises AccountMissing as long as its secret is not complete."""
    return _client(provider, AccountSettings.load().provider_timeout_s)


def quick_client(provider: str) -> PaymentProvider:
    """Returns a client that does not wait long, for what may stay unanswered; raises AccountMissing."""
    return _client(provider, min(_QUICK_S, AccountSettings.load().provider_timeout_s))


def _client(provider: str, timeout_s: float) -> PaymentProvider:
    keys, url = secret(provider), getattr(AccountSettings.load(), f"{provider}_url")
    return _made(provider, url, tuple(keys[member] for member in _REQUIRED[provider]), timeout_s)


def missing(provider: str) -> tuple[str, ...]:
    """Names the members that the provider's secret lacks; none when it is complete."""
    try:
        secret(provider)
    except AccountMissing as refusal:
        return refusal.members
    return ()


def secret(provider: str) -> dict[str, str]:
    """Reads a provider's secret, and once more if it is not complete; raises AccountMissing."""
    arn = _arn(provider)
    keys = aws.secret(arn)
    if _lacking(provider, keys):
        keys = aws.secret(arn, fresh_since=clock.epoch() - aws.REFRESH_S)
    if lacking := _lacking(provider, keys):
        raise AccountMissing(provider, lacking)
    return keys


def _arn(provider: str) -> str:
    arn: str = getattr(AccountSettings.load(), f"{provider}_secret")
    return arn


def _lacking(provider: str, keys: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(member for member in _REQUIRED[provider] if not keys.get(member))


@lru_cache(maxsize=4 * len(_REQUIRED))
def _made(provider: str, url: str, keys: tuple[str, ...], timeout_s: float) -> PaymentProvider:
    """Keeps a provider's connection and token from one message to the next, until a key is another one."""
    return _MAKERS[provider](url, keys, timeout_s)


def _zenopay(url: str, keys: tuple[str, ...], timeout_s: float) -> PaymentProvider:
    (api_key,) = keys
    return zenopay.ZenoPay(url=url, api_key=api_key, timeout_s=timeout_s)


def _pawapay(url: str, keys: tuple[str, ...], timeout_s: float) -> PaymentProvider:
    (token,) = keys
    return pawapay.PawaPay(url=url, token=token, timeout_s=timeout_s)


def _clickpesa(url: str, keys: tuple[str, ...], timeout_s: float) -> PaymentProvider:
    client_id, api_key, checksum_key = keys
    return clickpesa.ClickPesa(
        url=url, client_id=client_id, api_key=api_key, checksum_key=checksum_key, timeout_s=timeout_s
    )


_MAKERS: Final[Mapping[str, Callable[[str, tuple[str, ...], float], PaymentProvider]]] = {
    zenopay.NAME: _zenopay,
    pawapay.NAME: _pawapay,
    clickpesa.NAME: _clickpesa,
}
