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
    )


def read(tenant: TenantId) -> Wallet:
    """Reads the wallet, consistently."""
    return of(tenant, tables.get(LedgerSettings.load().ledger_table, key(tenant)))


def entries(tenant: TenantId, *, limit: int, start: Item | None = None) -> Page:
    """Reads a page of the statement, newest entry first."""
    return tables.query(
        LedgerSettings.load().ledger_table, f"W#{tenant}", begins_with="E#", limit=limit, newest_first=True, start=start
    )


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
