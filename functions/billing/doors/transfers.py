"""Transfers: pay by bank what no wallet moves in one push."""

from typing import Self

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field

from functions.billing import bank, payments, references, transfers, withdrawals
from functions.billing.bank import Account
from functions.billing.payment import Payment
from functions.billing.payment_models import PaymentView
from mifumo import cursors
from mifumo.http import Caller, Cursor, IdempotencyKey, Limit, Replayed, needs
from mifumo.permissions import Action
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


class BankTransferRequest(Request):
    """The quote that is to be paid by bank."""

    quote_id: str = Field(min_length=1, max_length=40, examples=["01jd8x6q5v7w9y2k4m6p8r0t1a"])


class AccountView(Answer):
    """Where to pay to."""

    bank: str = Field(examples=["Benki ya Mfano"])
    name: str = Field(description="Who holds the account.", examples=["Mifumo Labs Ltd"])
    number: str = Field(examples=["0150000000001"])
    swift: str = Field(examples=["MFANTZTZ"])

    @classmethod
    def of(cls, account: Account) -> Self:
        """Shows an account."""
        return cls(bank=account.bank, name=account.name, number=account.number, swift=account.swift)


class TransferView(PaymentView):
    """A payment by bank: pay `amount` to `account` and mark it with `reference`."""

    reference_to_print: str = Field(description="The reference in groups.", examples=["RF12 M9QX 2K7W"])
    account: AccountView

    @classmethod
    def showing(cls, payment: Payment) -> Self:
        """Shows a transfer and where it goes."""
        account = AccountView.of(bank.account())
        return cls.of(payment, reference_to_print=references.spaced(payment.reference or ""), account=account)


class TransferPage(Answer):
    """A page of transfers, newest first."""

    items: list[PaymentView] = Field(description="There may be fewer than `limit`, and more after them.")
    next: str | None = Field(description="The cursor of the next page, null at the end.")


@router.post(
    "/api/billing/transfers/",
    status_code=201,
    summary="Pay a quote by bank",
    description="Gives the account to pay into, and the reference to mark the transfer with. It is credited when our "
    "staff have found it in the bank's statement. The reference is an ISO 11649 one: banks notice when it is mistyped.",
    tags=["billing"],
    openapi_extensions={"x-problems": [404, 409, 503]},
)
@needs(Action.BILLING_PAY)
def ask_for_transfer(
    request: BankTransferRequest, caller: Caller, key: IdempotencyKey, replayed: Replayed
) -> TransferView:
    payment, known = transfers.ask(caller, key, request.quote_id)
    if known:
        replayed()
    return TransferView.showing(payment)


@router.get("/api/billing/transfers/", summary="List the bank transfers", tags=["billing"])
@needs(Action.BILLING_READ)
def list_transfers(caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> TransferPage:
    """Lists the tenant's payments by bank, newest first."""
    scope = f"transfers:{caller.tenant_id}"
    page = transfers.page(caller.tenant_id, limit=limit, start=cursors.decode(cursor, scope=scope))
    views = [PaymentView.of(payments.of(item)) for item in page.items]
    return TransferPage(items=views, next=cursors.encode(page.last, scope=scope))


@router.get(
    "/api/billing/transfers/<transfer_id>/",
    summary="Read a bank transfer",
    tags=["billing"],
    openapi_extensions={"x-problems": [404, 503]},
)
@needs(Action.BILLING_READ)
def read_transfer(transfer_id: str, caller: Caller) -> TransferView:
    """Reads one payment by bank, with the account to pay into; another tenant's is not found."""
    return TransferView.showing(transfers.find(caller.tenant_id, transfer_id))


@router.post(
    "/api/billing/transfers/<transfer_id>/cancel/",
    summary="Cancel a bank transfer",
    description="Says that it will not come. Money that comes all the same is credited when it is found.",
    tags=["billing"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.BILLING_PAY)
def cancel_transfer(transfer_id: str, caller: Caller) -> PaymentView:
    transfers.find(caller.tenant_id, transfer_id)
    return PaymentView.of(withdrawals.cancel(caller, transfer_id))
