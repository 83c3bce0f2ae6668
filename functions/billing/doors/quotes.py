"""Quotes: what credits cost, offered for a while at a price that stays."""

from typing import Literal, Self

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from functions.billing.catalogue import ways_to_pay
from functions.billing.catalogue_models import PackageId
from mifumo import quotes
from mifumo.errors import NotFound
from mifumo.http import Caller, IdempotencyKey, Replayed, needs
from mifumo.packages import PACKAGES
from mifumo.permissions import Action
from mifumo.prices import CREDITS_MAX, CREDITS_MIN
from mifumo.quotes import Quote
from mifumo.vat import Buyer
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


class QuoteRequest(Request):
    """A package, or a number of credits of the buyer's choice."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"credits": 12000}]})

    package_id: PackageId | None = Field(default=None, description="The package to buy.", examples=["lite"])
    credits: int | None = Field(
        default=None, strict=True, ge=CREDITS_MIN, le=CREDITS_MAX, description="How many, instead.", examples=[12000]
    )
    vat_registered: bool = Field(
        default=False,
        description="Whether the buyer is registered for VAT, which may decide on its rate.",
        examples=[False],
    )

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        if (self.package_id is None) == (self.credits is None):
            raise PydanticCustomError("one_of", "Name either package_id or credits.")
        return self


class QuoteView(Answer):
    """An offer: what it says is what is paid and credited, whatever the prices are by then."""

    id: str = Field(examples=["01jd8x6q5v7w9y2k4m6p8r0t1a"])
    package_id: PackageId | None = Field(description="The package that was asked for.")
    credits: int = Field(examples=[12000])
    unit_price: int = Field(description="What a credit comes to, rounded up to whole TZS.", examples=[25])
    net: int = Field(description="Whole TZS without VAT.", examples=[254237])
    vat_rate: int = Field(description="In hundredths of a percent.", examples=[1800])
    vat: int = Field(examples=[45763])
    total: int = Field(description="What is paid: `net` and `vat`.", examples=[300000])
    currency: Literal["TZS"] = "TZS"
    pay_by: list[str] = Field(
        description="The wallets that take the total in one push, and `bank` if there is one.",
        examples=[["vodacom", "tigo", "bank"]],
    )
    payment_id: str | None = Field(description="The payment that was begun with it last.")
    created_at: str = Field(examples=["2026-01-31T09:30:00.000Z"])
    expires_at: str = Field(description="Until when a payment can be begun.", examples=["2026-01-31T10:00:00.000Z"])

    @classmethod
    def of(cls, quote: Quote) -> Self:
        """Shows an offer."""
        names = cls.model_fields.keys() - {"pay_by", "currency"}
        return cls(**{name: getattr(quote, name) for name in names}, pay_by=list(ways_to_pay(quote.total)))


@router.post(
    "/api/billing/quotes/",
    status_code=201,
    summary="Ask what credits cost",
    description="Makes an offer of a package or of any number of credits, which stands until `expires_at`. Pay it with "
    "`POST /api/billing/payments/initiate/`, or by bank with `POST /api/billing/transfers/`.",
    tags=["billing"],
)
@needs(Action.BILLING_PAY)
def make_quote(request: QuoteRequest, caller: Caller, key: IdempotencyKey, replayed: Replayed) -> QuoteView:
    buyer = Buyer.REGISTERED if request.vat_registered else Buyer.UNREGISTERED
    if request.package_id:
        made = quotes.for_package(caller.tenant_id, key, PACKAGES[request.package_id], buyer=buyer)
    else:
        made = quotes.for_credits(caller.tenant_id, key, request.credits or 0, buyer=buyer)
    quote, known = quotes.keep(made)
    if known:
        replayed()
    return QuoteView.of(quote)


@router.get(
    "/api/billing/quotes/<quote_id>/",
    summary="Read a quote",
    tags=["billing"],
    openapi_extensions={"x-problems": [404]},
)
@needs(Action.BILLING_READ)
def read_quote(quote_id: str, caller: Caller) -> QuoteView:
    """Reads one quote, expired or not; another tenant's is not found."""
    quote = quotes.read(caller.tenant_id, quote_id)
    if quote is None:
        raise NotFound("There is no such quote.")
    return QuoteView.of(quote)
