"""What the auth routes take and give, field by field."""

import re
import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, ValidationInfo
from pydantic_core import PydanticCustomError

from mifumo import phone
from mifumo.permissions import Role
from mifumo.phone import InvalidNumber, Msisdn
from mifumo.tenants import Status, Tenant
from mifumo.wire import Answer, Request

from . import logins, passwords, tokens
from .passwords import WeakPassword
from .signin import SignedIn
from .tokens import Tokens
from .users import Language, Person, User

# The addresses that mail servers here take; names of other scripts are written in their ASCII form (RFC 5321, 4.5.3.1).
_EMAIL = re.compile(
    r"(?=.{3,254}\Z)[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)


# What an attacker knows of a user; a password is judged with it, so it stands below these in a model.
_KNOWN = ("email", "phone", "first_name", "last_name", "business_name")


def _email(text: str) -> str:
    email = logins.canonical(text)
    if not _EMAIL.fullmatch(email):
        raise PydanticCustomError("email_invalid", "Give an e-mail address, such as asha@duka.example.")
    return email


def _phone(text: str) -> str:
    try:
        return phone.parse(text)
    except InvalidNumber as error:
        raise PydanticCustomError("phone_invalid", "{detail}", {"detail": error.detail}) from error


def _words(text: str) -> str:
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text):
        raise PydanticCustomError("text_unprintable", "Leave out control characters and line breaks.")
    return text


def _strong(password: SecretStr, info: ValidationInfo) -> SecretStr:
    known = [info.data[name] for name in _KNOWN if info.data.get(name)]
    try:
        passwords.require_strong(password.get_secret_value(), about=known)
    except WeakPassword as error:
        raise PydanticCustomError(error.reason, "{detail}", {"detail": error.detail}) from error
    return password


def _given(secret: SecretStr) -> SecretStr:
    if not _words(secret.get_secret_value()):
        raise PydanticCustomError("string_too_short", "This is empty.")
    return secret


Email = Annotated[str, Field(max_length=254, examples=["asha@duka.example"]), AfterValidator(_email)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_words)]


Phone = Annotated[
    str,
    Field(max_length=40, description="A Tanzanian mobile number, written in any usual way.", examples=["0712345678"]),
    AfterValidator(_phone),
]
NewPassword = Annotated[
    SecretStr,
    AfterValidator(_strong),
    Field(
        min_length=passwords.LENGTH_MIN,
        max_length=passwords.LENGTH_MAX,
        description="At least ten characters of any kinds, and not what is guessed first.",
        examples=["mbuyu tatu za asali"],
    ),
]
Given = Annotated[
    SecretStr,
    AfterValidator(_given),
    Field(min_length=1, max_length=passwords.LENGTH_MAX, examples=["mbuyu tatu za asali"]),
]


class RegisterRequest(Request):
    email: Annotated[Email, Field(description="What you sign in with. Upper and lower case are the same.")]
    first_name: Annotated[Name, Field(examples=["Asha"])]
    last_name: Annotated[Name, Field(examples=["Mrema"])]
    phone: Phone
    business_name: Annotated[Name, Field(description="The tenant that you will own.", examples=["Duka la Asha"])]
    password: NewPassword

    def person(self) -> Person:
        """Returns who registers."""
        return Person(self.email, Msisdn(self.phone), self.first_name, self.last_name)


FactorCode = Annotated[
    SecretStr,
    AfterValidator(_given),
    Field(
        min_length=1,
        max_length=40,
        description="Six digits of your authenticator, or a recovery code.",
        examples=["492039"],
    ),
]


class LoginRequest(Request):
    email: Email
    password: Given
    second_factor: FactorCode | None = Field(
        None,
        description="Six digits of your authenticator, or a recovery code, if you have set up a second factor.",
        examples=["492039"],
    )

    @property
    def factor_code(self) -> str | None:
        return self.second_factor.get_secret_value() if self.second_factor else None


class RefreshRequest(Request):
    refresh: Annotated[SecretStr, AfterValidator(_given), Field(min_length=1, max_length=512)] | None = Field(
        None,
        description="The last refresh token that you were given. Left out when `Mifumo-Session` says `cookie`.",
        examples=["mfr_01jd8x6q5v7w9y2k4m6p8r0t1a.01jd8x6q5v7w9y2k4m6p8r0t1b.kX2v.9sQe"],
    )


class TokensView(Answer):
    access: str = Field(description="For the Authorization header: `Bearer <access>`. A JWT; treat it as opaque.")
    refresh: str | None = Field(
        description="Good for one refresh. Sending one twice ends the session. Null when it is in the cookie."
    )
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 # the scheme's name
    expires_in: int = Field(tokens.ACCESS_S, description="Seconds until the access token expires.", examples=[900])

    @classmethod
    def of(cls, issued: Tokens) -> "TokensView":
        """Shows a pair of tokens."""
        return cls(access=issued.access, refresh=issued.refresh, expires_in=tokens.ACCESS_S)


class UserView(Answer):
    id: str
    email: str = Field(examples=["asha@duka.example"])
    phone: str = Field(examples=["+255712345678"])
    first_name: str = Field(examples=["Asha"])
    last_name: str = Field(examples=["Mrema"])
    role: Role = Field(description="What the user may do in the tenant; staff are the platform's own people.")
    phone_verified: bool = Field(description="Whether somebody has confirmed the code sent to the phone.")
    email_verified: bool = Field(description="Whether somebody has confirmed the code sent to the address.")
    pending_phone: str | None = Field(description="A new number, which takes the old one's place once it is verified.")
    language: Language = Field(description="What the platform writes to the user in.")
    time_zone: str = Field(examples=["Africa/Dar_es_Salaam"])
    created_at: str = Field(examples=["2026-01-31T08:15:30.000Z"])

    @classmethod
    def of(cls, user: User) -> "UserView":
        """Shows a user."""
        return cls(
            id=user.id,
            email=user.email,
            phone=user.phone,
            first_name=user.first_name,
            last_name=user.last_name,
            role=user.role,
            phone_verified=user.phone_verified,
            email_verified=user.email_verified,
            pending_phone=user.pending_phone or None,
            language=user.language,
            time_zone=user.time_zone,
            created_at=user.created_at,
        )


class TenantView(Answer):
    id: str
    name: str = Field(examples=["Duka la Asha"])
    status: Status = Field(description="A suspended or closed tenant may read, and neither send nor pay.")
    verified: bool = Field(description="Whether a member has verified a contact: sending and paying need it.")

    @classmethod
    def of(cls, tenant: Tenant) -> "TenantView":
        """Shows a tenant."""
        return cls(id=tenant.id, name=tenant.name, status=tenant.status, verified=bool(tenant.verified_at))


class Me(Answer):
    user: UserView
    tenant: TenantView


class Entrance(Me):
    tokens: TokensView

    @classmethod
    def of(cls, entered: SignedIn) -> "Entrance":
        """Shows who came in."""
        return cls(
            user=UserView.of(entered.user), tenant=TenantView.of(entered.tenant), tokens=TokensView.of(entered.tokens)
        )


class Refreshed(Answer):
    tokens: TokensView
