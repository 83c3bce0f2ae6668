"""Session: the refresh tokens of one login, of which exactly one is good, and the access tokens made with them.

A refresh token is `mfr_<user>.<tenant>.<family>.<secret>`. The family's part stays the same from login to logout and
names the session's item by its hash, so that only a holder of one of its tokens can speak of the session at all; the
secret changes with every refresh, and the item keeps the SHA-256 of the current token. Both are random, so a fast hash
is enough. A token that was good once and comes again was stolen or is being raced: the whole session ends (RFC 9700,
4.14.2), and with it whatever a thief has.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import NamedTuple, Self

import jwt

from mifumo import callers, clock, ids, tables, writes
from mifumo.aws import Item
from mifumo.errors import InvalidCredentials
from mifumo.ids import TenantId, UserId
from mifumo.observability import count, logger
from mifumo.permissions import Role
from mifumo.tables import Key
from mifumo.writes import Write

from . import users
from .users import AccountsSettings

# Nothing checks an access token against a table, so it lives no longer than a revoked caller may be borne.
ACCESS_S = 900
# A session ends a month after its login, however often it was refreshed.
_SESSION_S = 30 * 24 * 3600
_PREFIX = "mfr_"
_FAMILY_BYTES, _SECRET_BYTES = 16, 32


class Tokens(NamedTuple):
    """What a caller goes on with."""

    access: str
    refresh: str


class SessionEnded(InvalidCredentials):
    """The refresh token is of no use, and why is not told."""

    def __init__(self) -> None:
        super().__init__("The session has ended: sign in again.")


class _Reused(Exception):
    """The token is not the session's current one."""


class _Rotated(Exception):
    """The next token is in place already: the client library sent this write twice."""


@dataclass(frozen=True, slots=True)
class _Token:
    user: UserId
    tenant: TenantId
    family: str
    secret: str

    @classmethod
    def mint(cls, user: UserId, tenant: TenantId, family: str | None = None) -> Self:
        family = family or secrets.token_urlsafe(_FAMILY_BYTES)
        return cls(user, tenant, family, secrets.token_urlsafe(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        user, tenant, family, secret = (*text.removeprefix(_PREFIX).split("."), "", "", "")[:4]
        if not (text.startswith(_PREFIX) and ids.valid(user) and ids.valid(tenant)):
            return None
        token = cls(UserId(user), TenantId(tenant), family, secret)
        return token if token.text == text and text.isascii() else None

    @property
    def text(self) -> str:
        return f"{_PREFIX}{self.user}.{self.tenant}.{self.family}.{self.secret}"

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def session(self) -> Key:
        return Key(f"U#{self.user}", f"SESSION#{ids.derived('session', self.family)}")


def start(user: UserId, tenant: TenantId, role: Role) -> tuple[Tokens, Write]:
    """Opens a session: its first tokens, and the write that makes them good."""
    token = _Token.mint(user, tenant)
    item = {
        **token.session._asdict(),
        "digest": token.digest,
        "generation": 1,
        "tenant_id": tenant,
        "started_at": clock.stamp(),
        "ttl": clock.epoch() + _SESSION_S,
    }
    opened = writes.put(_table(), item, refused=lambda _: SessionEnded())
    return Tokens(_access(user, tenant, role), token.text), opened


def refresh(text: str) -> Tokens:
    """Trades a refresh token for the next pair, once.

    Raises SessionEnded for any other token; one that was good before also ends its session.
    """
    token = _Token.parse(text)
    if token is None:
        raise SessionEnded
    role = _role(token)
    following = _Token.mint(token.user, token.tenant, token.family)
    try:
        writes.commit(_rotation(token, following))
    except _Rotated:
        pass
    except _Reused as error:
        _end(token, because="reuse")
        logger.warning("refresh token reused, session ended", user_id=token.user)
        count("RefreshTokenReused")
        raise SessionEnded from error
    return Tokens(_access(token.user, token.tenant, role), following.text)


def end(text: str) -> None:
    """Ends the session of a refresh token; one without a session has nothing to end (RFC 7009, 2.2)."""
    token = _Token.parse(text)
    if token is not None:
        _end(token, because="logout")


def _role(token: _Token) -> Role:
    """Reads what the user is today: a role may change while a session lasts."""
    session, member = (_table(), token.session), users.membership(token.user, token.tenant)
    found = tables.read(session, member)
    role = users.role_of(found.get(member))
    if session not in found or role is None:
        raise SessionEnded
    return role


def _rotation(token: _Token, following: _Token) -> Write:
    def refusal(session: Item | None) -> Exception:
        if not session or "ended_at" in session or session["ttl"] <= clock.epoch():
            return SessionEnded()
        return _Rotated() if session["digest"] == following.digest else _Reused()

    return writes.update(
        _table(),
        token.session,
        "SET digest = :following, refreshed_at = :now ADD generation :one",
        condition="digest = :current AND attribute_not_exists(ended_at) AND #ttl > :epoch",
        names={"#ttl": "ttl"},
        values={
            ":current": token.digest,
            ":following": following.digest,
            ":now": clock.stamp(),
            ":one": 1,
            ":epoch": clock.epoch(),
        },
        refused=refusal,
    )


def _end(token: _Token, *, because: str) -> None:
    ending = writes.update(
        _table(),
        token.session,
        "SET ended_at = :now, ended_because = :because",
        condition="attribute_exists(pk) AND attribute_not_exists(ended_at)",
        values={":now": clock.stamp(), ":because": because},
        refused=lambda _: SessionEnded(),
    )
    try:
        writes.commit(ending)
    except SessionEnded:
        return


def _access(user: UserId, tenant: TenantId, role: Role) -> str:
    kid, key = callers.signing_key()
    now = clock.epoch()
    claims = {
        "iss": callers.ISSUER,
        "sub": user,
        "tid": tenant,
        "role": role.value,
        "iat": now,
        "exp": now + ACCESS_S,
    }
    return jwt.encode(claims, key, algorithm=callers.ALGORITHM, headers={"kid": kid})


def _table() -> str:
    return AccountsSettings.load().accounts_table
