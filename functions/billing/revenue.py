"""Revenue: what was sold stands as deferred until it is used; at night, what was used since becomes revenue.

Worked out from a wallet's entries, so that a send costs nothing more. Credits of one wallet came at different prices,
and some for nothing: each is worth the average of those that the wallet then has.

| key | what |
|---|---|
| `REVENUE#<tenant>` / `POOL` | up to which entry it is worked out, and what the credits that are left are worth |
| `TXN#revenue:<tenant>:<entry>` | the postings, up to that entry |
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final

from mifumo import ledger, tables, writes
from mifumo.aws import Item
from mifumo.ids import TenantId
from mifumo.ledger import Kind
from mifumo.observability import count
from mifumo.tables import Key
from mifumo.wallets import LedgerSettings

from . import books

REVENUE: Final = "revenue:sms"
# Entries that are worked out in one step, each step a transaction of its own.
_ENTRIES_TOGETHER: Final = 250
_STEPS_MAX: Final = 4_000
_PRICED: Final = frozenset({Kind.CREDIT, Kind.REVERSAL})


@dataclass(frozen=True, slots=True)
class Pool:
    """A wallet's credits up to an entry: how many are left, and what of their price (TZS) is not revenue yet."""

    tenant: TenantId
    seq: int = 0
    credits: int = 0
    deferred: int = 0
    used: int = 0
    recognised: int = 0

    @classmethod
    def of(cls, tenant: TenantId, item: Item | None) -> "Pool":
        """Reads a pool from its item; one that nobody has written is empty."""
        if item is None:
            return cls(tenant)
        return cls(tenant, item["seq"], item["credits"], item["deferred"], item["used"], item["recognised"])


class PoolMoved(Exception):
    """Somebody else has worked the wallet out meanwhile."""


def recognise(tenant: TenantId) -> Pool:
    """Turns what a wallet has used since the last time into revenue. Raises PoolMoved."""
    pool = Pool.of(tenant, tables.get(_table(), _key(tenant)))
    for _ in range(_STEPS_MAX):
        entries = _entries(pool)
        if not entries:
            return pool
        pool = _worked_out(pool, entries)
    return pool


def after(pool: Pool, entries: Iterable[Item], prices: Mapping[str, int]) -> Pool:
    """Works entries out, in their order; `prices` says for what net amount the credits of a record were sold."""
    for entry in entries:
        price = prices.get(entry.get("txn") or "", 0)
        pool = replace(_moved(pool, Kind(entry["kind"]), entry["amount"], price), seq=entry["seq"])
    return pool


def _moved(pool: Pool, kind: Kind, amount: int, price: int) -> Pool:
    match kind:
        case Kind.CREDIT:
            return replace(pool, credits=pool.credits + amount, deferred=pool.deferred + price)
        case Kind.REVERSAL:
            return _taken_back(pool, amount, -price)
        case Kind.ADJUST:
            return _at_rest(replace(pool, credits=pool.credits + amount))
        case Kind.CAPTURE:
            worth = pool.deferred * amount // pool.credits
            return _used(replace(pool, credits=pool.credits - amount), amount, worth)
        case Kind.REFUND:
            worth = pool.recognised * min(amount, pool.used) // pool.used if pool.used else 0
            return _used(replace(pool, credits=pool.credits + amount), -amount, -worth)
        case Kind.HOLD | Kind.RELEASE:
            return pool


def _used(pool: Pool, amount: int, worth: int) -> Pool:
    return replace(
        pool, used=max(pool.used + amount, 0), deferred=pool.deferred - worth, recognised=pool.recognised + worth
    )


def _taken_back(pool: Pool, amount: int, price: int) -> Pool:
    """Takes bought credits back at the price that they were sold for, which may be more than the rest is worth."""
    left = replace(pool, credits=pool.credits - amount, deferred=pool.deferred - price)
    return _at_rest(_used(left, 0, left.deferred) if left.deferred < 0 else left)


def _at_rest(pool: Pool) -> Pool:
    """Nothing is owed to a wallet without credits: what is left of their price was earned by those that were used."""
    return pool if pool.credits else _used(pool, 0, pool.deferred)


def _worked_out(pool: Pool, entries: list[Item]) -> Pool:
    """Saves a step and its postings, in one transaction that can be made once."""
    now = after(pool, entries, _prices(entries))
    item = {**_key(pool.tenant)._asdict(), **asdict(now)}
    saved = writes.put(
        _table(),
        item,
        condition="attribute_not_exists(pk) OR seq = :before",
        values={":before": pool.seq},
        refused=lambda _: PoolMoved(),
    )
    worth = now.recognised - pool.recognised
    if not worth:
        writes.commit(saved)
        return now
    name = f"revenue:{pool.tenant}:{now.seq}"
    writes.transact(saved, ledger.record(name, reference=pool.tenant, postings=books.earned(worth, REVENUE)))
    count("RevenueRecognised", max(worth, 0))
    return now


def _entries(pool: Pool) -> list[Item]:
    between = (f"E#{pool.seq + 1:012d}", "E#999999999999")
    page = tables.query(_table(), f"W#{pool.tenant}", between=between, limit=_ENTRIES_TOGETHER, consistent=True)
    return page.items


def _prices(entries: list[Item]) -> dict[str, int]:
    """Reads for what the credits of some entries were sold, or taken back, from the records that they name."""
    named = [entry["txn"] for entry in entries if entry["kind"] in _PRICED and entry.get("txn")]
    places = {(_table(), Key(f"TXN#{name}", "TXN")): name for name in named}
    found = tables.read(*places) if places else {}
    return {places[place]: books.deferred(record["postings"]) for place, record in found.items()}


def _key(tenant: TenantId) -> Key:
    return Key(f"REVENUE#{tenant}", "POOL")


def _table() -> str:
    return LedgerSettings.load().ledger_table
