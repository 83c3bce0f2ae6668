"""Proofs: what a provider shows to prove itself, compared in constant time."""

import hmac

from mifumo import aws, clock
from mifumo.errors import Forbidden
from mifumo.observability import count
from mifumo.providers import zenopay
from mifumo.settings import Settings


class CallbackSettings(Settings):
    """The secrets that providers share with us."""

    beem_secret: str
    zenopay_secret: str


class CallbackRefused(Forbidden):
    """The call does not prove that it comes from the provider; nothing of it was kept."""

    code = "callback_refused"
    title = "This callback was refused"


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
