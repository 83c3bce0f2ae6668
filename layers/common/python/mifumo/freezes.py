"""Freeze: a wallet whose books do not add up spends nothing and buys nothing until people have looked.

What is under way goes on: money that comes is credited, and texts that were handed over are settled.
"""

from mifumo import clock, wallets, writes
from mifumo.errors import Conflict
from mifumo.ids import TenantId
from mifumo.wallets import LedgerSettings, Wallet
from mifumo.writes import Write


class WalletFrozen(Conflict):
    """The tenant's credits are frozen while the staff look into its books."""

    code = "wallet_frozen"
    title = "The wallet is frozen"


class NotFrozen(Conflict):
    """The wallet is not frozen, so there is nothing to lift."""

    code = "wallet_not_frozen"
    title = "The wallet is not frozen"


def require_open(wallet: Wallet) -> None:
    """Raises WalletFrozen."""
    if wallet.frozen_because:
        raise WalletFrozen("Nothing is lost. Support knows of it, and lifts it when the books have been looked into.")


def freeze(tenant: TenantId, *, because: str) -> Write:
    """Freezes a wallet; the first reason stays."""
    return writes.update(
        LedgerSettings.load().ledger_table,
        wallets.key(tenant),
        "SET frozen_because = :because, frozen_at = :now",
        condition="attribute_exists(pk) AND attribute_not_exists(frozen_because)",
        values={":because": because, ":now": clock.stamp()},
        refused=lambda _: WalletFrozen("It was frozen before."),
    )


def lift(tenant: TenantId) -> Write:
    """Lets a frozen wallet spend and buy again; refuses with NotFrozen."""
    return writes.update(
        LedgerSettings.load().ledger_table,
        wallets.key(tenant),
        "REMOVE frozen_because, frozen_at",
        condition="attribute_exists(frozen_because)",
        refused=lambda _: NotFrozen("It spends and buys as usual."),
    )
