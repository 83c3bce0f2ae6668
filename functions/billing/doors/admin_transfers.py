"""Transfers: the staff confirm bank transfers that they have found in the bank's statement."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.billing import confirmations, desks, payments, transfers
from functions.billing.admin_models import ProposalView, StaffPayment, StaffPaymentPage, TransferConfirmed
from functions.billing.admin_requests import BankLineRequest
from functions.billing.confirmations import Line
from functions.billing.desks import Desk
from mifumo import cursors
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


Reference = Annotated[
    str | None, Query(max_length=40, description="What the bank's statement has: the one transfer of that reference.")
]


@router.get("/api/admin/billing/transfers/", summary="List the bank transfers to confirm", tags=["admin"])
@needs(Action.PLATFORM_READ)
def list_transfers(
    _caller: Caller, limit: Limit = 50, cursor: Cursor = None, reference: Reference = None
) -> StaffPaymentPage:
    """Lists the bank transfers that nobody has confirmed, those that expire first at the top; or finds one, whatever
    became of it, by its reference as it was typed."""
    if reference is not None:
        found = transfers.by_reference(reference)
        return StaffPaymentPage(items=[StaffPayment.of(found)] if found else [], next=None)
    page = desks.page(Desk.TRANSFERS, limit=limit, start=cursors.decode(cursor, scope="transfers"))
    views = [StaffPayment.of(payments.of(item)) for item in page.items]
    return StaffPaymentPage(items=views, next=cursors.encode(page.last, scope="transfers"))


@router.post(
    "/api/admin/billing/transfers/<payment_id>/confirm/",
    summary="Confirm a bank transfer",
    description="Credits it at once, or waits for a second person above the stage's limit, and always when support "
    "confirms. Another amount than the price sends it to review. A line of the statement pays once.",
    tags=["admin"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.MONEY_PROPOSE)
def confirm_transfer(payment_id: str, request: BankLineRequest, caller: Caller) -> TransferConfirmed:
    line = Line(request.reference, request.amount, request.reason, request.evidence)
    payment, proposal = confirmations.confirm(caller, payment_id, line)
    return TransferConfirmed(payment=StaffPayment.of(payment), proposal=ProposalView.of(proposal) if proposal else None)
