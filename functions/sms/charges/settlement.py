"""Settle: when the last chunk has ended, capture what was handed over and release the rest, once.

The wallet is touched twice a batch, at accept and here. What is captured is recounted from the chunks; the counters
that say when to look cannot change money. The chunks of a large batch are read part by part, once all of a part have
ended: what they cost does not change after that. Chunks that expired before their batch was over are not waited for:
nobody knows any more what became of them, so they cost nothing, as all that is unknown.
"""

from collections import Counter
from contextlib import suppress
from typing import NamedTuple

from functions.sms import messaging
from functions.sms.analytics import reckonings
from functions.sms.batches import batches, chunks, laid, turns
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import Chunk, State
from functions.sms.batches.laid import LaidPart
from functions.sms.batches.window import WindowSettings
from functions.sms.hooks import telling
from mifumo import ledger, wallets, writes
from mifumo.observability import count, logger
from mifumo.wallets import Wallet
from mifumo.writes import Write


class _Bill(NamedTuple):
    """What a batch costs in the end, and whether some of it was called off."""

    charged: int
    called_off: bool
    lost: int = 0
    """How many of its chunks, or parts, expired before it was over."""


class HoldMissingError(LookupError):
    """A batch without a hold: the transaction that made the batch made both, so this is a fault."""


def chunk_ended(batch: Batch, chunk: Chunk) -> None:
    """Counts a chunk, as it ended, and closes its part and its batch when that was the last."""
    if chunk.part:
        part = laid.one_more_ended(chunk)
        if part.full:
            close_part(batch, part)
    elif batches.one_more_ended(batch) >= batch.chunks:
        close(batch)


def look(batch: Batch, chunk: Chunk) -> None:
    """Closes what a worker may have left open that died after the end of this chunk."""
    if not chunk.part:
        close(batch)
        return
    part = laid.get(batch.tenant, batch.id, chunk.part)
    if part and part.captured is None:
        close_part(batch, part)
    elif part:
        close(batch)


def close_part(batch: Batch, part: LaidPart) -> bool:
    """Writes down what the chunks of a part cost if all have ended, and closes the batch when it was the last part.

    It reads no further than to the first that has not ended.
    """
    found, captured, whole = 0, 0, Counter[str]()
    for page in chunks.pages(batch.tenant, batch.id, first=part.first, last=part.last) if part.chunks else ():
        if not all(chunk.ended for chunk in page):
            return False
        found += len(page)
        captured += sum(chunk.segments * chunk.handed_over for chunk in page)
        for chunk in page:
            whole[chunk.state.value] += len(chunk.recipients)
    if found == 0 or found < part.chunks:
        return False
    # For as long the reports of its last chunk are waited for; the sweep then ends those that never came.
    last_count = messaging.swept_at(WindowSettings.load().receipt_window_s)
    reckonings.hasten(batch, part=part.number, first=part.first, last=part.last)
    try:
        writes.commit(laid.closed(part, whole, captured=captured, due=last_count))
    except laid.PartMoved:
        close(batch)
        return True
    if batches.one_more_ended(batch) >= batch.parts:
        close(batch)
    return True


def close(batch: Batch) -> bool:
    """Completes a batch whose chunks have all ended; tells whether it is completed now."""
    if batch.status in batches.OVER:
        telling.of_batch(batch)
        return True
    bill = _of_parts(batch) if batch.parts else _of_chunks(batch)
    if bill is None:
        return False
    if not batch.parts:
        reckonings.hasten(batch, last=batch.chunks)
    _settle(batch, bill)
    telling.of_batch(batch)
    return True


def _of_chunks(batch: Batch) -> _Bill | None:
    """Returns what a batch costs, None while a chunk has not ended."""
    found = chunks.of_batch(batch.tenant, batch.id)
    lost = batch.chunks - len(found)
    if (lost and not chunks.gone(batch.created_at)) or not all(chunk.ended for chunk in found):
        return None
    charged = sum(chunk.segments * chunk.handed_over for chunk in found)
    called_off = any(chunk.reason == chunks.CALLED_OFF for chunk in found) or (lost > 0 and _is_called_off(batch))
    return _Bill(charged, called_off, lost)


def _of_parts(batch: Batch) -> _Bill | None:
    """Returns what a batch costs whose parts are all closed, None before."""
    found = laid.of_batch(batch)
    captured = [part.captured for part in found if part.captured is not None]
    lost = batch.parts - len(captured)
    if lost and not chunks.gone(batch.created_at):
        return None
    ended_early = lost > 0 or any(State.CANCELLED.value in dict(part.whole) for part in found)
    return _Bill(sum(captured), ended_early and _is_called_off(batch), lost)


def _is_called_off(batch: Batch) -> bool:
    """Tells it from one whose recipients opted out: their chunks end alike."""
    standing = turns.read(batch)
    return standing is not None and standing.status is batches.Status.CANCELLING


def _settle(batch: Batch, bill: _Bill) -> None:
    if batch.test:
        with suppress(batches.AlreadyCompleted):
            writes.commit(batches.completed(batch, charged=0, called_off=bill.called_off))
        return
    hold = ledger.read_hold(batch.tenant, batch.id)
    if hold is None:
        raise HoldMissingError(batch.id)

    def build(wallet: Wallet) -> list[Write]:
        end = batches.completed(batch, charged=bill.charged, called_off=bill.called_off)
        return [*ledger.settle(wallet, hold, captured=bill.charged), end]

    # Somebody else settled first, in the same one transaction: there is nothing left to do.
    with suppress(ledger.AlreadyRecorded, ledger.HoldSettled, batches.AlreadyCompleted):
        ledger.move(wallets.read(batch.tenant), build)
        logger.info("batch completed", batch_id=batch.id, held=hold.amount, charged=bill.charged)
        count("CreditsCaptured", bill.charged)
        if bill.lost:
            logger.error("batch outlived its chunks", batch_id=batch.id, lost=bill.lost, of=batch.parts or batch.chunks)
            count("BatchOutlivedChunks")
