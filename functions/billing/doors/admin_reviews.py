"""Reviews: the staff see payments whose money moved not as agreed, with all that is known, and propose what to do."""

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.billing import desks, payments, proposals, receipts, reviews
from functions.billing.admin_models import (
    HistoryLine,
    PaymentFile,
    ProposalView,
    ProviderWord,
    StaffPayment,
    StaffPaymentPage,
)
from functions.billing.admin_requests import DecideRequest
from functions.billing.desks import Desk
from functions.billing.payment import Payment
from functions.billing.proposals import Decision
from mifumo import cursors
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


@router.get("/api/admin/billing/reviews/", summary="List the payments under review", tags=["admin"])
@needs(Action.PLATFORM_READ)
def list_reviews(_caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> StaffPaymentPage:
    """Lists what the staff have to decide, the oldest payment first."""
    page = desks.page(Desk.REVIEWS, limit=limit, start=cursors.decode(cursor, scope="reviews"))
    views = [StaffPayment.of(payments.of(item)) for item in page.items]
    return StaffPaymentPage(items=views, next=cursors.encode(page.last, scope="reviews"))


@router.get("/api/admin/billing/reviews/<payment_id>/", summary="Read a review", tags=["admin"])
@needs(Action.PLATFORM_READ)
def read_review(payment_id: str) -> PaymentFile:
    """Reads a payment of any tenant, its history, what the provider told, and what was proposed."""
    return _file(reviews.find(payment_id))


@router.get("/api/admin/billing/payments/<payment_id>/", summary="Read any tenant's payment", tags=["admin"])
@needs(Action.PLATFORM_READ)
def read_any_payment(payment_id: str) -> PaymentFile:
    """Reads a payment of any tenant, its history, what the provider told, and what was proposed."""
    return _file(reviews.find(payment_id))


@router.post(
    "/api/admin/billing/reviews/<payment_id>/decide/",
    status_code=201,
    summary="Propose what to do with a payment under review",
    description="`credit` gives the credits of the price, `return` sends the money back, `dismiss` leaves it. "
    "Always for a second person to approve; if the payment changes meanwhile, the proposal is void.",
    tags=["admin"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.MONEY_PROPOSE)
def decide_review(payment_id: str, request: DecideRequest, caller: Caller) -> ProposalView:
    proposal = reviews.propose(
        caller,
        payment_id,
        Decision(request.decision),
        reason=request.reason,
        evidence=request.evidence,
        receipt=request.receipt,
    )
    return ProposalView.of(proposal)


def _file(payment: Payment) -> PaymentFile:
    told = reviews.told(payment)
    return PaymentFile(
        payment=StaffPayment.of(payment),
        history=[HistoryLine.of(line) for line in payments.history(payment.id)],
        provider_events=[
            ProviderWord(body=event["body"], received_at=event["received_at"], outcome=event.get("outcome"))
            for event in told
        ],
        receipt_paid_for=receipts.owner(payment.gateway, payment.receipt) if payment.receipt else None,
        proposals=[ProposalView.of(proposal) for proposal in proposals.of_subject(payment.id)],
    )
