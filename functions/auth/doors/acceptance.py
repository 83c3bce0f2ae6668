"""Acceptance: who was sent an invitation's link looks at it, and joins as a new user or as the one they are."""

from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field, SecretStr

from functions.auth import acceptance, cookies, delivery
from functions.auth.acceptance import Offer
from functions.auth.cookies import Kept
from functions.auth.doors.businesses import MembershipView
from functions.auth.users import Person
from functions.auth.wire import Email, Entrance, Name, NewPassword, Phone
from mifumo import origins
from mifumo.http import Caller, needs, public
from mifumo.observability import logger
from mifumo.permissions import Action, Role
from mifumo.phone import Msisdn
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["auth"]

# No length is too long for it: a token that cannot be ours is refused like any other that is not good.
Token = Annotated[
    SecretStr,
    Field(
        description="The last part of the link.",
        examples=["mfi_01jd8x6q5v7w9y2k4m6p8r0t1a.01jd8x6q5v7w9y2k4m6p8r0t1b.kX2v9sQe"],
    ),
]


class TokenRequest(Request):
    token: Token


class JoinRequest(TokenRequest):
    email: Annotated[Email, Field(description="What you sign in with.")]
    first_name: Annotated[Name, Field(examples=["Juma"])]
    last_name: Annotated[Name, Field(examples=["Ally"])]
    phone: Phone
    password: NewPassword

    def person(self) -> Person:
        """Returns who registers."""
        return Person(self.email, Msisdn(self.phone), self.first_name, self.last_name)


class OfferView(Answer):
    tenant_name: str = Field(examples=["Duka la Asha"])
    role: Role = Field(description="What you will be there.")
    contact: str = Field(description="Where the link was sent, masked.", examples=["+255712***678"])
    expires_at: str = Field(examples=["2026-02-07T08:15:30.000Z"])
    next: Literal["register", "sign_in"] = Field(
        description="What the contact suggests: who has an account signs in and accepts, anybody else registers."
    )

    @classmethod
    def of(cls, offer: Offer, *, known: bool) -> "OfferView":
        """Shows an invitation to whoever has its token."""
        invited = offer.invitation
        return cls(
            tenant_name=offer.tenant.name,
            role=invited.role,
            contact=invited.contact.masked,
            expires_at=invited.expires_at,
            next="sign_in" if known else "register",
        )


@router.post(
    "/api/auth/invitations/read/",
    summary="Look at an invitation",
    description="A wrong, an expired, a revoked and a used token get the same answer: 422 `invitation_invalid`.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [403, 422]},
)
@public
def read_invitation(request: TokenRequest) -> OfferView:
    offer, known = acceptance.read(request.token.get_secret_value())
    return OfferView.of(offer, known=known)


@router.post(
    "/api/auth/invitations/register/",
    status_code=201,
    summary="Register by an invitation",
    description="Makes the user and their membership, or nothing of them, and signs you in. The contact that the link "
    "was sent to counts as verified if you give it. For those who have an account: sign in, then accept.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [403, 409, 422, 429]},
)
@public
def register_invited(request: JoinRequest, kept: Kept = None) -> Response[Entrance]:
    entered = acceptance.register(
        request.token.get_secret_value(),
        request.person(),
        password=request.password.get_secret_value(),
        source_ip=origins.current().ip,
    )
    logger.info("registered by invitation", user_id=entered.user.id, tenant_id=entered.tenant.id)
    delivery.welcome(entered.user, source_ip=origins.current().ip)
    return cookies.hand_over(Entrance.of(entered), kept, status=HTTPStatus.CREATED)


@router.post(
    "/api/auth/invitations/accept/",
    summary="Accept an invitation",
    description="Makes you a member. Your token goes on speaking for the tenant that it was made for: switch to the "
    "new one with `POST /api/auth/switch/`.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409, 422]},
)
@needs(Action.OWN_ACCOUNT)
def accept_invitation(request: TokenRequest, caller: Caller) -> MembershipView:
    return MembershipView.of(acceptance.accept(caller, request.token.get_secret_value()))
