"""Catalogue: the plan, and the four wallets that a package can be paid from. The packages are the kernel's."""

from dataclasses import dataclass
from typing import Final

from mifumo.errors import AppError
from mifumo.phone import Operator

from . import bank
from .desks import BANK


@dataclass(frozen=True, slots=True)
class Wallet:
    """A mobile-money wallet; one push may ask for no less and no more than its limits, in whole TZS."""

    code: Operator
    name: str
    description: str
    popular: bool
    amount_min_tzs: int
    amount_max_tzs: int

    def takes(self, amount_tzs: int) -> bool:
        """Tells whether one push can move the amount."""
        return self.amount_min_tzs <= amount_tzs <= self.amount_max_tzs


WALLETS: Final = {
    wallet.code: wallet
    for wallet in (
        Wallet(Operator.VODACOM, "Vodacom M-Pesa", "Pay with M-Pesa via Vodacom", True, 1_000, 1_000_000),
        Wallet(Operator.TIGO, "Mixx by Yas (Tigo Pesa)", "Pay with Mixx by Yas", True, 1_000, 1_000_000),
        Wallet(Operator.AIRTEL, "Airtel Money", "Pay with Airtel Money", True, 1_000, 1_000_000),
        Wallet(Operator.HALOTEL, "HaloPesa", "Pay with HaloPesa via Halotel", False, 1_000, 500_000),
    )
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A subscription with its limits."""

    id: str
    name: str
    kind: str
    price_tzs: int
    cycle: str
    contacts_max: int
    campaigns_max: int
    sms_per_month_max: int


PLANS: Final = (Plan("sms-service", "SMS Service Plan", "basic", 10_000, "monthly", 1_000, 10, 1_000),)


class AmountOutsideLimits(AppError):
    """The wallet moves less than this, or more, in one push; `pay_by` lists what takes the amount."""

    status = 422
    code = "amount_outside_limits"
    title = "This wallet does not take that amount"

    def __init__(self, amount_tzs: int, wallet: Wallet) -> None:
        ways = ways_to_pay(amount_tzs)
        super().__init__(
            f"This costs {amount_tzs:,} TZS; {wallet.name} takes {wallet.amount_min_tzs:,} to "
            f"{wallet.amount_max_tzs:,} TZS at once. {_advice(ways)}.",
            amount=amount_tzs,
            min_amount=wallet.amount_min_tzs,
            max_amount=wallet.amount_max_tzs,
            pay_by=list(ways),
        )


def ways_to_pay(amount_tzs: int) -> tuple[str, ...]:
    """Lists the wallets that take an amount in one push, and the bank, which takes any, where there is one."""
    wallets = (wallet.code.value for wallet in WALLETS.values() if wallet.takes(amount_tzs))
    return (*wallets, *(() if bank.missing() else (BANK,)))


def _advice(ways: tuple[str, ...]) -> str:
    if not ways:
        return "Choose an amount that a wallet takes"
    return "Pay by bank transfer: POST /api/billing/transfers/" if ways == (BANK,) else "Choose another wallet"


def require_payable(amount_tzs: int, wallet: Wallet) -> None:
    """Raises AmountOutsideLimits unless one push from the wallet can move the amount."""
    if not wallet.takes(amount_tzs):
        raise AmountOutsideLimits(amount_tzs, wallet)
