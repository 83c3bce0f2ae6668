"""Settings of billing: below how many credits the owners want to be told."""

from typing import Self

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field

from functions.billing import thresholds
from mifumo import wallets
from mifumo.http import Caller, needs
from mifumo.permissions import Action
from mifumo.prices import CREDITS_MAX
from mifumo.wallets import Wallet
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


class BillingSettingsRequest(Request):
    """What is to be another from now on."""

    low_balance_threshold: int = Field(
        strict=True,
        ge=0,
        le=CREDITS_MAX,
        description="Tell the owners by SMS when fewer credits are available; 0 for never.",
        examples=[500],
    )


class BillingSettings(Answer):
    """What the tenant has set."""

    low_balance_threshold: int = Field(description="Credits; 0: nobody is told.", examples=[500])
    low: bool = Field(description="Whether fewer are available now.")

    @classmethod
    def of(cls, wallet: Wallet) -> Self:
        """Shows what is set on a wallet."""
        return cls(low_balance_threshold=wallet.threshold, low=wallet.available < wallet.threshold)


@router.get("/api/billing/settings/", summary="Read the settings of billing", tags=["billing"])
@needs(Action.BILLING_READ)
def read_billing_settings(caller: Caller) -> BillingSettings:
    """Reads below how many credits the owners are told."""
    return BillingSettings.of(wallets.read(caller.tenant_id))


@router.patch(
    "/api/billing/settings/",
    summary="Change the settings of billing",
    description="Owners with a verified phone get a text once when the available credits fall below the threshold, and "
    "again when they fall after they have been above it.",
    tags=["billing"],
)
@needs(Action.BILLING_PAY)
def change_billing_settings(request: BillingSettingsRequest, caller: Caller) -> BillingSettings:
    return BillingSettings.of(thresholds.put(caller, request.low_balance_threshold))
