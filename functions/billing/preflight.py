"""Preflight: what a provider tells about a push before anybody is asked for money.

A provider that does not tell is no reason to turn a payer away: the push itself says whether it can be.
"""

from collections.abc import Mapping
from typing import Final

from mifumo.errors import ValidationFailed
from mifumo.observability import logger
from mifumo.phone import Operator
from mifumo.providers.clickpesa import ClickPesa
from mifumo.providers.pawapay import PawaPay
from mifumo.providers.payments import PaymentProvider, ProviderUnavailableError, Push

_METHODS: Final[Mapping[Operator, str]] = {
    Operator.VODACOM: "M-PESA",
    Operator.TIGO: "TIGO-PESA",
    Operator.AIRTEL: "AIRTEL-MONEY",
    Operator.HALOTEL: "HALOPESA",
}
"""ClickPesa's names of the wallets."""


def takes(provider: PaymentProvider, push: Push) -> bool:
    """Tells whether the provider would take the push; refuses a number that is not of the wallet."""
    match provider:
        case PawaPay():
            _require_number_of_wallet(provider, push)
            return True
        case ClickPesa():
            return _offers(provider, push)
        case _:
            return True


def _require_number_of_wallet(provider: PawaPay, push: Push) -> None:
    """Raises ValidationFailed when the number is known to have another wallet: numbers move between networks."""
    try:
        found = provider.predict_wallet(push.phone)
    except ProviderUnavailableError:
        return
    if found is not None and found is not push.wallet:
        raise ValidationFailed.of("/phone", "wallet_mismatch", f"This number has its wallet at {found}, not there.")


def _offers(provider: ClickPesa, push: Push) -> bool:
    """Tells whether ClickPesa can reach the wallet now; one that it does not list is left to the push."""
    try:
        methods = {method.name: method for method in provider.preview(push)}
    except ProviderUnavailableError as error:
        logger.warning("payment provider gave no preview", provider=provider.name, detail=str(error))
        return True
    method = methods.get(_METHODS.get(push.wallet, "")) if push.wallet else None
    return method is None or method.available
