"""Walk: the chunks of a batch, gone through in their order, a hundred a time, for what it was led to last.

What goes on is told to the workers again, each chunk when its turn is at the tenant's rate; what was called off ends. A
step that is cut off is taken again: a chunk that has been seen to is left as it is. Whoever has claimed a chunk keeps
it; should it come back to the queue, the worker that finds it there sees to it.
"""

from contextlib import suppress

from functions.sms import messaging
from functions.sms.batches import batches, chunks, turns
from functions.sms.batches.batches import Batch, Status
from functions.sms.batches.chunks import PAGE, Chunk, ChunkTaken, State
from functions.sms.batches.turns import BatchMoved
from functions.sms.charges import settlement
from functions.sms.delivery import withheld
from functions.sms.pacing import lanes, pace
from functions.sms.timing import starts
from mifumo import clock, writes
from mifumo.observability import logger


def go_on(batch: Batch) -> None:
    """Sees to the next hundred chunks of a batch that is gone through, and has the starter go on if some are left."""
    if batch.walk is None:
        return
    page = next(chunks.pages(batch.tenant, batch.id, first=batch.walk + 1, last=max(1, batch.chunks)))
    told = 0
    if batch.status is Status.CANCELLING:
        for chunk in page:
            withheld.call_off(batch, chunk)
    else:
        told = _tell(batch, page)
    reached = page[-1].number if len(page) == PAGE else None
    try:
        after = batches.of(writes.commit(turns.walked(batch, reached, told=told)))
    except BatchMoved:
        return
    if after.walk is not None:
        starts.enqueue(after)
        return
    logger.info("batch gone through", batch_id=batch.id, status=batch.status.value, turn=batch.turn)
    if batch.status is Status.CANCELLING:
        settlement.close(after)


def _tell(batch: Batch, page: list[Chunk]) -> int:
    """Puts queued chunks before the sweep and the workers again; returns how many."""
    told = list[int]()
    for chunk in page:
        if chunk.state is State.QUEUED:
            wait_s = pace.spread_s(batch, batch.told + len(told) + 1)
            due = messaging.swept_at(wait_s)
            with suppress(ChunkTaken):
                writes.commit(chunks.move(chunk, State.QUEUED, due=due, placed=False, since=clock.stamp()))
                told.append(chunk.number)
    lanes.fan_out(batch, told, place=batch.told + 1)
    return len(told)
