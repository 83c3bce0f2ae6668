"""Wire models of what is sold and what it can be paid with."""

from typing import Literal, Self

from pydantic import Field

from mifumo.packages import Package
from mifumo.wire import Answer

from .catalogue import Plan, Wallet

PackageId = Literal["lite", "standard", "pro", "enterprise"]
WalletCode = Literal["vodacom", "tigo", "airtel", "halotel"]


class PackageView(Answer):
    """A package as it is sold."""

    id: PackageId
    name: str = Field(examples=["Lite"])
    credits: int = Field(description="SMS credits; one pays for one part to one recipient.", examples=[5000])
    price: int = Field(description="Whole TZS.", examples=[150000])
    unit_price: int = Field(description="Whole TZS a credit.", examples=[30])
    currency: Literal["TZS"] = "TZS"
    features: list[str] = Field(examples=[["Basic support", "4 Sender IDs"]])
    sender_ids: list[str] = Field(description="The platform's sender IDs that come with it.", examples=[["INFO"]])

    @classmethod
    def of(cls, package: Package) -> Self:
        """Shows a package."""
        return cls(
            id=package.id,  # type: ignore[arg-type] # a test holds the kernel's ids and these together
            name=package.name,
            credits=package.credits,
            price=package.price_tzs,
            unit_price=package.unit_price_tzs,
            features=list(package.features),
            sender_ids=list(package.sender_ids),
        )


class PackageList(Answer):
    """All packages, cheapest first."""

    items: list[PackageView]


class PlanView(Answer):
    """A subscription plan."""

    id: str = Field(examples=["sms-service"])
    name: str = Field(examples=["SMS Service Plan"])
    kind: str = Field(examples=["basic"])
    price: int = Field(description="Whole TZS a cycle.", examples=[10000])
    currency: Literal["TZS"] = "TZS"
    cycle: str = Field(examples=["monthly"])
    max_contacts: int = Field(examples=[1000])
    max_campaigns: int = Field(examples=[10])
    max_sms_per_month: int = Field(examples=[1000])

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Shows a plan."""
        return cls(
            id=plan.id,
            name=plan.name,
            kind=plan.kind,
            price=plan.price_tzs,
            cycle=plan.cycle,
            max_contacts=plan.contacts_max,
            max_campaigns=plan.campaigns_max,
            max_sms_per_month=plan.sms_per_month_max,
        )


class PlanList(Answer):
    """All plans."""

    items: list[PlanView]


class ProviderView(Answer):
    """A mobile-money wallet and what one push from it may ask for."""

    code: WalletCode
    name: str = Field(examples=["Vodacom M-Pesa"])
    description: str = Field(examples=["Pay with M-Pesa via Vodacom"])
    popular: bool
    min_amount: int = Field(description="Whole TZS.", examples=[1000])
    max_amount: int = Field(description="Whole TZS.", examples=[1000000])
    available: bool = Field(description="Whether a payment can be started now.")

    @classmethod
    def of(cls, wallet: Wallet, *, available: bool) -> Self:
        """Shows a wallet."""
        return cls(
            code=wallet.code.value,  # type: ignore[arg-type] # a test holds the catalogue's codes and these together
            name=wallet.name,
            description=wallet.description,
            popular=wallet.popular,
            min_amount=wallet.amount_min_tzs,
            max_amount=wallet.amount_max_tzs,
            available=available,
        )


class ProviderList(Answer):
    """The wallets that can pay."""

    items: list[ProviderView]
