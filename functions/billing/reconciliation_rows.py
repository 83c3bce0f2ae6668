"""Row: one order in a reconciliation, and the verdict on it. The only code that reads or writes rows.

The first verdict on an order stands: a comparison that is made again after a crash comes to the same report.

| key | what |
|---|---|
| `RECON#<provider>#<day>` / `R#<order>` | one order's verdict; a second transaction of it has `#<receipt>` behind it |
| `listing`: `RECON#<provider>#<day>` / `<bucket>#<order>` | the same, where the two do not agree |
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.ids import PaymentId, TenantId
from mifumo.providers.payments import Statement
from mifumo.tables import Key, Page
from mifumo.wallets import LedgerSettings

from . import verdicts
from .payment import Payment
from .reconciliations import Reconciliation, Stage
from .verdicts import Bucket, Verdict

_ROWS_PAGES_MAX = 4_000


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


class RowKept(Exception):
    """The order has its verdict already."""


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


def judged(known: Reconciliation, orders: Sequence[str]) -> set[str]:
    """Tells which of some orders have their verdict."""
    places = {(_table(), Key(_partition(known.provider, known.day), f"R#{order}")): order for order in orders}
    return {places[place] for place in tables.read(*places)}


def told_of(provider: str, order: str, days_: Sequence[str]) -> Row | None:
    """Reads what a provider has told of an order when some days were compared; None where it told of no money."""
    places = [(_table(), Key(_partition(provider, day), f"R#{order}")) for day in days_]
    found = tables.read(*places) if places else {}
    rows_ = (of(found[place]) for place in places if place in found)
    return next((row for row in rows_ if row.theirs is not None), None)


def page(provider: str, day: str, *, bucket: Bucket | None, limit: int, start: Item | None) -> Page:
    """Reads a page of the orders that the two do not agree about, of one bucket or all."""
    prefix = f"{bucket}#" if bucket else ""
    return tables.query(
        _table(), _partition(provider, day), index="listing", begins_with=prefix, limit=limit, start=start
    )


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
    return [of(item) for item in items]


def of(item: Item) -> Row:
    """Reads a row from its item."""
    maybe = ("payment", "tenant", "status", "ours", "theirs", "currency", "receipt")
    return Row(
        order=item["order"],
        bucket=Bucket(item["bucket"]),
        why=item["why"],
        at=item["at"],
        **{name: item.get(name) for name in maybe},
    )


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


def _partition(provider: str, day: str) -> str:
    return f"RECON#{provider}#{day}"


def _table() -> str:
    return LedgerSettings.load().ledger_table
