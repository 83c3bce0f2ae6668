"""Proposals: the staff see which decisions about money wait for a second person, and approve or reject them."""

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.billing import decisions, proposals
from functions.billing.admin_models import ProposalPage, ProposalView
from functions.billing.admin_requests import GroundsRequest
from mifumo import cursors
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


@router.get("/api/admin/billing/proposals/", summary="List the open proposals", tags=["admin"])
@needs(Action.PLATFORM_READ)
def list_proposals(_caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> ProposalPage:
    """Lists the decisions that wait for a second person, oldest first."""
    page = proposals.page(limit=limit, start=cursors.decode(cursor, scope="proposals"))
    views = [ProposalView.of(proposals.of(item)) for item in page.items]
    return ProposalPage(items=views, next=cursors.encode(page.last, scope="proposals"))


@router.get("/api/admin/billing/proposals/<proposal_id>/", summary="Read a proposal", tags=["admin"])
@needs(Action.PLATFORM_READ)
def read_proposal(proposal_id: str) -> ProposalView:
    """Reads one decision and what became of it."""
    return ProposalView.of(proposals.find(proposal_id))


@router.post(
    "/api/admin/billing/proposals/<proposal_id>/approve/",
    summary="Approve another person's proposal",
    description="Carries it out at once. Nobody approves their own. Send it again if the answer was lost.",
    tags=["admin"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.MONEY_DECIDE)
def approve_proposal(proposal_id: str, request: GroundsRequest, caller: Caller) -> ProposalView:
    return ProposalView.of(decisions.approve(caller, proposal_id, note=request.reason))


@router.post(
    "/api/admin/billing/proposals/<proposal_id>/reject/",
    summary="Reject another person's proposal",
    tags=["admin"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.MONEY_DECIDE)
def reject_proposal(proposal_id: str, request: GroundsRequest, caller: Caller) -> ProposalView:
    return ProposalView.of(decisions.reject(caller, proposal_id, note=request.reason))


@router.post(
    "/api/admin/billing/proposals/<proposal_id>/withdraw/",
    summary="Withdraw your own proposal",
    tags=["admin"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.MONEY_PROPOSE)
def withdraw_proposal(proposal_id: str, request: GroundsRequest, caller: Caller) -> ProposalView:
    return ProposalView.of(decisions.withdraw(caller, proposal_id, note=request.reason))
