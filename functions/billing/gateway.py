"""Gateway: asks the provider of a payment what became of it: the one that it was pushed through, and no other."""

from typing import cast

from mifumo.circuits import Circuit
from mifumo.errors import AppError
from mifumo.observability import count, logger
from mifumo.providers import clickpesa
from mifumo.providers.payments import PaymentProvider, RefundingProvider, Standing, Statement

from . import accounts, circuits
from .accounts import AccountMissing, AccountSettings
from .desks import BANK
from .payment import Payment


class ProviderUnavailable(AppError):
    """No payment provider takes anything from us now; nobody was asked for money."""

    status = 503
    code = "provider_unavailable"
    title = "The payment provider cannot be reached"
    retryable = True


def provider(name: str) -> PaymentProvider:
    """Returns a provider by name, to ask what became of a payment; raises ProviderUnavailable without its secret."""
    try:
        return accounts.client(name)
    except AccountMissing as missing:
        logger.error("payment provider has no account", provider=name, missing=missing.members)
        count("PaymentAccountMissing")
        raise ProviderUnavailable("Payments through this provider are not set up.") from missing


def fetch_status(payment: Payment, circuit: Circuit) -> Statement:
    """Asks the provider of a payment where it stands, and remembers whether it answered."""
    statement = provider(payment.gateway).fetch_status(payment.order_id)
    if statement.standing is Standing.UNAVAILABLE:
        circuits.silent(payment.gateway, statement.detail)
    else:
        circuits.answered(circuit)
    return statement


def keeps_every_push(payment: Payment) -> bool:
    """Tells whether the provider knows each push by our reference, so that one which it has not heard of never was."""
    return provider(payment.gateway).capabilities.repeatable


def refunding(name: str) -> RefundingProvider | None:
    """Returns the provider of that name if it sends money back; None leaves it to people.

    Raises ProviderUnavailable.
    """
    found = provider(name) if name != BANK else None
    return cast("RefundingProvider", found) if found and found.capabilities.refunds else None


def settles(payment: Payment, statement: Statement) -> bool:
    """Tells whether what was paid is what was asked for; ClickPesa may count its fee in, if the account says so."""
    if statement.currency != payment.currency:
        return False
    if payment.gateway != clickpesa.NAME:
        return statement.amount_tzs == payment.amount
    fees = AccountSettings.load().clickpesa_fees
    return fees.settles(asked_tzs=payment.amount, collected_tzs=statement.amount_tzs)
