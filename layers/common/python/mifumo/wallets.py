"""Wallet: what a tenant has, and the statement of how it came to that. Reading only: `ledger` moves it."""

from dataclasses import dataclass
from typing import Final

from mifumo import tables
from mifumo.aws import Item
from mifumo.ids import TenantId
from mifumo.settings import Settings
from mifumo.tables import Key, Page

# Where all wallets stand in the index `due`, by tenant: what has to be checked every night.
LISTED: Final = "WALLETS"


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
    frozen_because: str | None = None
    """Why it spends nothing at present, for the staff."""


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
        item.get("frozen_because"),
    )


def read(tenant: TenantId) -> Wallet:
    """Reads the wallet, consistently."""
    return of(tenant, tables.get(LedgerSettings.load().ledger_table, key(tenant)))


def page(*, limit: int, start: Item | None = None) -> tuple[list[TenantId], Item | None]:
    """Lists the tenants that have a wallet, in the order of their ids."""
    found = tables.query(LedgerSettings.load().ledger_table, LISTED, index="due", limit=limit, start=start)
    return [TenantId(item["due_sk"]) for item in found.items], found.last


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
