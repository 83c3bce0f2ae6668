"""Invitations: ask people into the tenant, and see, send again and take back what is open."""

from http import HTTPStatus
from typing import Literal, Self

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from functions.auth import invitations, inviting
from functions.auth.contacts import Contact, Kind
from functions.auth.invitations import Circle, Invitation, State
from functions.auth.wire import Email, Phone
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action, Role
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["tenant"]


class InvitedContact(Request):
    phone: Phone | None = Field(None, description="Where the link goes: a number, or else an address.")
    email: Email | None = None

    @model_validator(mode="after")
    def _one_contact(self) -> Self:
        if (self.phone is None) == (self.email is None):
            raise PydanticCustomError("one_contact", "Give either a phone or an e-mail address.")
        return self

    @property
    def contact(self) -> Contact:
        """Returns the one contact."""
        return Contact.phone(self.phone) if self.phone else Contact.email(self.email or "")


class InvitationRequest(InvitedContact):
    model_config = ConfigDict(json_schema_extra={"examples": [{"phone": "0712345678", "role": "agent"}]})

    role: Literal["owner", "admin", "agent"] = Field(
        description="What they will be. Only an owner may make owners.", examples=["agent"]
    )


class InvitationView(Answer):
    id: str
    phone: str | None = Field(examples=["+255712345678"])
    email: str | None = Field(description="Where the link was sent: one of the two.", examples=["asha@duka.example"])
    role: Role
    state: State = Field(description="Only an open invitation can be accepted.")
    invited_by: str = Field(description="The user who sent it last.")
    created_at: str = Field(examples=["2026-01-31T08:15:30.000Z"])
    expires_at: str = Field(examples=["2026-02-07T08:15:30.000Z"])
    accepted_by: str | None = Field(description="The user who accepted it.")

    @classmethod
    def of(cls, invitation: Invitation) -> "InvitationView":
        """Shows an invitation without its token."""
        contact = invitation.contact
        return cls(
            id=invitation.id,
            phone=contact.value if contact.kind is Kind.PHONE else None,
            email=contact.value if contact.kind is Kind.EMAIL else None,
            role=invitation.role,
            state=invitation.state,
            invited_by=invitation.inviter,
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
            accepted_by=invitation.accepted_by or None,
        )


class InvitationPage(Answer):
    items: list[InvitationView]
    next: str | None = Field(description="The `cursor` of the page after; null at the end.")


@router.post(
    "/api/tenant/members/",
    status_code=202,
    summary="Invite somebody into your tenant",
    description="A link goes to the phone or the address: good once, for a week, by `POST /api/auth/invitations/…`. "
    "Fifty can be open at once. Three links in ten minutes and ten a day go to one contact, a hundred a day from one "
    "tenant. By e-mail only where letters are sent: 422 `email_not_available`.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409, 422, 429]},
)
@needs(Action.MEMBERS_MANAGE)
def invite(request: InvitationRequest, caller: Caller) -> InvitationView:
    return InvitationView.of(inviting.invite(caller, request.contact, Role(request.role)))


@router.get("/api/tenant/invitations/", summary="List the invitations, newest first", tags=_TAGS)
@needs(Action.MEMBERS_MANAGE)
def list_invitations(caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> InvitationPage:
    found, following = invitations.page(caller.tenant_id, Circle.MEMBERS, limit=limit, cursor=cursor)
    return InvitationPage(items=[InvitationView.of(one) for one in found], next=following)


@router.delete(
    "/api/tenant/invitations/<invitation_id>/",
    status_code=204,
    summary="Take an invitation back",
    description="Its link is good no more.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.MEMBERS_MANAGE)
def revoke_invitation(invitation_id: str, caller: Caller) -> Response[None]:
    inviting.revoke(caller, Circle.MEMBERS, invitation_id)
    return Response(HTTPStatus.NO_CONTENT)


@router.post(
    "/api/tenant/invitations/<invitation_id>/resend/",
    status_code=202,
    summary="Send an invitation again",
    description="A new link goes out, good for a week; the one before is good no more. Also for one that has expired.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [404, 409, 422, 429]},
)
@needs(Action.MEMBERS_MANAGE)
def resend_invitation(invitation_id: str, caller: Caller) -> InvitationView:
    return InvitationView.of(inviting.resend(caller, Circle.MEMBERS, invitation_id))
