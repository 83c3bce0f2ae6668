"""Payments: a tenant starts one, and watches what becomes of it."""

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.billing import payments, purchase
from functions.billing.catalogue import WALLETS
from functions.billing.models import PaymentPage, PaymentRequest, PaymentView
from functions.billing.purchase import Order
from mifumo import cursors
from mifumo.http import Caller, Cursor, IdempotencyKey, Limit, Replayed, needs
from mifumo.packages import PACKAGES
from mifumo.permissions import Action
from mifumo.phone import Operator

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


@router.post(
    "/api/billing/payments/initiate/",
    status_code=202,
    summary="Start a payment",
    tags=["billing"],
)
@needs(Action.BILLING_PAY)
def initiate_payment(request: PaymentRequest, caller: Caller, key: IdempotencyKey, replayed: Replayed) -> PaymentView:
    """Asks the payer's handset for the price of a package; watch the payment for what becomes of it."""
    order = Order(PACKAGES[request.package_id], WALLETS[Operator(request.provider)], request.payer)
    payment, known = purchase.start(caller, key, order)
    if known:
        replayed()
    return PaymentView.of(payment)


@router.get("/api/billing/payments/", summary="List the payments", tags=["billing"])
@needs(Action.BILLING_READ)
def list_payments(caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> PaymentPage:
    """Lists the tenant's payments, newest first."""
    scope = f"payments:{caller.tenant_id}"
    page = payments.page(caller.tenant_id, limit=limit, start=cursors.decode(cursor, scope=scope))
    views = [PaymentView.of(payments.of(item)) for item in page.items]
    return PaymentPage(items=views, next=cursors.encode(page.last, scope=scope))


@router.get("/api/billing/payments/<payment_id>/", summary="Read a payment", tags=["billing"])
@needs(Action.BILLING_READ)
def read_payment(payment_id: str, caller: Caller) -> PaymentView:
    """Reads one payment; another tenant's is not found."""
    return PaymentView.of(payments.find(caller.tenant_id, payment_id))
