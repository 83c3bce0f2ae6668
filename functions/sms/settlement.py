"""Settle: when the last chunk has ended, capture what was handed over and release the rest, once.

The wallet is touched twice a batch, at accept and here. What is captured is recounted from the chunks; the counter that
says when to look cannot change money.
"""

from contextlib import suppress

from mifumo import ledger, wallets
from mifumo.observability import count, logger
from mifumo.wallets import Wallet
from mifumo.writes import Write

from . import batches, chunks, telling
from .batches import Batch


class HoldMissingError(LookupError):
    """A batch without a hold: the transaction that made the batch made both, so this is a fault."""


def chunk_ended(batch: Batch) -> None:
    """Counts a chunk as ended, and closes the batch when that was the last."""
    if batches.one_more_ended(batch) >= batch.chunks:
        close(batch)


def close(batch: Batch) -> bool:
    """Completes a batch whose chunks have all ended; tells whether it is completed now."""
    if batch.status is batches.Status.COMPLETED:
        telling.of_batch(batch)
        return True
    parts = chunks.of_batch(batch.tenant, batch.id)
    if len(parts) < batch.chunks or not all(part.ended for part in parts):
        return False
    _settle(batch, charged=sum(part.segments * part.handed_over for part in parts))
    telling.of_batch(batch)
    return True


def _settle(batch: Batch, *, charged: int) -> None:
    hold = ledger.read_hold(batch.tenant, batch.id)
    if hold is None:
        raise HoldMissingError(batch.id)

    def build(wallet: Wallet) -> list[Write]:
        return [*ledger.settle(wallet, hold, captured=charged), batches.completed(batch, charged=charged)]

    # Somebody else settled first, in the same one transaction: there is nothing left to do.
    with suppress(ledger.AlreadyRecorded, ledger.HoldSettled, batches.AlreadyCompleted):
        ledger.move(wallets.read(batch.tenant), build)
        logger.info("batch completed", batch_id=batch.id, held=hold.amount, charged=charged)
        count("CreditsCaptured", charged)
