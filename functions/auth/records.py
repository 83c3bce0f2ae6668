"""Records: the audit log as it is read, newest first, by the tenant that it is about and by the platform's staff."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from mifumo import audit, ids, tables
from mifumo.audit import AuditSettings
from mifumo.aws import Item
from mifumo.errors import ValidationFailed
from mifumo.ids import TenantId
from mifumo.permissions import PLATFORM_ROLES
from mifumo.tables import Page

# A request looks through at most so many entries for those that were asked for; the next one goes on from there.
_ENTRIES_A_QUERY, _QUERIES_MAX = 250, 8
_LAST_ID = "8"  # ids begin with 0 to 7


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries to show: actions that begin so, one actor's, made from one moment until just before another."""

    action: str = ""
    actor: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def between(self) -> tuple[str, str]:
        """The range of ids, which sort by time; raises ValidationFailed for one that ends before it begins."""
        low = ids.earliest(self.since) if self.since else "0"
        high = ids.earliest(self.until) if self.until else _LAST_ID
        if low > high:
            raise ValidationFailed.of("query:from", "range_empty", "`from` must not be after `to`.")
        return low, high

    def matches(self, entry: Item) -> bool:
        """Tells whether an entry is one of those; time is the query's own matter."""
        return bool(entry["action"].startswith(self.action)) and self.actor in {"", entry["actor"]}


def of_tenant(
    tenant: TenantId, wanted: Wanted, *, limit: int, start: Item | None, named: Callable[[Item], bool]
) -> Page:
    """Reads a page of a tenant's log. `named` tells whose entries may be found by their actor."""

    def chosen(entry: Item) -> bool:
        return wanted.matches(entry) and (not wanted.actor or named(entry))

    return _page(f"T#{tenant}", None, wanted.between, chosen, limit, start)


def of_staff(wanted: Wanted, *, limit: int, start: Item | None) -> Page:
    """Reads a page of what the platform's people did, in any tenant."""
    return _page(audit.STAFF, "listing", wanted.between, wanted.matches, limit, start)


def shown(entry: Item, *, to_staff: bool) -> dict[str, Any]:
    """Shows an entry; who of the platform acted, and from where, is for staff alone."""
    acting = kind(entry)
    hidden = acting == "platform" and not to_staff
    told = {name: entry[name] for name in ("id", "at", "action", "target", "before", "after", "reason")}
    return {
        **told,
        "actor": {"id": None if hidden else entry["actor"].removeprefix("key:"), "kind": acting},
        "role": entry["role"] or None,
        "ip": None if hidden else entry["ip"] or None,
        "request_id": entry["request_id"] or None,
    }


def kind(entry: Item) -> Literal["user", "key", "platform"]:
    """Tells whether a person, a program or the platform acted."""
    if entry["role"] in PLATFORM_ROLES or entry["actor"] == audit.PLATFORM:
        return "platform"
    return "key" if entry["actor"].startswith("key:") else "user"


def _page(
    pk: str,
    index: str | None,
    between: tuple[str, str],
    chosen: Callable[[Item], bool],
    limit: int,
    start: Item | None,
) -> Page:
    found: list[Item] = []
    for _ in range(_QUERIES_MAX):
        page = tables.query(
            AuditSettings.load().audit_table,
            pk,
            index=index,
            between=between,
            limit=_ENTRIES_A_QUERY,
            newest_first=True,
            start=start,
        )
        for entry in filter(chosen, page.items):
            if len(found) == limit:
                return Page(found, _place(found[-1], index))
            found.append(entry)
        start = page.last
        if start is None:
            return Page(found, None)
    return Page(found, start)


def _place(entry: Item, index: str | None) -> Item:
    names = ("pk", "sk", "listing_pk", "listing_sk") if index else ("pk", "sk")
    return {name: entry[name] for name in names}
