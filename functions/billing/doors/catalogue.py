"""Catalogue: what can be bought, and which wallets pay for it."""

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.billing import ways
from functions.billing.catalogue import PLANS, WALLETS
from functions.billing.catalogue_models import PackageList, PackageView, PlanList, PlanView, ProviderList, ProviderView
from mifumo.http import Caller, needs
from mifumo.packages import PACKAGES
from mifumo.permissions import Action

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


@router.get("/api/billing/sms/packages/", summary="List the packages", tags=["billing"])
@needs(Action.BILLING_READ)
def list_packages(_caller: Caller) -> PackageList:
    """Lists what can be bought, cheapest first."""
    return PackageList(items=[PackageView.of(package) for package in PACKAGES.values()])


@router.get("/api/billing/plans/", summary="List the plans", tags=["billing"])
@needs(Action.BILLING_READ)
def list_plans(_caller: Caller) -> PlanList:
    """Lists the subscription plans."""
    return PlanList(items=[PlanView.of(plan) for plan in PLANS])


@router.get("/api/billing/payments/providers/", summary="List the wallets that can pay", tags=["billing"])
@needs(Action.BILLING_READ)
def list_providers(_caller: Caller) -> ProviderList:
    """Lists the mobile-money wallets with their limits."""
    available = ways.available()
    views = [ProviderView.of(wallet, available=wallet.code in available) for wallet in WALLETS.values()]
    return ProviderList(items=views)
