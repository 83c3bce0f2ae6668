"""Bank: the account that transfers go to, where the deployment was told of one."""

from dataclasses import dataclass

from mifumo.errors import AppError
from mifumo.settings import Settings


class BankSettings(Settings):
    """The account that transfers go to; without a number there are no transfers."""

    bank_name: str
    bank_account_name: str
    bank_account_number: str
    bank_swift: str


class TransfersUnavailable(AppError):
    """This deployment has no bank account to pay into."""

    status = 503
    code = "transfers_unavailable"
    title = "Bank transfers are not set up"


@dataclass(frozen=True, slots=True)
class Account:
    """Where the money goes."""

    bank: str
    name: str
    number: str
    swift: str


def account() -> Account:
    """Returns the account that transfers go to; raises TransfersUnavailable."""
    settings = BankSettings.load()
    if missing():
        raise TransfersUnavailable("Choose an amount that a wallet takes.")
    return Account(settings.bank_name, settings.bank_account_name, settings.bank_account_number, settings.bank_swift)


def missing() -> tuple[str, ...]:
    """Lists what the deployment was not told, and what transfers wait for."""
    settings = BankSettings.load()
    told = {
        "bank": settings.bank_name,
        "name": settings.bank_account_name,
        "number": settings.bank_account_number,
        "swift": settings.bank_swift,
    }
    return tuple(name for name, value in told.items() if not value)
