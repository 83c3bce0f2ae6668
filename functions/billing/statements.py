"""Statement: the entries of a span of time, and what the tenant had before and after them.

Entries are numbered in the order of time, so that a moment is found by halving: a span costs some twenty small reads
however long the statement is, and from there on it is a span of numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from mifumo import clock, wallets
from mifumo.aws import Item
from mifumo.errors import ValidationFailed
from mifumo.ids import TenantId
from mifumo.ledger import Kind
from mifumo.tables import Page

# One page of a rare kind may have to look through so many pages of others.
_LOOKS_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class Standing:
    """What a tenant had at a moment."""

    available: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a statement by entry numbers, both inclusive, and what stood before and after it."""

    first: int
    last: int
    opening: Standing
    closing: Standing


def moment(written: str, *, name: str, ends: bool) -> datetime:
    """Reads a date or a moment; a date is the beginning of its day in Dar es Salaam, or where it `ends`, the end.

    Raises ValidationFailed.
    """
    try:
        if len(written) == len("2026-01-31"):
            day = datetime.combine(date.fromisoformat(written), datetime.min.time(), clock.TANZANIA)
            return day + timedelta(days=1) if ends else day
        read = clock.parse(written)
    except (ValueError, OverflowError):
        read = None
    if read is None or read.tzinfo is None:
        raise ValidationFailed.of(
            f"query:{name}", "time_invalid", "Write a day as 2026-01-31, or a moment as 2026-01-31T09:30:00Z."
        )
    return read


def span(tenant: TenantId, *, since: datetime | None, until: datetime | None) -> Span:
    """Finds the entries made at `since` or later, and before `until`."""
    version = wallets.read(tenant).version
    first = _first_at(tenant, version, clock.stamp(since)) if since else 1
    last = _first_at(tenant, version, clock.stamp(until)) - 1 if until else version
    return Span(first, last, _after(tenant, first - 1), _after(tenant, max(last, first - 1)))


def page(
    tenant: TenantId, within: Span | None, kind: Kind | None, *, limit: int, start: Item | None, newest_first: bool
) -> Page:
    """Reads a page of a statement; of one kind alone, a page may be shorter than `limit` and not the last."""
    if within and within.last < within.first:
        return Page([], None)
    found, last = list[Item](), start
    for _ in range(_LOOKS_MAX if kind else 1):
        looked = wallets.entries(
            tenant,
            limit=limit - len(found),
            start=last,
            first=within.first if within else 1,
            last=within.last if within else None,
            newest_first=newest_first,
        )
        found += [entry for entry in looked.items if kind is None or entry["kind"] == kind]
        last = looked.last
        if last is None or len(found) == limit:
            break
    return Page(found, last)


def _first_at(tenant: TenantId, version: int, stamp: str) -> int:
    """Returns the number of the first entry made at a moment or later; one past the last when there is none."""
    return _halved(1, version + 1, lambda seq: _made_at(tenant, seq) >= stamp)


def _halved(low: int, high: int, true_from: Callable[[int], bool]) -> int:
    """Finds where something that stays true begins to be; `high` when it does nowhere below."""
    while low < high:
        middle = (low + high) // 2
        if true_from(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _made_at(tenant: TenantId, seq: int) -> str:
    return str(_entry(tenant, seq)["created_at"])


def _after(tenant: TenantId, seq: int) -> Standing:
    if seq == 0:
        return Standing()
    entry = _entry(tenant, seq)
    return Standing(entry["available_after"], entry["held_after"])


def _entry(tenant: TenantId, seq: int) -> Item:
    entry = wallets.entry(tenant, seq)
    if entry is None:
        raise LookupError(f"the statement of {tenant} has no entry {seq}")
    return entry
