"""Wire models of the billing routes."""

from typing import Annotated, Any, Literal, LiteralString, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from mifumo import phone
from mifumo.aws import Item
from mifumo.ledger import Kind
from mifumo.packages import Package
from mifumo.phone import InvalidNumber, Msisdn
from mifumo.wallets import Wallet as Credits
from mifumo.wire import Answer, Request

from .catalogue import Plan, Wallet
from .payment import Payment
from .progress import Party, Step
from .statements import Standing
from .states import Status


def _payer(written: object) -> object:
    """Reads the payer's number as people write it; what is wrong with it is the caller's to know."""
    if not isinstance(written, str):
        return written
    try:
        return phone.parse(written)
    except InvalidNumber as refusal:
        code: LiteralString = refusal.reason_code.value  # a closed set of ours
        raise PydanticCustomError(code, "{detail}", {"detail": refusal.detail}) from refusal


PackageId = Literal["lite", "standard", "pro", "enterprise"]
WalletCode = Literal["vodacom", "tigo", "airtel", "halotel"]
_PHONE = Field(min_length=1, max_length=40, description="The payer's mobile number.", examples=["0754123456"])


class PaymentRequest(Request):
    """A package or a quote to pay for, and the wallet that pays; members that are unknown are refused."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"package_id": "lite", "provider": "vodacom", "phone": "0754123456"}]}
    )

    package_id: PackageId | None = Field(default=None, description="The package to buy.", examples=["lite"])
    quote_id: str | None = Field(
        default=None,
        min_length=1,
        max_length=40,
        description="The quote to pay, in place of a package.",
        examples=["01jd8x6q5v7w9y2k4m6p8r0t1a"],
    )
    provider: WalletCode = Field(description="The wallet that pays.", examples=["vodacom"])
    phone: Annotated[str, BeforeValidator(_payer), _PHONE]

    @property
    def payer(self) -> Msisdn:
        """The payer's number, which the validator has read."""
        return Msisdn(self.phone)

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if (self.package_id is None) == (self.quote_id is None):
            raise PydanticCustomError("one_of", "Name either package_id or quote_id.")
        return self


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


class PaymentView(Answer):
    """A payment and where it stands."""

    id: str = Field(examples=["01jd8x6q5v7w9y2k4m6p8r0t1a"])
    status: Status = Field(description="`completed` means paid and credited.", examples=["pending"])
    package_id: PackageId | None = Field(
        description="The package, or the largest that the credits contain: its sender IDs come with it."
    )
    quote_id: str | None = Field(description="The quote that it pays.")
    credits: int = Field(examples=[5000])
    amount: int = Field(description="Whole TZS, VAT included.", examples=[150000])
    net: int | None = Field(description="The amount without VAT.", examples=[127119])
    vat: int | None = Field(examples=[22881])
    vat_rate: int | None = Field(description="In hundredths of a percent.", examples=[1800])
    currency: Literal["TZS"] = "TZS"
    provider: WalletCode | Literal["bank"] = Field(description="The wallet that pays, or `bank` for a transfer.")
    phone: str | None = Field(
        description="The payer's number; null for a transfer, and once it was erased.", examples=["+255754123456"]
    )
    reference: str | None = Field(description="What a bank transfer is marked with.", examples=["RF45MF7K3M9QX2"])
    failure_code: str | None = Field(description="Why it ended without a credit.", examples=["payment_failed"])
    receipt: str | None = Field(description="The operator's number of the transaction.", examples=["CEJ3I3SETSN"])
    retry_of: str | None = Field(description="The payment whose place it takes.")
    retried_as: str | None = Field(description="The payment that has taken its place.")
    created_at: str = Field(examples=["2026-01-31T09:30:00.000Z"])
    expires_at: str = Field(description="When an unanswered push ends.", examples=["2026-01-31T10:00:00.000Z"])
    completed_at: str | None

    @classmethod
    def of(cls, payment: Payment, **more: Any) -> Self:
        """Shows a payment."""
        renamed: dict[str, Any] = {"package_id": payment.package, "quote_id": payment.quote, "provider": payment.wallet}
        same = cls.model_fields.keys() - {*renamed, *more, "phone", "currency"}
        kept = {name: getattr(payment, name) for name in same}
        return cls(**kept, **renamed, phone=payment.phone or None, **more)


class StepView(Answer):
    """A step that a payment has taken."""

    what: str = Field(description="`initiated`, `accepted`, `paid`, `expired`, ...", examples=["paid"])
    status: Status = Field(description="Where the payment stood after it.", examples=["completed"])
    at: str = Field(examples=["2026-01-31T09:30:12.000Z"])
    by: Party = Field(description="Who brought it about.", examples=["provider"])

    @classmethod
    def of(cls, step: Step) -> Self:
        """Shows a step."""
        return cls(what=step.what, status=step.status, at=step.at, by=step.by)


class PaymentProgress(PaymentView):
    """A payment with every step that it has taken."""

    steps: list[StepView] = Field(description="Oldest first.")


class PaymentPage(Answer):
    """A page of payments, newest first."""

    items: list[PaymentView]
    next: str | None = Field(description="The cursor of the next page, null at the end.")


class Balance(Answer):
    """What the tenant has."""

    available: int = Field(description="Credits to spend.", examples=[5000])
    held: int = Field(description="Credits set aside for texts on their way.", examples=[0])
    package: PackageId | None = Field(description="The best package ever completed.")
    updated_at: str | None

    @classmethod
    def of(cls, wallet: Credits) -> Self:
        """Shows a wallet of credits."""
        return cls(
            available=wallet.available,
            held=wallet.held,
            package=wallet.package,  # type: ignore[arg-type] # only packages are written there
            updated_at=wallet.updated_at,
        )


class EntryView(Answer):
    """A line of the statement."""

    seq: int = Field(description="Numbered without gaps.", examples=[1])
    kind: Kind
    amount: int = Field(description="Credits moved.", examples=[5000])
    available_delta: int = Field(examples=[5000])
    held_delta: int = Field(examples=[0])
    available_after: int = Field(examples=[5000])
    held_after: int = Field(examples=[0])
    reference: str = Field(description="The payment, batch or adjustment that it belongs to.")
    payment_id: str | None = Field(description="The payment that it belongs to: `/api/billing/payments/{id}/`.")
    batch_id: str | None = Field(description="The batch that it belongs to: `/api/sms/batches/{id}/`.")
    created_at: str

    @classmethod
    def of(cls, entry: Item) -> Self:
        """Shows an entry; its item's attributes have the names of the fields, and its record says what it is of."""
        record, reference = entry.get("txn", ""), entry["reference"]
        of_payment = record.startswith(("pay:", "hold:refund:"))
        links: Item = {
            "payment_id": reference if of_payment else None,
            "batch_id": reference if record.startswith("hold:") and not of_payment else None,
        }
        return cls(**links, **{name: entry[name] for name in cls.model_fields if name not in links})


class BalanceThen(Answer):
    """What the tenant had at a moment."""

    available: int = Field(examples=[5000])
    held: int = Field(examples=[0])

    @classmethod
    def of(cls, standing: Standing) -> Self:
        """Shows what stood."""
        return cls(available=standing.available, held=standing.held)


class EntryPage(Answer):
    """A page of the statement, newest first."""

    items: list[EntryView]
    next: str | None = Field(description="The cursor of the next page, null at the end.")
    opening: BalanceThen | None = Field(description="What stood before the span of time that was asked for, if any.")
    closing: BalanceThen | None = Field(description="What stood after it.")
