"""Gateway: the payment provider as this stage has it, if its key has been put in."""

from functools import lru_cache
from typing import cast

from mifumo import aws, clock
from mifumo.errors import AppError
from mifumo.phone import Msisdn
from mifumo.providers import zenopay
from mifumo.providers.payments import PaymentProvider, Push, RefundingProvider
from mifumo.settings import Settings

from .desks import BANK
from .payments import Payment


class GatewaySettings(Settings):
    """ZenoPay's account and address, and the origin that it calls back."""

    zenopay_secret: str
    zenopay_url: str
    public_url: str
    provider_timeout_s: float


class ProviderUnavailable(AppError):
    """The payment provider takes nothing from us now; nobody was asked for money."""

    status = 503
    code = "provider_unavailable"
    title = "The payment provider cannot be reached"
    retryable = True


def _secret() -> dict[str, str]:
    arn = GatewaySettings.load().zenopay_secret
    keys = aws.secret(arn)
    return keys if keys["api_key"] else aws.secret(arn, fresh_since=clock.epoch() - aws.REFRESH_S)


def available() -> bool:
    """Tells whether this stage can take payments at all."""
    return bool(_secret()["api_key"])


@lru_cache(maxsize=1)
def _account(url: str, api_key: str, timeout_s: float) -> zenopay.ZenoPay:
    """Keeps the provider's connection from one message to the next, until the key is another one."""
    return zenopay.ZenoPay(url=url, api_key=api_key, timeout_s=timeout_s)


def provider() -> PaymentProvider:
    """Returns the provider; raises ProviderUnavailable as long as nobody has put a key in."""
    settings, api_key = GatewaySettings.load(), _secret()["api_key"]
    if not api_key:
        raise ProviderUnavailable("Payments are not set up yet.")
    return _account(settings.zenopay_url, api_key, settings.provider_timeout_s)


def refunding(name: str) -> RefundingProvider | None:
    """Returns the provider of that name if it sends money back; None leaves it to people.

    Raises ProviderUnavailable.
    """
    found = provider() if name != BANK else None
    if found is None or found.name != name or not found.capabilities.refunds:
        return None
    return cast("RefundingProvider", found)


def push(payment: Payment, *, buyer: str) -> Push:
    """Makes the request to the payer's handset.

    The address of the callback is ours alone to build: our key travels there. ZenoPay wants an e-mail address and gets
    one of the platform's; the payer is known by number.
    """
    public_url = GatewaySettings.load().public_url
    host = public_url.partition("://")[2].partition(":")[0]
    token = zenopay.callback_token(_secret()["token_key"], payment.order_id)
    return Push(
        order_id=payment.order_id,
        amount_tzs=payment.amount,
        phone=Msisdn(payment.phone),
        buyer_name=buyer,
        buyer_email=f"billing@{host}",
        callback_url=f"{public_url}/api/webhooks/payments/{zenopay.NAME}/{token}/",
    )
