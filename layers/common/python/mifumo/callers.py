"""Callers: who is calling, proven by an access token, and denied by default.

Access tokens are JWTs signed with HS256 by the auth slice. Two keys can be live at once (`kid`), so that keys rotate
without logging anybody out. Verifying costs no read: keys come from Secrets Manager and are cached for five minutes.
"""

from dataclasses import dataclass
from enum import StrEnum

import jwt

from mifumo import aws, clock
from mifumo.errors import Forbidden, InvalidCredentials, TokenExpired, Unauthenticated
from mifumo.ids import TenantId, UserId
from mifumo.settings import Settings

ISSUER = "mifumo"
ALGORITHM = "HS256"


class SigningSettings(Settings):
    """The secret that holds the signing keys: `{"current": kid, kid: key, …}`."""

    signing_keys_secret: str


class Role(StrEnum):
    """What a member is in a tenant; staff belong to the platform."""

    OWNER = "owner"
    ADMIN = "admin"
    AGENT = "agent"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller as every route sees it; the tenant comes from here and from nowhere else."""

    user_id: UserId
    tenant_id: TenantId
    role: Role

    def require(self, *roles: Role) -> None:
        """Raises Forbidden unless the caller has one of the roles."""
        if self.role not in roles:
            raise Forbidden(f"This needs one of the roles {', '.join(roles)}; yours is {self.role}.")


def authenticate(authorization: str | None) -> Principal:
    """Makes a principal of an Authorization header.

    Raises Unauthenticated without one, TokenExpired for a token past its time, InvalidCredentials for anything else.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send an access token: `Authorization: Bearer …`.")
    try:
        claims = jwt.decode(
            token.strip(),
            _key(token),
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            options={"require": ["exp", "iat", "sub", "tid", "role"]},
        )
        return Principal(UserId(claims["sub"]), TenantId(claims["tid"]), Role(claims["role"]))
    except jwt.ExpiredSignatureError as error:
        raise TokenExpired from error
    except (jwt.InvalidTokenError, ValueError) as error:
        raise InvalidCredentials("The access token is not valid.") from error


def _key(token: str) -> str:
    """Finds the key that the token names; raises jwt.InvalidTokenError when there is none."""
    kid = jwt.get_unverified_header(token.strip()).get("kid")
    if not isinstance(kid, str) or kid == "current":
        raise jwt.InvalidTokenError("no kid")
    arn = SigningSettings.load().signing_keys_secret
    keys = aws.secret(arn)
    if kid not in keys:
        keys = aws.secret(arn, fresh_since=clock.epoch() - aws.REFRESH_S)
    if kid not in keys:
        raise jwt.InvalidTokenError("unknown kid")
    return keys[kid]


def signing_key() -> tuple[str, str]:
    """Returns (kid, key) to sign with."""
    keys = aws.secret(SigningSettings.load().signing_keys_secret)
    return keys["current"], keys[keys["current"]]
