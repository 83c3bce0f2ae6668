"""Wallet: what a tenant has, and the statement of how it came to that. Reading only: `ledger` moves it."""

from dataclasses import dataclass

from mifumo import tables
from mifumo.aws import Item
from mifumo.ids import TenantId
from mifumo.settings import Settings
from mifumo.tables import Key, Page


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


def key(tenant: TenantId) -> Key:
    """Returns the key of the tenant's wallet."""
    return Key(f"W#{tenant}", "WALLET")


def of(tenant: TenantId, item: Item | None) -> Wallet:
    """Reads a wallet from its item; one that does not exist yet is empty."""
    if not item:
        return Wallet(tenant)
    return Wallet(tenant, item["available"], item["held"], item["version"], item.get("package"), item.get("updated_at"))


def read(tenant: TenantId) -> Wallet:
    """Reads the wallet, consistently."""
    return of(tenant, tables.get(LedgerSettings.load().ledger_table, key(tenant)))


def entries(tenant: TenantId, *, limit: int, start: Item | None = None) -> Page:
    """Reads a page of the statement, newest entry first."""
    return tables.query(
        LedgerSettings.load().ledger_table, f"W#{tenant}", begins_with="E#", limit=limit, newest_first=True, start=start
    )
