"""Reconciliation: one provider's own account of a day beside ours, order by order, and how far the comparison has come.

The only code that reads or writes reconciliations. The first verdict on an order stands: a comparison that is made
again after a crash comes to the same report.

| key | what |
|---|---|
| `RECON#<provider>` / `<day>` | how far a day's comparison has come, and its totals once it is over |
| `listing`: `RECONS` / `<day>#<provider>` | the same, the newest day first |
| `RECON#<provider>#<day>` / `R#<order>` | one order's verdict; a second transaction of it has `#<receipt>` behind it |
| `listing`: `RECON#<provider>#<day>` / `<bucket>#<order>` | the same, where the two do not agree |
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.errors import NotFound
from mifumo.ids import PaymentId, TenantId
from mifumo.providers.payments import Statement
from mifumo.tables import Key, Page
from mifumo.wallets import LedgerSettings

from . import days, verdicts
from .payment import Payment
from .verdicts import Bucket, Verdict

_LISTING = "RECONS"
_ROWS_PAGES_MAX = 4_000


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


@dataclass(frozen=True, slots=True)
class Row:
    """One order in a report: what the provider says, and what we say."""

    order: str
    bucket: Bucket
    why: str
    payment: PaymentId | None
    tenant: TenantId | None
    status: str | None
    """The payment's, when the two were compared."""
    ours: int | None
    theirs: int | None
    currency: str | None
    receipt: str | None
    at: str


class ReconciliationMoved(Exception):
    """Another run has gone on with the comparison meanwhile."""


class RowKept(Exception):
    """The order has its verdict already."""


def _table() -> str:
    return LedgerSettings.load().ledger_table


def _key(provider: str, day: str) -> Key:
    return Key(f"RECON#{provider}", day)


def _partition(provider: str, day: str) -> str:
    return f"RECON#{provider}#{day}"


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


def differences(provider: str, day: str, *, bucket: Bucket | None, limit: int, start: Item | None) -> Page:
    """Reads a page of the orders that the two do not agree about, of one bucket or all."""
    prefix = f"{bucket}#" if bucket else ""
    return tables.query(
        _table(), _partition(provider, day), index="listing", begins_with=prefix, limit=limit, start=start
    )


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


def counted(known: Reconciliation) -> Reconciliation:
    """Adds the verdicts up: how the comparison stands once `end` has saved it."""
    counts, amounts = Counter[str](), Counter[str]()
    for row in rows(known):
        counts[row.bucket] += 1
        amounts[row.bucket] += (row.ours if row.bucket is Bucket.OURS_ONLY else row.theirs) or 0
    return replace(
        known,
        stage=Stage.OVER,
        place=None,
        step=known.step + 1,
        ended_at=clock.stamp(),
        counts={bucket.value: counts[bucket] for bucket in Bucket},
        amounts={bucket.value: amounts[bucket] for bucket in Bucket},
    )


def rows(known: Reconciliation) -> list[Row]:
    """Reads every verdict so far, those on what agrees included."""
    items = tables.query_all(
        _table(),
        _partition(known.provider, known.day),
        begins_with="R#",
        consistent=True,
        pages_max=_ROWS_PAGES_MAX,
    )
    return [row_of(item) for item in items]


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


def judged(known: Reconciliation, orders: Sequence[str]) -> set[str]:
    """Tells which of some orders have their verdict."""
    places = {(_table(), Key(_partition(known.provider, known.day), f"R#{order}")): order for order in orders}
    return {places[place] for place in tables.read(*places)}


def told_of(provider: str, order: str, days_: Sequence[str]) -> Row | None:
    """Reads what a provider has told of an order when some days were compared; None where it told of no money."""
    places = [(_table(), Key(_partition(provider, day), f"R#{order}")) for day in days_]
    found = tables.read(*places) if places else {}
    rows_ = (row_of(found[place]) for place in places if place in found)
    return next((row for row in rows_ if row.theirs is not None), None)


def judge(
    known: Reconciliation, order: str, verdict: Verdict, *, payment: Payment | None, statement: Statement, at: str
) -> bool:
    """Keeps the verdict on an order, the first one only; returns whether this was it."""
    # A transaction that is not the payment's own has a row of its own.
    alone = payment is None or not verdicts.same_receipt(payment, statement)
    item = {
        "pk": _partition(known.provider, known.day),
        "sk": f"R#{order}#{statement.receipt}" if alone and statement.receipt else f"R#{order}",
        "order": order,
        "bucket": verdict.bucket.value,
        "why": verdict.why,
        "at": at,
        **_sides(payment, statement),
    }
    if verdict.bucket is not Bucket.MATCHED:
        item |= {"listing_pk": item["pk"], "listing_sk": f"{verdict.bucket}#{item['sk'].removeprefix('R#')}"}
    try:
        writes.commit(writes.put(_table(), item, refused=lambda _: RowKept()))
    except RowKept:
        return False
    return True


def _sides(payment: Payment | None, statement: Statement) -> Item:
    """Returns what each side says; what a side does not say is left out."""
    ours = {}
    if payment is not None:
        ours = {
            "payment": payment.id,
            "tenant": payment.tenant,
            "status": payment.status.value,
            "ours": payment.received,
        }
    theirs = {"theirs": statement.amount_tzs, "currency": statement.currency, "receipt": statement.receipt}
    return {**ours, **{name: value for name, value in theirs.items() if value is not None}}


def row_of(item: Item) -> Row:
    """Reads a row from its item."""
    maybe = ("payment", "tenant", "status", "ours", "theirs", "currency", "receipt")
    return Row(
        order=item["order"],
        bucket=Bucket(item["bucket"]),
        why=item["why"],
        at=item["at"],
        **{name: item.get(name) for name in maybe},
    )
