"""Payments: a tenant starts one, and watches what becomes of it."""

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.billing import orders, payments, progress, purchase, withdrawals
from functions.billing.catalogue import WALLETS
from functions.billing.orders import Order
from functions.billing.payment_models import PaymentPage, PaymentProgress, PaymentRequest, PaymentView, StepView
from mifumo import cursors
from mifumo.callers import Principal
from mifumo.http import Caller, Cursor, IdempotencyKey, Limit, Replayed, needs
from mifumo.packages import PACKAGES
from mifumo.permissions import Action
from mifumo.phone import Operator

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


@router.post(
    "/api/billing/payments/initiate/",
    status_code=202,
    summary="Start a payment",
    description="Asks the payer's handset for the price of a package, or for what was quoted; watch the payment for "
    "what becomes of it. A quote is paid once: another payment of it may start when the one before has brought no "
    "money for certain.",
    tags=["billing"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.BILLING_PAY)
def initiate_payment(request: PaymentRequest, caller: Caller, key: IdempotencyKey, replayed: Replayed) -> PaymentView:
    payment, known = purchase.start(caller, key, _order(request, caller, key))
    if known:
        replayed()
    return PaymentView.of(payment)


def _order(request: PaymentRequest, caller: Principal, key: str) -> Order:
    wallet = WALLETS[Operator(request.provider)]
    if request.package_id:
        return orders.of_package(PACKAGES[request.package_id], wallet, request.payer)
    return orders.of_quote(caller, key, str(request.quote_id), wallet=wallet, phone=request.payer)


@router.get("/api/billing/payments/", summary="List the payments", tags=["billing"])
@needs(Action.BILLING_READ)
def list_payments(caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> PaymentPage:
    """Lists the tenant's payments, newest first."""
    scope = f"payments:{caller.tenant_id}"
    page = payments.page(caller.tenant_id, limit=limit, start=cursors.decode(cursor, scope=scope))
    views = [PaymentView.of(payments.of(item)) for item in page.items]
    return PaymentPage(items=views, next=cursors.encode(page.last, scope=scope))


@router.get(
    "/api/billing/payments/<payment_id>/",
    summary="Read a payment",
    description="Reads one payment with its steps; another tenant's is not found.",
    tags=["billing"],
    openapi_extensions={"x-problems": [404]},
)
@needs(Action.BILLING_READ)
def read_payment(payment_id: str, caller: Caller) -> PaymentProgress:
    payment, history = payments.told(caller.tenant_id, payment_id)
    steps = [StepView.of(step) for step in progress.steps(payment.gateway, history)]
    return PaymentProgress.of(payment, steps=steps)


@router.post(
    "/api/billing/payments/<payment_id>/cancel/",
    summary="Cancel a payment",
    description="Says that a payment is not wanted any more. A push cannot be called back: who confirms it on the "
    "handset all the same has paid, and gets the credits.",
    tags=["billing"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.BILLING_PAY)
def cancel_payment(payment_id: str, caller: Caller) -> PaymentView:
    return PaymentView.of(withdrawals.cancel(caller, payment_id))


@router.post(
    "/api/billing/payments/<payment_id>/retry/",
    status_code=202,
    summary="Retry a payment",
    description="Asks the same handset for the same thing once more, when a payment has failed, expired or been "
    "cancelled: a quote at its own price, a package at today's. Refused as long as the first payment may still be "
    "paid.",
    tags=["billing"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.BILLING_PAY)
def retry_payment(payment_id: str, caller: Caller, key: IdempotencyKey, replayed: Replayed) -> PaymentView:
    payment, known = purchase.start(caller, key, orders.again(caller, payment_id))
    if known:
        replayed()
    return PaymentView.of(payment)
