"""Wallet: what a tenant has, the statement of how it came to that, and below what its owners want to be told.

`ledger` alone moves it. A move that takes it below the threshold says so in the wallet's own update, in a sparse index
that a sweep reads: who sends texts waits for no further call.
"""

from dataclasses import dataclass, replace
from typing import Final

from mifumo import tables, writes
from mifumo.aws import Item
from mifumo.ids import TenantId
from mifumo.settings import Settings
from mifumo.tables import Key, Page
from mifumo.writes import Write

_LOW: Final = "WALLETLOW"

# Where all wallets are listed, by tenant: what has to be checked every night.
_LISTED: Final = "WALLETS"


class LedgerSettings(Settings):
    """Where wallets, entries, holds and payments are."""

    ledger_table: str


@dataclass(frozen=True, slots=True)
class Wallet:
    """A tenant's credits; `package` is the best package it ever completed, None before the first."""

    tenant: TenantId
    available: int = 0
    held: int = 0
    version: int = 0
    package: str | None = None
    updated_at: str | None = None
    threshold: int = 0
    """Below so many available credits it is low; 0: it never is."""
    low_seq: int = 0
    """The entry that took it below; 0 while it is above."""
    frozen_because: str | None = None
    """Why it spends nothing at present, for the staff."""


class WalletMoved(Exception):
    """Somebody else moved the wallet since it was read; it carries the wallet as it stands, if known."""

    def __init__(self, wallet: Wallet | None) -> None:
        super().__init__()
        self.wallet = wallet


class NotLow(Exception):
    """The wallet is not low any more, or low anew."""


def key(tenant: TenantId) -> Key:
    """Returns the key of the tenant's wallet."""
    return Key(f"W#{tenant}", "WALLET")


def place(tenant: TenantId) -> tuple[str, Key]:
    """Returns where the wallet stands: read it along with something else."""
    return LedgerSettings.load().ledger_table, key(tenant)


def of(tenant: TenantId, item: Item | None) -> Wallet:
    """Reads a wallet from its item; one that does not exist yet is empty."""
    if not item:
        return Wallet(tenant)
    return Wallet(
        tenant,
        item["available"],
        item["held"],
        item["version"],
        item.get("package"),
        item.get("updated_at"),
        item.get("threshold", 0),
        item.get("low_seq", 0),
        item.get("frozen_because"),
    )


def read(tenant: TenantId) -> Wallet:
    """Reads the wallet, consistently."""
    return of(tenant, tables.get(LedgerSettings.load().ledger_table, key(tenant)))


def listed(wallet: Wallet) -> Write:
    """Lists a wallet along with its first move; refuses with WalletMoved when that has been made."""
    item = {"pk": _LISTED, "sk": wallet.tenant}
    return writes.put(LedgerSettings.load().ledger_table, item, refused=lambda _: WalletMoved(None))


def page(*, limit: int, start: Item | None = None) -> tuple[list[TenantId], Item | None]:
    """Lists the tenants that have a wallet, in the order of their ids."""
    found = tables.query(LedgerSettings.load().ledger_table, _LISTED, limit=limit, start=start, consistent=True)
    return [TenantId(item["sk"]) for item in found.items], found.last


def entry(tenant: TenantId, seq: int) -> Item | None:
    """Reads the entry of this number."""
    return tables.get(LedgerSettings.load().ledger_table, Key(f"W#{tenant}", _entry_sk(seq)))


def entries(
    tenant: TenantId,
    *,
    limit: int,
    start: Item | None = None,
    first: int = 1,
    last: int | None = None,
    newest_first: bool = True,
) -> Page:
    """Reads a page of the statement, or of the part of it between two numbers."""
    between = (_entry_sk(first), "E#~" if last is None else _entry_sk(last))
    return tables.query(
        LedgerSettings.load().ledger_table,
        f"W#{tenant}",
        between=between,
        limit=limit,
        newest_first=newest_first,
        start=start,
    )


def _entry_sk(seq: int) -> str:
    return f"E#{seq:012d}"


def crossing(before: Wallet, after: Wallet, now: str) -> tuple[Item, tuple[str, ...]]:
    """Returns which attributes a move sets and removes as it takes the wallet below its threshold, or above it."""
    low = after.available < after.threshold
    if low and not before.low_seq:
        return {"low_seq": after.version, "due_pk": _LOW, "due_sk": f"{now}#{after.tenant}"}, ()
    if not low and before.low_seq:
        return {}, ("low_seq", "due_pk", "due_sk")
    return {}, ()


def watch(wallet: Wallet, threshold: int) -> Write:
    """Sets the threshold, 0 for none; refuses with WalletMoved. A wallet that is below it now has not fallen."""
    after = replace(wallet, threshold=threshold)
    low = {"low_seq": max(wallet.version, 1)} if after.available < threshold else {}
    gone = ["due_pk", "due_sk", *([] if low else ["low_seq"])]
    item = {"threshold": threshold, **low}
    fresh = {"available": 0, "held": 0, "version": 0} if wallet.version == 0 else {}
    return writes.update(
        LedgerSettings.load().ledger_table,
        key(wallet.tenant),
        "SET " + ", ".join(f"#{name} = :{name}" for name in (item | fresh)) + " REMOVE " + ", ".join(gone),
        condition="version = :before" if wallet.version else "attribute_not_exists(pk) OR version = :before",
        names={f"#{name}": name for name in (item | fresh)},
        values={**{f":{name}": value for name, value in (item | fresh).items()}, ":before": wallet.version},
        refused=lambda found: WalletMoved(of(wallet.tenant, found) if found else None),
    )


def fallen(*, limit: int) -> list[TenantId]:
    """Lists tenants whose wallets have fallen below their thresholds and whose owners have not been told."""
    page = tables.query(LedgerSettings.load().ledger_table, _LOW, index="due", limit=limit)
    return [TenantId(item["pk"].removeprefix("W#")) for item in page.items]


def told(wallet: Wallet) -> Write:
    """Notes that the owners have been told of this fall; refuses with NotLow when it is over."""
    return writes.update(
        LedgerSettings.load().ledger_table,
        key(wallet.tenant),
        "REMOVE due_pk, due_sk",
        condition="low_seq = :seq",
        values={":seq": wallet.low_seq},
        refused=lambda _: NotLow(wallet.tenant),
    )
