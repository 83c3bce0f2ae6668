"""Reached: whether an earlier text has come to a number, or may still come; what has not may be tried again."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from functions.sms.batches import batches, chunks, messages
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import Chunk, State
from functions.sms.batches.messages import Status
from mifumo import clock, tables
from mifumo.aws import Item
from mifumo.ids import TenantId

from . import sent
from .repeats import Earlier

# What is unknown may have come.
_MISSED = frozenset({Status.FAILED, Status.UNDELIVERED, Status.REJECTED, Status.CANCELLED})
_CALLED_OFF = frozenset({batches.Status.CANCELLING, batches.Status.CANCELLED})


@dataclass(frozen=True, slots=True)
class _Text:
    """An earlier text as it stands; no chunk as long as its batch is parked or not laid out."""

    batch: Batch
    chunk: Chunk | None
    position: int
    row: Item | None

    def is_to(self, digits: str) -> bool:
        """Tells whether it is that number's: one that was erased, or left out in the end, is nobody's."""
        return self.chunk is None or self.chunk.recipients[self.position - 1 : self.position] == (digits,)

    def may_reach(self, at: int) -> bool:
        """Tells whether it has come, or may come, within half an hour of a moment."""
        if off(self.batch) and (self.chunk is None or self.chunk.state is State.QUEUED):
            return False
        if self.batch.status in batches.TIMED and not _near(self.batch.starts_at, at):
            return False
        return self.chunk is None or messages.at(self.chunk, self.position, self.row).status not in _MISSED


def among(tenant: TenantId, suspects: Mapping[str, Collection[Earlier]], *, at: int) -> frozenset[str]:
    """Returns those of the numbers, in digits, that one of their earlier texts has come to, or may come to, within half
    an hour of a moment. A read for each hundred of messages, chunks and batches.
    """
    texts = dict(_read(tenant, {one for some in suspects.values() for one in some}))
    return frozenset(
        digits
        for digits, some in suspects.items()
        if any(one in texts and texts[one].is_to(digits) and texts[one].may_reach(at) for one in some)
    )


def off(batch: Batch) -> bool:
    """Tells whether a batch was called off."""
    return batch.status in _CALLED_OFF


def _read(tenant: TenantId, wanted: Collection[Earlier]) -> Iterator[tuple[Earlier, _Text]]:
    """Reads texts; those whose batch is gone are left out."""
    led = {one.batch: (sent.table(), batches.key(tenant, one.batch)) for one in wanted}
    handed = {(one.batch, one.chunk): (sent.table(), chunks.key(tenant, one.batch, one.chunk)) for one in wanted}
    rows = {one: (sent.table(), messages.key(tenant, *one)) for one in wanted}
    found = tables.read(*led.values(), *handed.values(), *rows.values())
    batches_found = {batch: batches.of(found[place]) for batch, place in led.items() if place in found}
    chunks_found = {chunk: chunks.of(found[place]) for chunk, place in handed.items() if place in found}
    for one in wanted:
        if batch := batches_found.get(one.batch):
            yield one, _Text(batch, chunks_found.get((one.batch, one.chunk)), one.position, found.get(rows[one]))


def _near(moment: str | None, at: int) -> bool:
    return moment is None or abs(clock.epoch(clock.parse(moment)) - at) < sent.WITHIN_S
