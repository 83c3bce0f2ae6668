"""Threshold: below how many available credits a tenant's owners want to be told."""

from mifumo import audit, wallets, writes
from mifumo.callers import Principal
from mifumo.errors import Busy
from mifumo.wallets import Wallet, WalletMoved

# Moves of a busy wallet that may come in between.
_RACES_MAX = 20


def put(caller: Principal, threshold: int) -> Wallet:
    """Sets the threshold, 0 for never, and returns the wallet. Raises Busy when that does not come to rest."""
    wallet = wallets.read(caller.tenant_id)
    for _ in range(_RACES_MAX):
        if wallet.threshold == threshold:
            return wallet
        told = audit.entry(
            caller,
            "billing.settings_changed",
            target=caller.tenant_id,
            before={"low_balance_threshold": wallet.threshold},
            after={"low_balance_threshold": threshold},
        )
        try:
            writes.transact(wallets.watch(wallet, threshold), told)
        except WalletMoved as moved:
            wallet = moved.wallet or wallets.read(caller.tenant_id)
        else:
            return wallets.read(caller.tenant_id)
    raise Busy(retry_after_s=1)
