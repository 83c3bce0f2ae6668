"""Profile: see and change one's own, and set a new password with the current one."""

from http import HTTPStatus
from typing import Annotated, Self

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from functions.auth import credentials, delivery, profiles, time_zones, users
from functions.auth.codes import Purpose
from functions.auth.contacts import Contact
from functions.auth.users import Language
from functions.auth.wire import Given, Me, Name, NewPassword, Phone, TenantView, UserView
from mifumo import origins
from mifumo.callers import Principal
from mifumo.errors import InvalidCredentials
from mifumo.http import Caller, needs
from mifumo.permissions import Action
from mifumo.wire import Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


def _zone(name: str) -> str:
    if name not in time_zones.NAMES:
        raise PydanticCustomError("time_zone_unknown", "Use a name of the IANA database, such as Africa/Dar_es_Salaam.")
    return name


class ProfileRequest(Request):
    first_name: Name | None = None
    last_name: Name | None = None
    language: Language | None = Field(None, description="What the platform writes to you in.")
    time_zone: Annotated[str, Field(max_length=64, examples=["Africa/Dar_es_Salaam"]), AfterValidator(_zone)] | None = (
        None
    )
    phone: Phone | None = Field(
        None, description="A new number: it takes the old one's place when you confirm the code that is sent to it."
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set or any(getattr(self, name) is None for name in self.model_fields_set):
            raise PydanticCustomError("nothing_to_change", "Give what is to be changed, and leave out what is not.")
        return self


class PasswordRequest(Request):
    current_password: Given
    password: NewPassword


@router.get("/api/auth/me/", summary="Who am I", tags=["auth"])
@needs(Action.OWN_ACCOUNT)
def me(caller: Caller) -> Me:
    return _seen(caller)


@router.patch(
    "/api/auth/me/",
    summary="Change your profile",
    description="A new phone waits as `pending_phone` until you confirm the code that is sent to it, at "
    "`/api/auth/codes/confirm/` with your access token; giving the old number again takes it back.",
    tags=["auth"],
    openapi_extensions={"x-problems": [429]},
)
@needs(Action.OWN_ACCOUNT)
def amend(request: ProfileRequest, caller: Caller) -> Me:
    before = _seen(caller).user
    changes = {name: str(getattr(request, name)) for name in request.model_fields_set - {"phone"}}
    if request.phone:
        changes["pending_phone"] = request.phone if request.phone != before.phone else ""
    profiles.amend(caller.person, changes)
    if changes.get("pending_phone"):
        contact = Contact.phone(changes["pending_phone"])
        delivery.ask(Purpose.VERIFY_PHONE, contact, caller=caller.person, source_ip=origins.current().ip)
    return _seen(caller)


@router.post(
    "/api/auth/password/",
    status_code=204,
    summary="Set a new password",
    description="A wrong current password counts as a failed login. Every session ends, this one too: sign in again.",
    tags=["auth"],
    openapi_extensions={"x-problems": [409, 429]},
)
@needs(Action.OWN_ACCOUNT)
def change_password(request: PasswordRequest, caller: Caller) -> Response[None]:
    credentials.change(
        caller.person,
        request.current_password.get_secret_value(),
        request.password.get_secret_value(),
        source_ip=origins.current().ip,
    )
    return Response(HTTPStatus.NO_CONTENT)


def _seen(caller: Principal) -> Me:
    found = users.read(caller.person, caller.tenant_id)
    if found is None:
        raise InvalidCredentials("This account is no longer active.")
    user, tenant = found
    return Me(user=UserView.of(user), tenant=TenantView.of(tenant))
