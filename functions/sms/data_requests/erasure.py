"""Erasure: a number leaves a tenant's contacts and texts, and what came from it loses its words as well.

Of texts only what is at rest is changed; those under way are looked at again. The index of numbers leads to each row of
the number. Its row is changed last, because that takes it out of the index: whoever was cut off finds it again.
"""

from contextlib import suppress

from functions.sms import messaging
from functions.sms.batches import batches, chunks, messages
from functions.sms.batches.chunks import Chunk, ChunkTaken
from functions.sms.batches.messages import NoSuchMessage
from functions.sms.content.named import ChangedMeanwhile
from functions.sms.delivery import inbox, lost
from functions.sms.hooks import events
from functions.sms.inbound import arrivals
from functions.sms.uploads import uploads
from functions.sms.uploads.uploads import UploadLost
from mifumo import tables, writes
from mifumo.errors import NotFound
from mifumo.ids import BatchId, TenantId
from mifumo.privacy import After, Step
from mifumo.tables import Key

from . import batch_traces, belongings
from .batch_traces import BatchChanged

# One message's work: some six calls a row, a few seconds in all.
_ROWS_A_STEP = 50
_LOOK_AGAIN_S = 900


def take(step: Step) -> After:
    """Erases a page of a number's messages, and after the last page begins anew as long as any was under way."""
    tenant, digits = step.tenant, step.subject
    page = messages.to(tenant, digits, limit=_ROWS_A_STEP, start=step.place)
    places = [messages.place(item) for item in page.items]
    keys = {(batch, number): chunks.key(tenant, batch, number) for batch, number, _ in places}
    found, later = _read(list(keys.values())), batches.later(tenant, {batch for batch, _, _ in places}, step.asked_at)
    waits = step.waits or not _forgotten(tenant, digits)
    if step.place is None:
        _unheard(step)
        waits = not _unlisted(step) or waits
    for batch, number, position in places:
        chunk = found.get(keys[batch, number])
        if batch in later:
            continue
        if chunk and not chunk.at_rest:
            waits = True
            continue
        try:
            _erase(step, (batch, number, position), chunk)
        except (ChunkTaken, BatchChanged):  # another number leaves the same batch right now
            waits = True
    if page.last:
        return After(step.at(page.last, waits=waits))
    # A chunk has no rows before it is handed over, and a parked order no chunks: the index knows nothing of them yet.
    if waits or batches.open_since(tenant, step.asked_at):
        return After(step.at(None, waits=False), delay_s=_LOOK_AGAIN_S)
    return After()


def _forgotten(tenant: TenantId, digits: str) -> bool:
    try:
        belongings.forget(tenant, digits)
    except ChangedMeanwhile:  # somebody is putting the contact into a group right now
        return False
    return True


def _unlisted(step: Step) -> bool:
    """Takes the number out of what is told of files; tells whether no file is still to be read."""
    found, coming = uploads.holding(step.tenant, step.subject, until=step.asked_at)
    for upload in found:
        with suppress(UploadLost):  # it was called off, or another number leaves it: it is looked at again
            writes.commit(uploads.erase(upload, step.subject))
            continue
        coming = True
    return not coming


def _unheard(step: Step) -> None:
    """Erases what came from the number; what leads to an event goes after what the event holds."""
    for arrival in arrivals.of_number(step.tenant, step.subject, until=step.asked_at):
        with suppress(NotFound):  # the event has expired
            writes.commit(events.erase(step.tenant, arrival.event))
        writes.commit(arrivals.forget(arrival))


def _erase(step: Step, place: tuple[BatchId, int, int], chunk: Chunk | None) -> None:
    batch, number, position = place
    if chunk:
        for report in inbox.of_handover(chunk):
            if report.digits == step.subject:
                inbox.drop(report)
        lost.erase(chunk, position, step.subject)
        if step.subject in chunk.recipients:
            writes.commit(chunks.erase(chunk, step.subject))
    batch_traces.erase(step.tenant, batch, step.subject)
    with suppress(NoSuchMessage):  # the index is a moment behind: it has been erased, or has expired
        writes.commit(messages.erase(messages.key(step.tenant, batch, number, position), step.subject))


def _read(keys: list[Key]) -> dict[Key, Chunk]:
    table = messaging.table()
    return {key: chunks.of(item) for (_, key), item in tables.read(*((table, key) for key in keys)).items()}
