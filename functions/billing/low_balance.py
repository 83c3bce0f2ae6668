"""Low balance: tell owners once when their credits fall below the threshold that they have set.

The move itself marks the wallet; the sweep announces it. The mark goes after the announcement is queued, so a sweep
that dies announces again, under the same name.
"""

from contextlib import suppress

from mifumo import announcements, wallets, writes
from mifumo.announcements import Announcement, Subject
from mifumo.observability import count, logger
from mifumo.wallets import NotLow

# Of wallets that fall in a minute; the rest is told of in the next.
_WALLETS_MAX = 100


def tell() -> None:
    """Announces every fall that nobody has been told of."""
    for tenant in wallets.fallen(limit=_WALLETS_MAX):
        wallet = wallets.read(tenant)
        if wallet.low_seq:
            announcements.send(Announcement(tenant, Subject.LOW_BALANCE, str(wallet.low_seq), wallet.available))
            logger.info("balance low", tenant_id=tenant, available=wallet.available, threshold=wallet.threshold)
            count("BalanceLow")
            with suppress(NotLow):  # bought meanwhile: the next fall is another one
                writes.commit(wallets.told(wallet))
