"""Refunds: the staff propose to send a payment's money back, and record what people have sent by hand."""

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.billing import decisions, desks, manual_refunds, payments, stuck_refunds
from functions.billing.admin_models import ProposalView, StaffPayment, StaffPaymentPage
from functions.billing.admin_requests import GroundsRequest, RefundRequest, RefundSentRequest, StuckRefundRequest
from functions.billing.desks import Desk
from functions.billing.proposals import Decision
from mifumo import cursors
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


@router.get("/api/admin/billing/refunds/", summary="List the refunds to make by hand", tags=["admin"])
@needs(Action.PLATFORM_READ)
def list_refunds(_caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> StaffPaymentPage:
    """Lists the payments whose money people have to send back, the oldest payment first."""
    page = desks.page(Desk.REFUNDS, limit=limit, start=cursors.decode(cursor, scope="refunds"))
    views = [StaffPayment.of(payments.of(item)) for item in page.items]
    return StaffPaymentPage(items=views, next=cursors.encode(page.last, scope="refunds"))


@router.post(
    "/api/admin/billing/payments/<payment_id>/refund/",
    status_code=201,
    summary="Propose a refund",
    description="Once another person approves, the credits are held and the money goes back: by the provider where it "
    "can, by hand otherwise. 409 `credits_spent` if the tenant has not that many left.",
    tags=["admin"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.MONEY_PROPOSE)
def propose_refund(payment_id: str, request: RefundRequest, caller: Caller) -> ProposalView:
    proposal = decisions.propose_refund(caller, payment_id, reason=request.reason, evidence=request.evidence)
    return ProposalView.of(proposal)


@router.post(
    "/api/admin/billing/payments/<payment_id>/refund/complete/",
    summary="Record that money was sent back by hand",
    description="The credits that were held are taken back.",
    tags=["admin"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.MONEY_DECIDE)
def complete_refund(payment_id: str, request: RefundSentRequest, caller: Caller) -> StaffPayment:
    sent = manual_refunds.complete(caller, payment_id, reference=request.reference, evidence=request.evidence)
    return StaffPayment.of(sent)


@router.post(
    "/api/admin/billing/payments/<payment_id>/refund/fail/",
    summary="Record that money cannot be sent back by hand",
    description="The credits that were held are the tenant's again.",
    tags=["admin"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.MONEY_DECIDE)
def fail_refund(payment_id: str, request: GroundsRequest, caller: Caller) -> StaffPayment:
    return StaffPayment.of(manual_refunds.fail(caller, payment_id, reason=request.reason))


@router.post(
    "/api/admin/billing/payments/<payment_id>/refund/override/",
    status_code=201,
    summary="Propose how to end a refund that is stuck at its provider",
    description="An hour after it began. Always for a second person to approve. 409 `refund_contradicted` if the "
    "provider itself says otherwise; if it is silent, the evidence is all that there is.",
    tags=["admin"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.MONEY_PROPOSE)
def override_refund(payment_id: str, request: StuckRefundRequest, caller: Caller) -> ProposalView:
    proposal = stuck_refunds.propose(
        caller,
        payment_id,
        Decision(request.outcome),
        reference=request.reference,
        reason=request.reason,
        evidence=request.evidence,
    )
    return ProposalView.of(proposal)
