"""Catalogue: the plan, and the four wallets that a package can be paid from. The packages are the kernel's."""

from dataclasses import dataclass
from typing import Final

from mifumo.errors import AppError
from mifumo.packages import Package
from mifumo.phone import Operator


@dataclass(frozen=True, slots=True)
class Wallet:
    """A mobile-money wallet; one push may ask for no less and no more than its limits, in whole TZS."""

    code: Operator
    name: str
    description: str
    popular: bool
    amount_min_tzs: int
    amount_max_tzs: int


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
    """The wallet moves less than this, or more, in one push."""

    status = 422
    code = "amount_outside_limits"
    title = "This wallet does not take that amount"

    def __init__(self, package: Package, wallet: Wallet) -> None:
        super().__init__(
            f"{package.name} costs {package.price_tzs:,} TZS; {wallet.name} takes {wallet.amount_min_tzs:,} to "
            f"{wallet.amount_max_tzs:,} TZS at once. Ask us for a bank transfer.",
            amount=package.price_tzs,
            min_amount=wallet.amount_min_tzs,
            max_amount=wallet.amount_max_tzs,
        )


def require_payable(package: Package, wallet: Wallet) -> None:
    """Raises AmountOutsideLimits unless one push from the wallet can pay for the package."""
    if not wallet.amount_min_tzs <= package.price_tzs <= wallet.amount_max_tzs:
        raise AmountOutsideLimits(package, wallet)
