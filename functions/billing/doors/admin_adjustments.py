"""Adjustments: the staff give credits to a tenant, or take them from it, for a stated reason."""

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.billing import adjustments
from functions.billing.adjustments import Wish
from functions.billing.admin_models import ProposalView
from functions.billing.admin_requests import AdjustmentRequest
from mifumo.http import Caller, IdempotencyKey, Replayed, needs
from mifumo.ids import TenantId
from mifumo.permissions import Action

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


@router.post(
    "/api/admin/billing/adjustments/",
    status_code=201,
    summary="Adjust a tenant's credits",
    description="At once (`approved`), or for a second person to approve (`open`): above the stage's limit, and "
    "whatever support asks for. The tenant finds it in its statement and in its log. Send an Idempotency-Key.",
    tags=["admin"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.MONEY_PROPOSE)
def adjust_credits(request: AdjustmentRequest, caller: Caller, key: IdempotencyKey, replayed: Replayed) -> ProposalView:
    amount = request.credits if request.direction == "credit" else -request.credits
    wish = Wish(TenantId(request.tenant_id), amount, request.reason, request.evidence)
    proposal, known = adjustments.ask(caller, key, wish)
    if known:
        replayed()
    return ProposalView.of(proposal)
