"""Routes for platform staff: decide on sender IDs."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from mifumo import cursors
from mifumo.callers import Principal
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action

from .content import sender_ids
from .content.sender_ids import Status
from .models.sender_id_models import OptionalReason, Reason, SenderIdAnswer, WaitingPage, WaitingSenderIdAnswer
from .provider import account
from .provider.account import Account

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["admin"]


@router.get("/sender-ids/", summary="List sender IDs by status, oldest first", tags=_TAGS)
@needs(Action.PLATFORM_READ)
def list_waiting(
    _caller: Caller,
    status: Annotated[Status, Query(description="Which ones to list.")] = Status.PENDING,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> WaitingPage:
    scope = f"waiting {status.value}"
    page = sender_ids.waiting(status, limit=limit, start=cursors.decode(cursor, scope=scope))
    known = account.read()
    items = [_waiting(sender_ids.of(item), known) for item in page.items]
    return WaitingPage(items=items, next=cursors.encode(page.last, scope=scope))


def _waiting(sender_id: sender_ids.SenderId, known: Account) -> WaitingSenderIdAnswer:
    shown = SenderIdAnswer.of(sender_id).model_dump()
    at_provider = known.status_of(sender_id.name)
    return WaitingSenderIdAnswer(**shown, tenant_id=sender_id.tenant or "", at_provider=at_provider)


@router.post(
    "/sender-ids/<sender_id>/approve/",
    summary="Approve a sender ID, once it is registered with the provider",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.SENDER_IDS_REVIEW)
def approve(sender_id: str, caller: Caller, body: OptionalReason | None = None) -> SenderIdAnswer:
    reason = body.reason if body else None
    return _decide(sender_id, Status.APPROVED, caller, reason)


@router.post(
    "/sender-ids/<sender_id>/reject/",
    summary="Reject a sender ID, or take an approval back",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.SENDER_IDS_REVIEW)
def reject(sender_id: str, body: Reason, caller: Caller) -> SenderIdAnswer:
    return _decide(sender_id, Status.REJECTED, caller, body.reason)


@router.post(
    "/sender-ids/<sender_id>/request-changes/",
    summary="Ask the tenant to change its request",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.SENDER_IDS_REVIEW)
def request_changes(sender_id: str, body: Reason, caller: Caller) -> SenderIdAnswer:
    return _decide(sender_id, Status.CHANGES_REQUESTED, caller, body.reason)


def _decide(sender_id: str, status: Status, caller: Principal, reason: str | None) -> SenderIdAnswer:
    return SenderIdAnswer.of(sender_ids.decide(caller, sender_id, status, reason=reason))
