"""Withheld: queued chunks that are not handed over, because their batch waits or was called off.

Nobody claims them for that: no attempt is used, and whoever has claimed one before goes on.
"""

from contextlib import suppress

from functions.sms.batches import chunks, turns
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import Chunk, ChunkTaken, State
from functions.sms.batches.turns import BatchMoved
from functions.sms.charges import settlement
from functions.sms.hooks import telling
from mifumo import writes


def set_aside(batch: Batch, chunk: Chunk) -> None:
    """Takes a chunk out of the sweep's sight until its batch goes on; leaves it there if the batch has by now."""
    if chunk.due is None:
        return
    with suppress(ChunkTaken, BatchMoved):
        writes.transact(turns.still(batch), chunks.move(chunk, State.QUEUED, due=None))


def call_off(batch: Batch, chunk: Chunk) -> None:
    """Ends a chunk that nobody has claimed; does nothing to any other."""
    if chunk.state is not State.QUEUED:
        return
    with suppress(ChunkTaken):
        ended = chunks.of(writes.commit(chunks.move(chunk, State.CANCELLED, due=None, reason=chunks.CALLED_OFF)))
        telling.of_chunk(ended)
        settlement.chunk_ended(batch, ended)
