"""Codes: ask for one, and confirm it to verify a contact or to set a new password."""

from typing import Annotated, Literal, Self

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from functions.auth import codes, credentials, delivery, verification
from functions.auth.codes import Purpose
from functions.auth.contacts import Contact
from functions.auth.wire import Email, NewPassword, Phone
from mifumo import callers, origins
from mifumo.http import public
from mifumo.ids import UserId
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


class CodeRequest(Request):
    model_config = ConfigDict(json_schema_extra={"examples": [{"purpose": "verify_phone", "phone": "0712345678"}]})

    purpose: Purpose = Field(description="What the code is for; it is of no use for another purpose.")
    phone: Phone | None = Field(None, description="Where the code goes: a number, or else an address.")
    email: Email | None = None

    @model_validator(mode="after")
    def _one_contact(self) -> Self:
        if (self.phone is None) == (self.email is None):
            raise PydanticCustomError("one_contact", "Give either a phone or an e-mail address.")
        if self.purpose is Purpose.VERIFY_PHONE and self.phone is None:
            raise PydanticCustomError("phone_needed", "Give the phone that is to be verified.")
        if self.purpose is Purpose.VERIFY_EMAIL and self.email is None:
            raise PydanticCustomError("email_needed", "Give the e-mail address that is to be verified.")
        return self

    @property
    def contact(self) -> Contact:
        """Returns the one contact."""
        return Contact.phone(self.phone) if self.phone else Contact.email(self.email or "")


class ConfirmRequest(CodeRequest):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"purpose": "verify_phone", "phone": "0712345678", "code": "123456"}]}
    )

    code: Annotated[str, Field(pattern=r"^[0-9]{6}$", description="The six digits.", examples=["123456"])]
    password: NewPassword | None = Field(None, description="The new password: for a reset, and for nothing else.")

    @model_validator(mode="after")
    def _password_for_a_reset(self) -> Self:
        if (self.purpose is Purpose.RESET_PASSWORD) != (self.password is not None):
            raise PydanticCustomError(
                "password_for_reset", "A reset needs the new password, and nothing else takes one."
            )
        return self


class Asked(Answer):
    detail: str
    expires_in: int = Field(description="Seconds for which a code is good.", examples=[600])


class Confirmed(Answer):
    purpose: Purpose
    status: Literal["confirmed"] = "confirmed"


@router.post(
    "/api/auth/codes/",
    status_code=202,
    summary="Ask for a code",
    description="The answer is the same whether or not there is such an account. A new code takes the old one's place; "
    "three in ten minutes and ten a day go to one contact. With an access token, a code that verifies a contact is "
    "for the caller's account alone: send one, if you have it. A reset by phone needs a number that was verified "
    "with an access token; a reset by e-mail is sent to that number where no letters are sent.",
    tags=["auth"],
    openapi_extensions={"x-problems": [401, 403, 422, 429]},
)
@public
def ask(request: CodeRequest) -> Asked:
    caller = _caller(request.purpose)
    delivery.ask(request.purpose, request.contact, caller=caller, source_ip=origins.current().ip)
    return Asked(detail="If an account has this contact, a code is on its way.", expires_in=codes.GOOD_FOR_S)


@router.post(
    "/api/auth/codes/confirm/",
    summary="Confirm a code",
    description="Verifies the contact, or sets the new password and ends every session. A wrong, an expired and a used "
    "code and a contact of nobody get the same answer. Five wrong ones close the door for half an hour. A number "
    "that is changed, or that passwords are to be reset by, is confirmed with the access token of its user.",
    tags=["auth"],
    openapi_extensions={"x-problems": [401, 403, 409, 422, 429]},
)
@public
def confirm(request: ConfirmRequest) -> Confirmed:
    source_ip, caller = origins.current().ip, _caller(request.purpose)
    if request.password is not None:
        credentials.reset(request.contact, request.code, request.password.get_secret_value(), source_ip=source_ip)
    else:
        verification.verify(
            codes.prove(request.purpose, request.contact, request.code, caller=caller, source_ip=source_ip)
        )
    return Confirmed(purpose=request.purpose)


def _caller(purpose: Purpose) -> UserId | None:
    """Returns who verifies a contact, if they say so; whoever has lost their password is nobody yet."""
    authorization = router.current_event.headers.get("authorization")
    if purpose is Purpose.RESET_PASSWORD or not authorization:
        return None
    return callers.authenticate(authorization).person
