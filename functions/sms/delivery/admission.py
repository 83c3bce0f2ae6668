"""Admission: whether a queued chunk may be handed over now; one that may not waits, comes again or is called off."""

from contextlib import suppress
from math import ceil
from typing import NamedTuple

from functions.sms import messaging
from functions.sms.batches import batches, chunks
from functions.sms.batches.batches import Batch, Status
from functions.sms.batches.chunks import Chunk, ChunkTaken, Lane, State
from functions.sms.pacing import lanes, pace, waited
from functions.sms.pacing.pace import Standing
from functions.sms.provider import circuit
from functions.sms.timing import starts
from mifumo import tables, writes
from mifumo.circuits import Circuit
from mifumo.ids import BatchId, TenantId
from mifumo.observability import count

from . import bars, withheld
from .bars import Bar

# A queue is not earlier than it was told to be, but clocks differ.
_EARLY_S = 2


class UnknownChunkError(LookupError):
    """A queue names a chunk that does not exist."""


class Found(NamedTuple):
    """A chunk, and all that decides whether it may go; `bar` is what keeps its batch from going."""

    batch: Batch
    chunk: Chunk
    circuit: Circuit
    bar: Bar | None
    stands: Standing


def read(tenant: TenantId, batch_id: BatchId, number: int) -> Found:
    """Reads a chunk with all that decides, in one batched read; raises UnknownChunkError."""
    table = messaging.table()
    wanted = [
        (table, batches.key(tenant, batch_id)),
        (table, chunks.key(tenant, batch_id, number)),
        (table, circuit.KEY),
        *((table, key) for key in pace.keys(tenant)),
    ]
    found = tables.read(*wanted, *bars.places(tenant))
    if wanted[0] not in found or wanted[1] not in found:
        raise UnknownChunkError(f"batch {batch_id} has no chunk {number}")
    batch, chunk = batches.of(found[wanted[0]]), chunks.of(found[wanted[1]])
    stands = pace.standing(found.get(wanted[3]), found.get(wanted[4]))
    return Found(batch, chunk, circuit.of(found.get(wanted[2])), bars.among(batch, found), stands)


def admits(found: Found, *, waits: str) -> bool:
    """Tells whether a chunk may be handed over now; what is to become of one that may not is done.

    Whoever `waits` for its turn at that moment and comes before it comes again.
    """
    chunk = found.chunk
    if chunk.state is not State.QUEUED or _is_stopped(found):
        return False
    if chunk.lane is Lane.BULK:
        return _has_turn(chunk, found.stands, waits=waits)
    if chunk.attempts or pace.hurries(chunk, found.stands):
        return True
    _go_on_in_bulk(chunk)
    return False


def _is_stopped(found: Found) -> bool:
    """Tells whether a chunk's batch may not go now; the chunk is set aside, called off, or left until that is known."""
    batch, chunk = found.batch, found.chunk
    if batch.status in batches.WAITING:
        withheld.set_aside(batch, chunk)
    elif batch.status is Status.CANCELLING:
        withheld.call_off(batch, chunk)
    elif found.bar:
        # It stays queued: the sweep brings it again, and by then its batch is held, or called off.
        starts.hush(batch)
    else:
        return False
    return True


def _has_turn(chunk: Chunk, stands: Standing, *, waits: str) -> bool:
    """Tells whether a chunk may be handed over now; one that may not comes again, and has used no attempt."""
    if chunk.due and (early_s := messaging.ahead_s(chunk.due)) > _EARLY_S:
        if waits and (waits == chunk.due or not chunk.placed):
            _come_again(chunk, ceil(early_s), chunk.due)
        # Any other is one message too many: the one that waits, or the sweep, comes when the chunk is due.
        return False
    wait_s = ceil(pace.wait_s(chunk, stands))
    if not wait_s:
        return True
    due = messaging.swept_at(wait_s)
    with suppress(ChunkTaken):
        # That it is placed stands on the chunk itself, so it keeps its place whoever brings it then.
        writes.commit(chunks.move(chunk, State.QUEUED, due=due, placed=True))
        _come_again(chunk, wait_s, due)
    return False


def _go_on_in_bulk(chunk: Chunk) -> None:
    """Takes a chunk off the urgent lane, of which its tenant has had its share."""
    count("ChunksNotUrgent")
    with suppress(ChunkTaken):
        writes.commit(chunks.move(chunk, State.QUEUED, due=messaging.swept_at(), lane=Lane.BULK.value))
        lanes.enqueue(chunk.tenant, Lane.BULK, [(chunk.batch, chunk.number)])


def _come_again(chunk: Chunk, wait_s: int, due: str) -> None:
    waited.tell(chunk)
    lanes.enqueue(chunk.tenant, chunk.lane, [(chunk.batch, chunk.number)], delay_s=wait_s, waits=due)
