"""Clearance: of a tenant that is closed for good every number and every text goes; what was counted and charged stays.

What it kept, contacts, groups, templates and opt-outs, goes first, some in each step.

Batches stay on the tenant's list, so a step that was cut off finds them again; one that is done has no text any more.
"""

from contextlib import suppress

from functions.sms.batches import batches, chunks, messages
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import ERASED, Chunk, ChunkTaken
from functions.sms.batches.messages import NoSuchMessage
from functions.sms.delivery import inbox, lost
from mifumo import writes
from mifumo.aws import Item
from mifumo.ids import BatchId
from mifumo.privacy import After, Step

from . import batch_traces, belongings

# One update a row: some seconds' work, and a batch of a thousand is not cut in two, but a larger one is.
_RECIPIENTS_A_STEP = 500
_WHOLE_MAX = 1_000
_LOOK_AGAIN_S = 900


def take(step: Step) -> After:
    """Clears some of what is kept, then some batches; after the last begins anew as long as any was under way."""
    if step.place is None and belongings.clear(step.tenant):
        return After(step.at(None, waits=False))
    if step.place and "chunk" in step.place:
        return _piece(step, step.place)
    found, last = batches.some(step.tenant, recipients=_RECIPIENTS_A_STEP, start=step.place)
    # A large one has all the recipients of a step and more, so it is the last of those found.
    large = found.pop() if found and found[-1].accepted > _WHOLE_MAX else None
    cleared = [_cleared(batch) for batch in found]
    waits = step.waits or not all(cleared)
    if large and not _is_done(large):
        return After(step.at({"batch": large.id, "chunk": 1, "then": last}, waits=waits))
    return _on(step, last, waits=waits)


def _piece(step: Step, place: Item) -> After:
    """Clears the next chunks of a large batch, and its traces after the last of them."""
    found = batches.read(step.tenant, BatchId(place["batch"]))
    if found is None:
        return _on(step, place["then"], waits=step.waits)
    batch, left = found[0], _RECIPIENTS_A_STEP
    if batch.status not in batches.OVER:
        return _on(step, place["then"], waits=True)
    for page in chunks.pages(step.tenant, batch.id, first=place["chunk"], last=batch.chunks):
        for chunk in page:
            if not chunk.at_rest or not _taken(chunk):
                return _on(step, place["then"], waits=True)
            left -= len(chunk.recipients)
            if left <= 0 and chunk.number < batch.chunks:
                return After(step.at({**place, "chunk": chunk.number + 1}, waits=step.waits))
    batch_traces.clear(batch)
    return _on(step, place["then"], waits=step.waits)


def _on(step: Step, last: Item | None, *, waits: bool) -> After:
    if last:
        return After(step.at(last, waits=waits))
    if waits:
        return After(step.at(None, waits=False), delay_s=_LOOK_AGAIN_S)
    return After()


def _cleared(batch: Batch) -> bool:
    if _is_done(batch):
        return True
    parts = chunks.of_batch(batch.tenant, batch.id)
    if batch.status not in batches.OVER or not all(chunk.at_rest for chunk in parts):
        return False
    if not all(map(_taken, parts)):
        return False
    batch_traces.clear(batch)
    return True


def _is_done(batch: Batch) -> bool:
    return batch.accepted > 1 and not batch.text  # of one to a single number the number alone may have been erased


def _taken(chunk: Chunk) -> bool:
    """Takes all that names people out of a chunk; tells whether nobody stood in the way."""
    try:
        _clear(chunk)
    except ChunkTaken:  # a number is erased from it right now
        return False
    return True


def _clear(chunk: Chunk) -> None:
    for report in inbox.of_handover(chunk):
        inbox.drop(report)
    for position, row in messages.read_rows(chunk).items():
        if row["to"] == ERASED:
            continue
        if chunk.state is chunks.State.UNKNOWN or chunk.adopted:
            lost.erase(chunk, position, row["to"])
        with suppress(NoSuchMessage):
            writes.commit(messages.erase(messages.key(chunk.tenant, chunk.batch, chunk.number, position), row["to"]))
    if set(chunk.recipients) != {ERASED}:
        writes.commit(chunks.erase(chunk, *chunk.recipients))
