"""Clearance: of a tenant that is closed for good every number and every text goes; what was counted and charged stays.

What it kept, contacts, groups, templates and opt-outs, goes first, some in each step.

Batches stay on the tenant's list, so a step that was cut off finds them again; one that is done has no text any more.
"""

from contextlib import suppress

from mifumo import writes
from mifumo.privacy import After, Step

from . import batch_traces, batches, chunks, content, inbox, lost, messages
from .batches import Batch
from .chunks import ERASED, Chunk, ChunkTaken
from .messages import NoSuchMessage

# One update a row: some seconds' work, and a batch of a thousand is not cut in two.
_RECIPIENTS_A_STEP = 500
_LOOK_AGAIN_S = 900


def take(step: Step) -> After:
    """Clears some of what is kept, then some batches; after the last begins anew as long as any was under way."""
    if step.place is None and content.clear(step.tenant):
        return After(step.at(None, waits=False))
    found, last = batches.some(step.tenant, recipients=_RECIPIENTS_A_STEP, start=step.place)
    cleared = [_cleared(batch) for batch in found]
    waits = step.waits or not all(cleared)
    if last:
        return After(step.at(last, waits=waits))
    if waits:
        return After(step.at(None, waits=False), delay_s=_LOOK_AGAIN_S)
    return After()


def _cleared(batch: Batch) -> bool:
    if batch.accepted > 1 and not batch.text:  # of one to a single number the number alone may have been erased
        return True
    parts = chunks.of_batch(batch.tenant, batch.id)
    if batch.status not in batches.OVER or not all(chunk.at_rest for chunk in parts):
        return False
    try:
        for chunk in parts:
            _clear(chunk)
    except ChunkTaken:  # a number is erased from it right now
        return False
    for write in batch_traces.clear(batch):
        writes.commit(write)
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
