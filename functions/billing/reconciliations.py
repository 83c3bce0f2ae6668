"""Reconciliation: one provider's own account of a day beside ours, and how far the comparison has come.

The only code that reads or writes how far; `reconciliation_rows` has what was found, order by order.

| key | what |
|---|---|
| `RECON#<provider>` / `<day>` | how far a day's comparison has come, and its totals once it is over |
| `listing`: `RECONS` / `<day>#<provider>` | the same, the newest day first |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.errors import NotFound
from mifumo.tables import Key, Page
from mifumo.wallets import LedgerSettings

from . import days
from .verdicts import Bucket

_LISTING = "RECONS"


class Stage(StrEnum):
    """What a comparison is at."""

    THEIRS = "theirs"
    """Goes through the provider's list."""
    OURS = "ours"
    """Goes through our payments of the day."""
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One provider and day; `place` is where its stage goes on. Totals are counted at the end."""

    provider: str
    day: str
    stage: Stage
    lists: bool
    """The provider has a list of its own, so what only it knows can be found."""
    step: int = 0
    place: str | Item | None = None
    started_at: str = ""
    ended_at: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    amounts: Mapping[str, int] = field(default_factory=dict)
    """Whole TZS at the provider, by bucket; ours where only we know of any."""

    @property
    def differences(self) -> int:
        """How many orders the two do not agree about."""
        return sum(number for bucket, number in self.counts.items() if bucket != Bucket.MATCHED)


class ReconciliationMoved(Exception):
    """Another run has gone on with the comparison meanwhile."""


def _table() -> str:
    return LedgerSettings.load().ledger_table


def _key(provider: str, day: str) -> Key:
    return Key(f"RECON#{provider}", day)


def read(provider: str, day: str) -> Reconciliation | None:
    """Reads how far a comparison has come; None when nobody has begun it."""
    item = tables.get(_table(), _key(provider, day))
    return of(item) if item else None


def find(provider: str, day: str) -> Reconciliation:
    """Reads a comparison, for staff; raises NotFound."""
    found = read(provider, day) if days.valid(day) else None
    if found is None:
        raise NotFound("There is no such reconciliation.")
    return found


def of(item: Item) -> Reconciliation:
    """Reads a comparison from its item."""
    values = {name: item[name] for name in Reconciliation.__dataclass_fields__ if name in item}
    return Reconciliation(**{**values, "stage": Stage(item["stage"])})


def page(*, limit: int, start: Item | None) -> Page:
    """Reads a page of all comparisons, the newest day first."""
    return tables.query(_table(), _LISTING, index="listing", limit=limit, newest_first=True, start=start)


def begin(provider: str, day: str, *, lists: bool) -> Reconciliation:
    """Begins a comparison. Raises ReconciliationMoved when somebody has."""
    stage = Stage.THEIRS if lists else Stage.OURS
    begun = Reconciliation(provider, day, stage, lists, started_at=clock.stamp())
    _save(begun)
    return begun


def go_on(known: Reconciliation, stage: Stage, place: str | Item | None) -> Reconciliation:
    """Saves how far the comparison has come. Raises ReconciliationMoved."""
    after = replace(known, stage=stage, place=place, step=known.step + 1)
    _save(after)
    return after


def end(over: Reconciliation) -> None:
    """Saves a comparison that was counted. Raises ReconciliationMoved."""
    _save(over)


def _save(after: Reconciliation) -> None:
    """Writes a comparison on condition that it stands where this run found it."""
    values = {name: getattr(after, name) for name in Reconciliation.__dataclass_fields__}
    item = {
        **_key(after.provider, after.day)._asdict(),
        **{name: value for name, value in values.items() if value is not None},
        "stage": after.stage.value,
        "listing_pk": _LISTING,
        "listing_sk": f"{after.day}#{after.provider}",
    }
    writes.commit(
        writes.put(
            _table(),
            item,
            condition="step = :before" if after.step else "attribute_not_exists(pk)",
            values={":before": after.step - 1} if after.step else None,
            refused=lambda _: ReconciliationMoved(),
        )
    )
