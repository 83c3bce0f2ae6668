"""HTTP routes of the billing slice."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, cursors, wallets
from mifumo.http import Caller, Cursor, IdempotencyKey, Limit, api, needs
from mifumo.observability import entrypoint
from mifumo.packages import PACKAGES
from mifumo.permissions import Action
from mifumo.phone import Operator

from . import gateway, payments, purchase
from .catalogue import PLANS, WALLETS
from .models import (
    Balance,
    EntryPage,
    EntryView,
    PackageList,
    PackageView,
    PaymentPage,
    PaymentRequest,
    PaymentView,
    PlanList,
    PlanView,
    ProviderList,
    ProviderView,
)
from .purchase import Order

app = api()


@app.get("/api/billing/sms/packages/", summary="List the packages", tags=["billing"])
@needs(Action.BILLING_READ)
def list_packages(_caller: Caller) -> PackageList:
    """Lists what can be bought, cheapest first."""
    return PackageList(items=[PackageView.of(package) for package in PACKAGES.values()])


@app.get("/api/billing/plans/", summary="List the plans", tags=["billing"])
@needs(Action.BILLING_READ)
def list_plans(_caller: Caller) -> PlanList:
    """Lists the subscription plans."""
    return PlanList(items=[PlanView.of(plan) for plan in PLANS])


@app.get("/api/billing/payments/providers/", summary="List the wallets that can pay", tags=["billing"])
@needs(Action.BILLING_READ)
def list_providers(_caller: Caller) -> ProviderList:
    """Lists the mobile-money wallets with their limits."""
    available = gateway.available()
    return ProviderList(items=[ProviderView.of(wallet, available=available) for wallet in WALLETS.values()])


@app.post(
    "/api/billing/payments/initiate/",
    status_code=202,
    summary="Start a payment",
    tags=["billing"],
)
@needs(Action.BILLING_PAY)
def initiate_payment(request: PaymentRequest, caller: Caller, key: IdempotencyKey) -> PaymentView:
    """Asks the payer's handset for the price of a package; watch the payment for what becomes of it."""
    order = Order(PACKAGES[request.package_id], WALLETS[Operator(request.provider)], request.payer)
    payment, replayed = purchase.start(caller, key, order)
    if replayed:
        app.replayed()
    return PaymentView.of(payment)


@app.get("/api/billing/payments/", summary="List the payments", tags=["billing"])
@needs(Action.BILLING_READ)
def list_payments(caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> PaymentPage:
    """Lists the tenant's payments, newest first."""
    scope = f"payments:{caller.tenant_id}"
    page = payments.page(caller.tenant_id, limit=limit, start=cursors.decode(cursor, scope=scope))
    views = [PaymentView.of(payments.of(item)) for item in page.items]
    return PaymentPage(items=views, next=cursors.encode(page.last, scope=scope))


@app.get("/api/billing/payments/<payment_id>/", summary="Read a payment", tags=["billing"])
@needs(Action.BILLING_READ)
def read_payment(payment_id: str, caller: Caller) -> PaymentView:
    """Reads one payment; another tenant's is not found."""
    return PaymentView.of(payments.find(caller.tenant_id, payment_id))


@app.get("/api/billing/balance/", summary="Read the balance", tags=["billing"])
@needs(Action.BILLING_READ)
def read_balance(caller: Caller) -> Balance:
    """Reads what the tenant has available and held."""
    return Balance.of(wallets.read(caller.tenant_id))


@app.get("/api/billing/ledger/", summary="Read the statement", tags=["billing"])
@needs(Action.BILLING_READ)
def list_entries(caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> EntryPage:
    """Lists the entries of the tenant's wallet, newest first."""
    scope = f"ledger:{caller.tenant_id}"
    page = wallets.entries(caller.tenant_id, limit=limit, start=cursors.decode(cursor, scope=scope))
    return EntryPage(items=[EntryView.of(item) for item in page.items], next=cursors.encode(page.last, scope=scope))


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Answers one request."""
    return app.resolve(event, context)


aws.connect(aws.dynamodb, aws.sqs, aws.secrets_manager)
