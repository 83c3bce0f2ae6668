"""Directory: the platform's people list tenants, and look a person up by a whole address or number."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field

from functions.auth import directory
from functions.auth.businesses import Mine
from functions.auth.contacts import Contact
from functions.auth.directory import Known
from functions.auth.doors.staff import StaffTenantView
from functions.auth.logins import canonical
from mifumo import cursors, phone, tenants
from mifumo.errors import ValidationFailed
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action, Role
from mifumo.phone import InvalidNumber
from mifumo.tenants import Status
from mifumo.wire import Answer

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["admin"]
_MASKED = "Masked for support; staff see all of it."


class StaffTenantPage(Answer):
    items: list[StaffTenantView]
    next: str | None


class PlaceView(Answer):
    tenant_id: str
    tenant_name: str = Field(examples=["Duka la Asha"])
    tenant_status: Status
    role: Role = Field(description="What the person is there.")
    status: str = Field(description="A suspended member is on the list and gets in no more.", examples=["active"])

    @classmethod
    def of(cls, one: Mine) -> "PlaceView":
        """Shows a membership."""
        return cls(
            tenant_id=one.tenant.id,
            tenant_name=one.tenant.name,
            tenant_status=one.tenant.status,
            role=one.role,
            status=one.status,
        )


class KnownUserView(Answer):
    id: str
    email: str = Field(description=_MASKED, examples=["a***@duka.example"])
    phone: str = Field(description=_MASKED, examples=["+255712***678"])
    first_name: str = Field(examples=["Asha"])
    last_name: str = Field(examples=["Mrema"])
    phone_verified: bool
    email_verified: bool
    created_at: str = Field(examples=["2026-01-31T08:15:30.000Z"])
    tenants: list[PlaceView] = Field(description="Where the person is a member, oldest first.")

    @classmethod
    def of(cls, known: Known, *, masked: bool) -> "KnownUserView":
        """Shows a person; masked, enough to know by it who is on the phone."""
        return cls(
            id=known.id,
            email=Contact.email(known.email).masked if masked else known.email,
            phone=Contact.phone(known.phone).masked if masked else known.phone,
            first_name=known.first_name,
            last_name=known.last_name,
            phone_verified=known.phone_verified,
            email_verified=known.email_verified,
            created_at=known.created_at,
            tenants=[PlaceView.of(one) for one in known.places],
        )


class KnownUserPage(Answer):
    items: list[KnownUserView]
    next: str | None = Field(description="Always null: a number has few people.")


@router.get(
    "/api/admin/auth/tenants/",
    summary="List tenants, newest first",
    description="With a `status`, a page may be shorter than `limit`, or empty, while there is a `next`: tenants are "
    "looked through in order.",
    tags=_TAGS,
)
@needs(Action.PLATFORM_READ)
def list_tenants(
    status: Annotated[Status | None, Query(description="Only tenants in this status.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> StaffTenantPage:
    scope = f"tenants {status or ''}"
    page = directory.tenants_page(status, limit=limit, start=cursors.decode(cursor, scope=scope))
    items = [StaffTenantView.of(tenants.of(item)) for item in page.items]
    return StaffTenantPage(items=items, next=cursors.encode(page.last, scope=scope))


@router.get(
    "/api/admin/auth/users/",
    summary="Look a user up by e-mail address or phone number",
    description="Give one of the two, whole. Several people may have given one number: who has verified it comes "
    "first. That you looked is recorded.",
    tags=_TAGS,
)
@needs(Action.PLATFORM_READ)
def look_up_users(
    caller: Caller,
    email: Annotated[str, Query(max_length=254, description="The address they sign in with.")] = "",
    number: Annotated[str, Query(alias="phone", max_length=40, description="Written in any usual way.")] = "",
) -> KnownUserPage:
    found = directory.look_up(caller, _contact(email, number))
    masked = caller.role is not Role.STAFF
    return KnownUserPage(items=[KnownUserView.of(known, masked=masked) for known in found], next=None)


def _contact(email: str, number: str) -> Contact:
    if bool(email.strip()) == bool(number.strip()):
        raise ValidationFailed.of("query:email", "one_of_two", "Give an e-mail address or a phone number.")
    if email.strip():
        return Contact.email(canonical(email))
    try:
        return Contact.phone(phone.parse(number))
    except InvalidNumber as error:
        raise ValidationFailed.of("query:phone", error.reason_code.value, error.detail) from error
