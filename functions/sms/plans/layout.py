"""Lay out: the chunks of a plan's part are written into the batch that uses it, and the workers told.

Every chunk has its number from the plan and is put where none stands, so a part that is laid twice is laid once. It is
laid when all its chunks stand; should the workers not hear of them, the sweep finds each by itself. Of a batch that
waits for its moment they hear when that has come.
"""

from contextlib import suppress

from functions.sms import messaging
from functions.sms.batches import batches, chunks, laid
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import ChunkTaken
from functions.sms.pacing import lanes
from mifumo import tables, writes
from mifumo.ids import BatchId, TenantId
from mifumo.observability import count, logger

from . import parts, plans
from .plans import Plan


class UnknownPartError(LookupError):
    """A queue names a part that no batch has."""


def lay(tenant: TenantId, batch_id: BatchId, number: int) -> None:
    """Lays one part out; does nothing when that was done, or the batch is over."""
    batch, plan, is_laid = _read(tenant, batch_id, number)
    if is_laid or batch.status in batches.OVER:
        return
    numbers, recipients = list[int](), 0
    for ready in parts.read(tenant, plan.id, number, plan.extent.digests[number - 1]):
        with suppress(ChunkTaken):
            writes.commit(chunks.new(parts.chunk(batch, ready, part=number)))
        numbers.append(ready.number)
        recipients += len(ready.recipients)
    with suppress(laid.AlreadyLaid):
        writes.commit(laid.lay(batch, number, first=numbers[0], count=len(numbers), recipients=recipients))
        logger.info("part laid out", batch_id=batch_id, part=number, chunks=len(numbers), recipients=recipients)
        count("ChunksLaid", len(numbers))
        if batch.status not in batches.TIMED:
            lanes.fan_out(batch, numbers, place=numbers[0])


def _read(tenant: TenantId, batch_id: BatchId, number: int) -> tuple[Batch, Plan, bool]:
    """Reads the batch, its plan, and whether the part is laid."""
    table = messaging.table()
    where, part = (table, batches.key(tenant, batch_id)), (table, laid.key(tenant, batch_id, number))
    found = tables.read(where, part)
    batch = batches.of(found[where]) if where in found else None
    plan = plans.read(tenant, batch.plan) if batch else None
    if batch is None or plan is None or not 1 <= number <= len(plan.extent.digests):
        raise UnknownPartError(f"batch {batch_id} has no part {number}")
    return batch, plan, part in found and laid.of(found[part]).chunks > 0
