"""Platform staff: administrators invite, list, change and remove the platform's own people."""

from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import ConfigDict, Field

from functions.auth import invitations, inviting, staff
from functions.auth.doors.invitations import InvitationPage, InvitationView, InvitedContact
from functions.auth.doors.members import MemberPage, MemberView
from functions.auth.invitations import Circle
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.ids import UserId
from mifumo.permissions import Action, Role
from mifumo.wire import Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["admin"]
_STAFF, _INVITATIONS = "/api/admin/auth/staff/", "/api/admin/auth/staff/invitations/"

StaffRole = Annotated[
    Literal["support", "staff"],
    Field(
        description="`staff` are administrators; `support` look at tenants and review sender IDs.", examples=["support"]
    ),
]
StaffId = Annotated[str, Path(description="The `id` of one of the platform's people.")]


class StaffInvitationRequest(InvitedContact):
    model_config = ConfigDict(json_schema_extra={"examples": [{"phone": "0712345678", "role": "support"}]})

    role: StaffRole


class StaffRoleRequest(Request):
    role: StaffRole


@router.post(
    _STAFF,
    status_code=202,
    summary="Invite somebody to the platform's staff",
    description="As into a tenant: the link is good once, for a week, and 50 can be open. Who accepts has to set up a "
    "second factor.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409, 422, 429]},
)
@needs(Action.STAFF_MANAGE)
def invite_staff(request: StaffInvitationRequest, caller: Caller) -> InvitationView:
    return InvitationView.of(inviting.invite(caller, request.contact, Role(request.role)))


@router.get(_STAFF, summary="List the platform's staff", tags=_TAGS)
@needs(Action.STAFF_MANAGE)
def list_staff(caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> MemberPage:
    found, following = staff.page(caller, limit=limit, cursor=cursor)
    return MemberPage(items=[MemberView.of(member) for member in found], next=following)


@router.get(_INVITATIONS, summary="List the invitations to the platform's staff, newest first", tags=_TAGS)
@needs(Action.STAFF_MANAGE)
def list_staff_invitations(caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> InvitationPage:
    found, following = invitations.page(caller.tenant_id, Circle.STAFF, limit=limit, cursor=cursor)
    return InvitationPage(items=[InvitationView.of(one) for one in found], next=following)


@router.delete(
    f"{_INVITATIONS}<invitation_id>/",
    status_code=204,
    summary="Take an invitation to the platform's staff back",
    tags=_TAGS,
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.STAFF_MANAGE)
def revoke_staff_invitation(invitation_id: str, caller: Caller) -> Response[None]:
    inviting.revoke(caller, Circle.STAFF, invitation_id)
    return Response(HTTPStatus.NO_CONTENT)


@router.post(
    f"{_INVITATIONS}<invitation_id>/resend/",
    status_code=202,
    summary="Send an invitation to the platform's staff again",
    tags=_TAGS,
    openapi_extensions={"x-problems": [404, 409, 422, 429]},
)
@needs(Action.STAFF_MANAGE)
def resend_staff_invitation(invitation_id: str, caller: Caller) -> InvitationView:
    return InvitationView.of(inviting.resend(caller, Circle.STAFF, invitation_id))


@router.patch(
    f"{_STAFF}<staff_id>/",
    summary="Make one of the platform's staff an administrator, or support",
    description="Their sessions end. The last active administrator stays one: 409 `last_administrator`.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.STAFF_MANAGE)
def amend_staff(staff_id: StaffId, request: StaffRoleRequest, caller: Caller) -> MemberView:
    return MemberView.of(staff.change(caller, UserId(staff_id), Role(request.role)))


@router.delete(
    f"{_STAFF}<staff_id>/",
    status_code=204,
    summary="Remove one of the platform's staff",
    description="The person keeps their account and their other tenants. The last active administrator stays.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.STAFF_MANAGE)
def remove_staff(staff_id: StaffId, caller: Caller) -> Response[None]:
    staff.remove(caller, UserId(staff_id))
    return Response(HTTPStatus.NO_CONTENT)
