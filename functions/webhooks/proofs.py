"""Proofs: what a provider shows to prove itself, compared in constant time."""

import hmac
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from mifumo import aws, clock
from mifumo.errors import Busy, Forbidden, Unauthenticated
from mifumo.observability import count, logger
from mifumo.providers import clickpesa_checksum, zenopay
from mifumo.providers.pawapay import PawaPay
from mifumo.providers.payments import ProviderUnavailableError
from mifumo.settings import Settings

from . import http_signatures
from .http_signatures import Outcome, Request
from .key_ring import KeyRing

PAWAPAY_PATH: Final = "/api/webhooks/payments/pawapay/"
PAWAPAY_REFUNDS_PATH: Final = "/api/webhooks/payments/pawapay/refunds/"
PAWAPAY_STATEMENTS_PATH: Final = "/api/webhooks/payments/pawapay/statements/"
# A provider that waits for our answer is told to come again, rather than kept waiting for its own keys.
_KEYS_TIMEOUT_S = 3.0


class CallbackSettings(Settings):
    """The secrets that providers share with us, where pawaPay publishes its keys, and the origin that it calls back."""

    beem_secret: str
    zenopay_secret: str
    pawapay_secret: str
    pawapay_url: str
    clickpesa_secret: str
    public_url: str


class CallbackRefused(Forbidden):
    """The call does not prove that it comes from the provider; nothing of it was kept."""

    code = "callback_refused"
    title = "This callback was refused"


class SignatureRefused(Unauthenticated):
    """The signature or checksum is not its provider's over these very bytes; nothing of the call was kept."""

    code = "signature_refused"
    title = "This callback's signature was refused"


def require_pawapay_signature(path: str, method: str, headers: Mapping[str, str], body: bytes) -> str:
    """Returns what the signature proves; raises SignatureRefused, and Busy as long as the keys cannot be read.

    It speaks of the address that pawaPay was given, of which `path` is ours, whatever host the call has reached us by.
    """
    settings = CallbackSettings.load()
    token = aws.secret(settings.pawapay_secret)["token"]
    if not token:
        raise _signature_refusal("pawapay", "not_set_up")
    request = Request(method, urlsplit(settings.public_url).netloc, path, headers, body)
    try:
        verdict = http_signatures.verify(request, keys=_ring(settings.pawapay_url, token).find, now=clock.epoch())
    except ProviderUnavailableError as error:
        raise Busy from error
    match verdict.outcome:
        case Outcome.VERIFIED:
            return "signed_fresh"
        case Outcome.STALE:
            count("CallbackStale")
            return "stale"
        case _:
            raise _signature_refusal("pawapay", str(verdict.reason))


def require_clickpesa_checksum(headers: Mapping[str, str], body: bytes) -> None:
    """Raises SignatureRefused unless the body carries the checksum of our application's key, or its header does."""
    arn, header = CallbackSettings.load().clickpesa_secret, headers.get(clickpesa_checksum.HEADER)
    if clickpesa_checksum.proves(body, aws.secret(arn)["checksum_key"], header=header):
        return
    fresh = aws.secret(arn, fresh_since=clock.epoch() - aws.REFRESH_S)
    if not clickpesa_checksum.proves(body, fresh["checksum_key"], header=header):
        raise _signature_refusal("clickpesa", "checksum_wrong")


@lru_cache(maxsize=2)
def _ring(url: str, token: str) -> KeyRing:
    """Keeps one environment's keys for the life of the process; sandbox and production have rings of their own."""
    return KeyRing(PawaPay(url=url, token=token, timeout_s=_KEYS_TIMEOUT_S).public_keys)


def _signature_refusal(provider: str, reason: str) -> SignatureRefused:
    logger.warning("callback refused", provider=provider, reason=reason)
    count("CallbackRefused")
    return SignatureRefused("The call does not carry its provider's signature over these bytes.")


def require_zenopay_key(shown: str | None) -> None:
    """Raises CallbackRefused unless the caller shows our own key, as ZenoPay does; no header is no proof."""
    _require(CallbackSettings.load().zenopay_secret, "api_key", shown or "")


def require_zenopay_token(token: str, *, order_id: str) -> None:
    """Raises CallbackRefused unless the address is the one that we made for this order."""
    token_key = aws.secret(CallbackSettings.load().zenopay_secret)["token_key"]
    if not _same(token, zenopay.callback_token(token_key, order_id) if token_key else ""):
        raise _refusal()


def require_beem_token(token: str) -> None:
    """Raises CallbackRefused unless the address carries the token that Beem was given."""
    _require(CallbackSettings.load().beem_secret, "callback_token", token)


def _require(arn: str, member: str, shown: str) -> None:
    if _same(shown, aws.secret(arn)[member]):
        return
    fresh = aws.secret(arn, fresh_since=clock.epoch() - aws.REFRESH_S)
    if not _same(shown, fresh[member]):
        raise _refusal()


def _same(shown: str, expected: str) -> bool:
    """Compares in constant time; a secret that was never put in opens nothing."""
    return bool(expected) and hmac.compare_digest(shown.encode(), expected.encode())


def _refusal() -> CallbackRefused:
    count("CallbackRefused")
    return CallbackRefused("The call does not carry the proof that its provider was given.")
