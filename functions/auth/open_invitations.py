"""Open invitations: which of a circle's are open, and until when; fifty at most, however many are sent at once.

| pk | sk | what |
|---|---|---|
| `T#<tenant>` | `INVITATIONS`, `STAFF_INVITATIONS` | a map of ids to when they expire, and its version |

Whoever adds one writes the map anew, without what has expired, and is refused when somebody wrote it meanwhile.
"""

from mifumo import clock, tables, writes
from mifumo.errors import Busy, Conflict
from mifumo.ids import TenantId
from mifumo.tables import Key
from mifumo.writes import Write

from .accounts import AccountsSettings

OPEN_MAX = 50


class TooManyInvitations(Conflict):
    """As many invitations are open as may be: revoke one that nobody will accept, or wait for one to expire."""

    code = "too_many_invitations"
    title = "Revoke an invitation first"


class WrittenMeanwhile(Busy):
    """Somebody else has opened or closed an invitation since the map was read: read it again."""


def opened(tenant: TenantId, circle: str, invitation: str, *, expires: int) -> Write:
    """Adds an invitation, or lets one that is there expire later; raises TooManyInvitations.

    The write refuses with WrittenMeanwhile when the map has changed since this read it.
    """
    stored = tables.get(_table(), _key(tenant, circle)) or {"listed": {}, "version": 0}
    still_open = {one: until for one, until in stored["listed"].items() if until > clock.epoch()}
    if len(still_open | {invitation: expires}) > OPEN_MAX:
        raise TooManyInvitations(f"At most {OPEN_MAX} invitations can be open.")
    item = {
        **_key(tenant, circle)._asdict(),
        "listed": still_open | {invitation: expires},
        "version": stored["version"] + 1,
    }
    return writes.put(
        _table(),
        item,
        condition="attribute_not_exists(pk) OR version = :seen",
        values={":seen": stored["version"]},
        refused=lambda _: WrittenMeanwhile(),
    )


def closed(tenant: TenantId, circle: str, invitation: str) -> Write:
    """Takes an invitation away; one that has been taken away already is no reason to refuse."""
    return writes.update(
        _table(),
        _key(tenant, circle),
        "REMOVE listed.#invitation ADD version :one",
        condition="attribute_exists(pk)",
        names={"#invitation": invitation},
        values={":one": 1},
        refused=lambda _: WrittenMeanwhile(),
    )


def _key(tenant: TenantId, circle: str) -> Key:
    return Key(f"T#{tenant}", f"{circle}S")


def _table() -> str:
    return AccountsSettings.load().accounts_table
