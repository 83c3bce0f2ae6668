"""Wire models of payments: what a tenant asks for, and what becomes of it."""

from typing import Annotated, Any, Literal, LiteralString, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from mifumo import phone
from mifumo.phone import InvalidNumber, Msisdn
from mifumo.wire import Answer, Request

from .catalogue_models import PackageId, WalletCode
from .payment import Payment
from .progress import Party, Step
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
