"""Session: one login of a user into one tenant, on one device, until it is ended or a month has passed.

| pk | sk | what |
|---|---|---|
| `U#<user>` | `SESSION#<session>` | the digest of the current refresh token, the tenant, from when and from where |

An ended session stays for a day, for support to see why; afterwards it is absent, which is refused in the same words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mifumo import clock, cursors, origins, tables, writes
from mifumo.aws import Item
from mifumo.errors import InvalidCredentials
from mifumo.ids import TenantId, UserId
from mifumo.tables import Key
from mifumo.writes import Write

from .accounts import AccountsSettings
from .refresh_tokens import RefreshToken

# A session ends a month after its login, however often it was refreshed.
LIFE_S = 30 * 24 * 3600
_KEPT_S = 24 * 3600
_PREFIX = "SESSION#"
# Reads for one page of the list: ended sessions are passed over.
_READS_MAX = 10


class SessionEnded(InvalidCredentials):
    """The refresh token is of no use, and why is not told."""

    def __init__(self) -> None:
        super().__init__("The session has ended: sign in again.")


@dataclass(frozen=True, slots=True)
class Session:
    """An open session, as its owner sees it; `ip` and `user_agent` are those of the last refresh."""

    id: str
    tenant: TenantId
    started_at: str
    refreshed_at: str
    ip: str
    user_agent: str


class Listed(NamedTuple):
    """A page of open sessions and where the next one goes on."""

    items: list[Session]
    next: str | None


def place(user: UserId, session: str) -> tuple[str, Key]:
    """Returns where the session stands: read it along with something else."""
    return AccountsSettings.load().accounts_table, Key(f"U#{user}", f"{_PREFIX}{session}")


def is_open(item: Item | None) -> bool:
    """Tells whether a session, as it was read, can still be refreshed."""
    return item is not None and "ended_at" not in item and item["ttl"] > clock.epoch()


def opening(token: RefreshToken) -> Write:
    """Opens a session whose first token this is."""
    table, key = place(token.user, token.session)
    now, origin = clock.stamp(), origins.current()
    item = {
        **key._asdict(),
        "id": token.session,
        "digest": token.digest,
        "generation": 1,
        "tenant_id": token.tenant,
        "started_at": now,
        "refreshed_at": now,
        "ip": origin.ip,
        "user_agent": origin.user_agent,
        "ttl": clock.epoch() + LIFE_S,
    }
    return writes.put(table, item, refused=lambda _: SessionEnded())


def ending(user: UserId, session: str, *, because: str) -> Write:
    """Ends a session; refuses with SessionEnded when it has ended, or never was."""
    return writes.update(
        *place(user, session),
        "SET ended_at = :now, ended_because = :because, #ttl = :ttl",
        condition="attribute_exists(pk) AND attribute_not_exists(ended_at)",
        names={"#ttl": "ttl"},
        values={":now": clock.stamp(), ":because": because, ":ttl": clock.epoch() + _KEPT_S},
        refused=lambda _: SessionEnded(),
    )


def still_open(user: UserId, session: str) -> Write:
    """Holds a transaction to a session that is open; refuses with SessionEnded."""
    return writes.check(
        *place(user, session),
        condition="attribute_exists(pk) AND attribute_not_exists(ended_at) AND #ttl > :epoch",
        names={"#ttl": "ttl"},
        values={":epoch": clock.epoch()},
        refused=lambda _: SessionEnded(),
    )


def page(user: UserId, *, limit: int, cursor: str | None) -> Listed:
    """Reads a page of the user's open sessions; raises ValidationFailed for a cursor of another list."""
    scope = f"sessions:{user}"
    start, found = cursors.decode(cursor, scope=scope), list[Session]()
    for _ in range(_READS_MAX):
        read = tables.query(
            AccountsSettings.load().accounts_table,
            f"U#{user}",
            begins_with=_PREFIX,
            limit=limit - len(found),
            start=start,
            consistent=True,
        )
        found += [_of(item) for item in read.items if is_open(item)]
        start = read.last
        if start is None or len(found) == limit:
            break
    return Listed(found, cursors.encode(start, scope=scope))


def all_open(user: UserId) -> Iterator[Session]:
    """Yields every open session of the user, as it stands now."""
    items = tables.query_all(
        AccountsSettings.load().accounts_table, f"U#{user}", begins_with=_PREFIX, consistent=True, pages_max=1_000
    )
    return (_of(item) for item in items if is_open(item))


def _of(item: Item) -> Session:
    return Session(
        id=item["id"],
        tenant=TenantId(item["tenant_id"]),
        started_at=item["started_at"],
        refreshed_at=item["refreshed_at"],
        ip=item["ip"],
        user_agent=item["user_agent"],
    )
