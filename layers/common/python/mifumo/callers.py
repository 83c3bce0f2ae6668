"""Callers: who is calling, proven by an access token or an API key, and denied by default.

Access tokens are JWTs signed with HS256 by the auth slice. Two keys can be live at once (`kid`), so that keys rotate
without logging anybody out. Verifying costs no read: keys come from Secrets Manager and are cached for five minutes.
"""

from dataclasses import dataclass

import jwt

from mifumo import aws, clock, keys
from mifumo.errors import Forbidden, InvalidCredentials, TokenExpired, Unauthenticated
from mifumo.ids import TenantId, UserId
from mifumo.keys import ApiKey
from mifumo.modes import Mode
from mifumo.permissions import RULES, Action, Role, Scope
from mifumo.settings import Settings

ISSUER = "mifumo"
ALGORITHM = "HS256"


class SigningSettings(Settings):
    """The secret that holds the signing keys: `{"current": kid, kid: key, …}`."""

    signing_keys_secret: str


class SecondFactorMissing(Forbidden):
    """Who signed in has to set up a second factor before anything else: the tenant or the platform demands it."""

    code = "second_factor_missing"
    title = "Set up a second factor first"


class NotForTestKeys(Forbidden):
    """A test key would change what is not a test."""

    code = "not_for_test_keys"
    title = "A test key changes tests alone"


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller as every route sees it; the tenant comes from here and from nowhere else.

    A person has a user id and a role, an API key has its id and scopes. `enrolling` marks a person who may do nothing
    yet but look after their own account. `session` is the id of the person's session.
    """

    tenant_id: TenantId
    user_id: UserId | None = None
    role: Role | None = None
    session: str = ""
    enrolling: bool = False
    key_id: str | None = None
    scopes: frozenset[Scope] = frozenset()
    mode: Mode = Mode.LIVE

    @property
    def actor(self) -> str:
        """Names who acts, for records: a user's id, or `key:` and the key's."""
        return self.user_id or f"key:{self.key_id}"

    @property
    def person(self) -> UserId:
        """Returns the user's id; raises Forbidden for a key."""
        if self.user_id is None:
            raise Forbidden("This is for people; an API key has no account.")
        return self.user_id

    def may(self, action: Action) -> bool:
        """Tells whether the permission table lets the caller take the action."""
        rule = RULES[action]
        return rule.scope in self.scopes if self.key_id else self.role in rule.roles

    def require(self, action: Action) -> None:
        """Raises Forbidden unless the caller may take the action, SecondFactorMissing while a person is enrolling."""
        if self.enrolling and action is not Action.OWN_ACCOUNT:
            raise SecondFactorMissing("Set up a second factor at /api/auth/second-factor/, then refresh your token.")
        if not self.may(action):
            raise Forbidden(_refusal(action, self))

    def require_mode(self, mode: Mode) -> None:
        """Raises NotForTestKeys when a test key would change what is live; everybody else changes both."""
        if self.mode is Mode.TEST and mode is Mode.LIVE:
            raise NotForTestKeys("It was not made as a test: use a live key.")


def _refusal(action: Action, caller: Principal) -> str:
    rule = RULES[action]
    if caller.key_id:
        return f"An API key needs the scope {rule.scope} for this." if rule.scope else "No API key may do this."
    return f"This needs one of the roles {', '.join(sorted(rule.roles))}; yours is {caller.role}."


def authenticate(authorization: str | None) -> Principal:
    """Makes a principal of an Authorization header.

    Raises Unauthenticated without one, TokenExpired for a token past its time, IpNotAllowed for a key used from
    elsewhere, InvalidCredentials for anything else.
    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send an access token or an API key: `Authorization: Bearer …`.")
    if token.strip().startswith(keys.PREFIX):
        return _of_key(keys.admit(token.strip()))
    try:
        claims = jwt.decode(
            token.strip(),
            _key(token),
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            options={"require": ["exp", "iat", "sub", "tid", "role"]},
        )
        return Principal(
            tenant_id=TenantId(claims["tid"]),
            user_id=UserId(claims["sub"]),
            role=Role(claims["role"]),
            session=str(claims.get("sid", "")),
            enrolling=bool(claims.get("enr", False)),
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenExpired from error
    except (jwt.InvalidTokenError, ValueError) as error:
        raise InvalidCredentials("The access token is not valid.") from error


def _of_key(key: ApiKey) -> Principal:
    return Principal(tenant_id=key.tenant, key_id=key.id, scopes=key.scopes, mode=key.mode)


def _key(token: str) -> str:
    """Finds the key that the token names; raises jwt.InvalidTokenError when there is none."""
    kid = jwt.get_unverified_header(token.strip()).get("kid")
    if not isinstance(kid, str) or kid == "current":
        raise jwt.InvalidTokenError("no kid")
    arn = SigningSettings.load().signing_keys_secret
    live = aws.secret(arn)
    if kid not in live:
        live = aws.secret(arn, fresh_since=clock.epoch() - aws.REFRESH_S)
    if kid not in live:
        raise jwt.InvalidTokenError("unknown kid")
    return live[kid]


def signing_key() -> tuple[str, str]:
    """Returns (kid, key) to sign with."""
    live = aws.secret(SigningSettings.load().signing_keys_secret)
    return live["current"], live[live["current"]]
