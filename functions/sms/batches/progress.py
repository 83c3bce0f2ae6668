"""Progress: how far batches are, told from a few chunks each, or from the parts of those that have many."""

from collections import Counter
from dataclasses import dataclass

from functions.sms import messaging
from mifumo import tables
from mifumo.ids import BatchId

from . import batches, chunks, laid, waiting
from .batches import Batch, Status
from .chunks import Chunk, State
from .laid import LaidPart
from .messages import Status as MessageStatus

# What those messages are that no worker has ended yet.
_WAITING = MessageStatus.QUEUED.value


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is, and how many of its messages are in each status."""

    status: Status
    counts: dict[str, int]


def of(batch: Batch) -> Progress:
    """Reads how far one batch is, consistently."""
    if batch.parts:
        return _of_parts(batch, laid.of_batch(batch))
    return _of_chunks(batch, chunks.of_batch(batch.tenant, batch.id))


def of_all(found: list[Batch]) -> dict[BatchId, Progress]:
    """Reads how far some batches are: a read for each hundred chunks, or parts of those that have some."""
    table = messaging.table()
    wanted = [
        laid.key(batch.tenant, batch.id, number) if batch.parts else chunks.key(batch.tenant, batch.id, number)
        for batch in found
        for number in range(1, (batch.parts or batch.chunks) + 1)
    ]
    in_chunks: dict[BatchId, list[Chunk]] = {batch.id: [] for batch in found}
    in_parts: dict[BatchId, list[LaidPart]] = {batch.id: [] for batch in found}
    for (_, key), item in tables.read(*((table, key) for key in wanted), consistent=False).items():
        if key.sk.startswith("PART#"):
            in_parts[BatchId(item["batch"])].append(laid.of(item))
        else:
            in_chunks[BatchId(item["batch"])].append(chunks.of(item))
    return {
        batch.id: _of_parts(batch, in_parts[batch.id]) if batch.parts else _of_chunks(batch, in_chunks[batch.id])
        for batch in found
    }


def _of_chunks(batch: Batch, found: list[Chunk]) -> Progress:
    status = batches.status_of(batch, found)
    return Progress(status, _told(batch, batches.counts(found)) if found else {status.value: batch.accepted})


def _told(batch: Batch, counts: dict[str, int]) -> dict[str, int]:
    """Tells messages that no worker has ended as what they wait for."""
    return {waiting.status(batch).value if name == _WAITING else name: count for name, count in counts.items()}


def _of_parts(batch: Batch, found: list[LaidPart]) -> Progress:
    """Adds up what the parts have counted: whoever is in no counter yet is queued, whoever has a status of its own is
    not submitted any more. Of one that is parked, or was cancelled as it was, there is no part.
    """
    if not found and batch.status in {Status.PARKED, Status.CANCELLED}:
        return Progress(batch.status, {batch.status.value: batch.accepted})
    whole, finals = Counter[str](), Counter[str]()
    for part in found:
        whole.update(dict(part.whole))
        finals.update(dict(part.finals))
    handed_over, told = whole.pop(State.SUBMITTED.value, 0), sum(finals.values())
    submitted = max(handed_over, told) - told
    queued = batch.accepted - whole.total() - max(handed_over, told)
    total = whole + finals + Counter({MessageStatus.SUBMITTED.value: submitted, _WAITING: queued})
    moved = batch.status is Status.ACCEPTED and total != Counter({_WAITING: batch.accepted})
    return Progress(Status.SENDING if moved else batch.status, _told(batch, dict(total)))
