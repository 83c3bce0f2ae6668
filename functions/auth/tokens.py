"""Tokens: what a session is opened, gone on with and ended by.

A session has exactly one good refresh token, and access tokens are made with it. A refresh token that was good once
and comes again was stolen or is being raced: the whole session ends (RFC 9700, 4.14.2), and with it whatever a thief
has.
"""

import contextlib
from collections.abc import Iterable
from typing import NamedTuple

import jwt

from mifumo import audit, callers, clock, origins, tables, tenants, writes
from mifumo.aws import Item
from mifumo.ids import TenantId, UserId
from mifumo.observability import count, logger
from mifumo.permissions import Role
from mifumo.writes import Write

from . import second_factor, sessions, users
from .refresh_tokens import RefreshToken
from .sessions import SessionEnded

# Nothing checks an access token against a table, so it lives no longer than a revoked caller may be borne.
ACCESS_S = 900
# A transaction takes at most a hundred writes (DynamoDB's limit).
_ENDED_TOGETHER = 100


class Tokens(NamedTuple):
    """What a caller goes on with."""

    access: str
    refresh: str


class _Reused(Exception):
    """The token is not the session's current one."""


class _Rotated(Exception):
    """The next token is in place already: the client library sent this write twice."""


def start(
    user: UserId, tenant: TenantId, role: Role, *, proof: Write | None, enrolling: bool = False
) -> tuple[Tokens, list[Write]]:
    """Opens a session: its first tokens, and the writes that make them good, all of one transaction.

    `proof` holds the transaction to what let the user in (`logins.unchanged(login)` for a password,
    `sessions.still_open(...)` for another session), so that nothing that was taken back meanwhile opens a session. None
    only where the same transaction makes the user, or writes the login on a condition of its own.
    """
    token = RefreshToken.mint(user, tenant)
    opened = audit.entry_by(tenant, "session.opened", actor=user, target=token.session)
    access = _access(token, role, enrolling=enrolling)
    return Tokens(access, token.text), [sessions.opening(token), opened, *([proof] if proof else [])]


def refresh(text: str) -> Tokens:
    """Trades a refresh token for the next pair, once.

    Raises SessionEnded for any other token; one that was good before also ends its session.
    """
    token = RefreshToken.parse(text)
    if token is None:
        raise SessionEnded
    role, enrolling = _standing(token)
    following = RefreshToken.mint(token.user, token.tenant, token.family)
    try:
        writes.commit(_rotation(token, following))
    except _Rotated:
        pass
    except _Reused as error:
        _end_reused(token)
        raise SessionEnded from error
    return Tokens(_access(token, role, enrolling=enrolling), following.text)


def end(text: str) -> None:
    """Ends the session of a refresh token; one without a session has nothing to end (RFC 7009, 2.2)."""
    token = RefreshToken.parse(text)
    if token is not None:
        with contextlib.suppress(SessionEnded):
            writes.commit(sessions.ending(token.user, token.session, because="logout"))


def end_all(user: UserId, *, because: str, tenant: TenantId | None = None, but: str = "") -> None:
    """Ends every open session of a user, or those in one tenant; all but the session of that id, if one is given."""
    chosen = (
        session.id
        for session in sessions.all_open(user)
        if session.id != but and (tenant is None or session.tenant == tenant)
    )
    waiting: list[Write] = []
    for session in chosen:
        waiting.append(sessions.ending(user, session, because=because))
        if len(waiting) == _ENDED_TOGETHER:
            _end_together(waiting)
            waiting = []
    _end_together(waiting)


def _end_together(endings: list[Write]) -> None:
    if not endings:
        return
    try:
        writes.transact(*endings)
    except SessionEnded:  # One of them ended meanwhile, and kept the others from it.
        _end_one_by_one(endings)


def _end_one_by_one(endings: Iterable[Write]) -> None:
    for ending in endings:
        with contextlib.suppress(SessionEnded):
            writes.commit(ending)


def _standing(token: RefreshToken) -> tuple[Role, bool]:
    """Reads what the user is today, and whether a second factor is demanded and missing: both change meanwhile."""
    session, factor = sessions.place(token.user, token.session), second_factor.place(token.user)
    member, tenant = users.membership(token.user, token.tenant), tenants.place(token.tenant)
    found = tables.read(session, factor, member, tenant)
    role = users.role_of(found.get(member))
    if session not in found or tenant not in found or role is None:
        raise SessionEnded
    known = second_factor.of(token.user, found.get(factor))
    return role, second_factor.missing(known, role, tenants.of(found[tenant]))


def _rotation(token: RefreshToken, following: RefreshToken) -> Write:
    def refusal(session: Item | None) -> Exception:
        if not session or not sessions.is_open(session):
            return SessionEnded()
        return _Rotated() if session["digest"] == following.digest else _Reused()

    origin = origins.current()
    return writes.update(
        *sessions.place(token.user, token.session),
        "SET digest = :following, refreshed_at = :now, ip = :ip, user_agent = :agent ADD generation :one",
        condition="digest = :current AND attribute_not_exists(ended_at) AND #ttl > :epoch",
        names={"#ttl": "ttl"},
        values={
            ":current": token.digest,
            ":following": following.digest,
            ":now": clock.stamp(),
            ":ip": origin.ip,
            ":agent": origin.user_agent,
            ":one": 1,
            ":epoch": clock.epoch(),
        },
        refused=refusal,
    )


def _end_reused(token: RefreshToken) -> None:
    """Ends the session and tells its tenant, once however often the copies come."""
    ending = sessions.ending(token.user, token.session, because="reuse")
    told = audit.entry_by(token.tenant, "refresh.reused", actor=token.user, target=token.session)
    with contextlib.suppress(SessionEnded):
        writes.transact(ending, told)
    logger.warning("refresh token reused, session ended", user_id=token.user)
    count("RefreshTokenReused")


def _access(token: RefreshToken, role: Role, *, enrolling: bool) -> str:
    kid, key = callers.signing_key()
    now = clock.epoch()
    claims = {
        "iss": callers.ISSUER,
        "sub": token.user,
        "tid": token.tenant,
        "role": role.value,
        "sid": token.session,
        "iat": now,
        "exp": now + ACCESS_S,
        **({"enr": True} if enrolling else {}),
    }
    return jwt.encode(claims, key, algorithm=callers.ALGORITHM, headers={"kid": kid})
