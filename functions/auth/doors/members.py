"""Members: who is in the tenant, as what; change, suspend, remove, leave, and hand the ownership over."""

from http import HTTPStatus
from typing import Literal, Self

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from functions.auth import members, memberships
from functions.auth.memberships import Member, Status
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.ids import UserId
from mifumo.permissions import Action, Role
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["tenant"]


class MemberRequest(Request):
    role: Literal["owner", "admin", "agent"] | None = Field(
        None, description="Only an owner may make owners.", examples=["admin"]
    )
    status: Status | None = Field(
        None, description="A suspended member is on the list and gets in no more.", examples=["active"]
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.role is None and self.status is None:
            raise PydanticCustomError("nothing_to_change", "Give a role or a status.")
        return self


class TransferRequest(Request):
    user_id: str = Field(
        max_length=64, description="The active member who is to be the owner.", examples=["01jd8x6q5v7w9y2k4m6p8r0t1a"]
    )


class MemberView(Answer):
    id: str
    user_id: str
    email: str = Field(examples=["asha@duka.example"])
    phone: str = Field(examples=["+255712345678"])
    first_name: str
    last_name: str
    role: Role
    status: Status
    joined_at: str = Field(examples=["2026-01-31T08:15:30.000Z"])

    @classmethod
    def of(cls, member: Member) -> "MemberView":
        """Shows a member."""
        return cls(
            id=member.user,
            user_id=member.user,
            email=member.email,
            phone=member.phone,
            first_name=member.first_name,
            last_name=member.last_name,
            role=member.role,
            status=member.status,
            joined_at=member.joined_at,
        )


class MemberPage(Answer):
    items: list[MemberView]
    next: str | None


@router.get("/api/tenant/members/", summary="List who is in your tenant", tags=_TAGS)
@needs(Action.TENANT_READ)
def list_members(caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> MemberPage:
    found, following = memberships.page(caller.tenant_id, limit=limit, cursor=cursor)
    return MemberPage(items=[MemberView.of(member) for member in found], next=following)


@router.delete(
    "/api/tenant/members/me/",
    status_code=204,
    summary="Leave the tenant",
    description="Your sessions in it end. The last owner cannot leave: transfer the ownership first.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.OWN_ACCOUNT)
def leave(caller: Caller) -> Response[None]:
    members.remove(caller, caller.person)
    return Response(HTTPStatus.NO_CONTENT)


@router.patch(
    "/api/tenant/members/<member_id>/",
    summary="Change a member's role, suspend or reactivate them",
    description="Their sessions in this tenant end; an access token that they hold is good for at most 15 minutes "
    "more. An admin may neither touch owners nor make one. The last active owner stays one: 409 `last_owner`.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.MEMBERS_MANAGE)
def amend(member_id: str, request: MemberRequest, caller: Caller) -> MemberView:
    role = Role(request.role) if request.role else None
    return MemberView.of(members.change(caller, UserId(member_id), role=role, status=request.status))


@router.delete(
    "/api/tenant/members/<member_id>/",
    status_code=204,
    summary="Remove a member",
    description="The person keeps their account and their other tenants.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.MEMBERS_MANAGE)
def remove(member_id: str, caller: Caller) -> Response[None]:
    members.remove(caller, UserId(member_id))
    return Response(HTTPStatus.NO_CONTENT)


@router.post(
    "/api/tenant/transfer/",
    summary="Transfer the ownership",
    description="The member becomes an owner and you an admin, in one step.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.TENANT_TRANSFER)
def transfer(request: TransferRequest, caller: Caller) -> MemberView:
    return MemberView.of(members.transfer(caller, UserId(request.user_id)))
