"""Rerun: a quote whose texts went to the same numbers within half an hour. It is refused as a whole, as it is the bill.

Of up to a thousand recipients each one is looked for, as in a send. Of more, each part is: it is a rerun when all in it
is the same, numbers, texts and order, as it is where one file was uploaded twice. That costs a write for a campaign,
not one for a recipient.
"""

from collections.abc import Sequence

from functions.sms.batches import batches
from functions.sms.plans import parts
from functions.sms.plans.parts import Ready
from functions.sms.plans.plans import Plan
from mifumo import tables
from mifumo.errors import ValidationFailed
from mifumo.ids import BatchId
from mifumo.observability import count, logger
from mifumo.tables import Key
from mifumo.writes import Write

from . import reached, repeats, sent

# As many as one send takes.
_EACH_MAX = 1_000
# Of the parts of some hundred campaigns of a million, or of two where all have a text of their own.
_PARTS_BYTES_MAX = 16_000
_PART = 8


def remembered(plan: Plan, batch: BatchId, *, at: int, allowed: bool) -> list[Write]:
    """Remembers what a plan is sent to whom at a moment, for the batch that sends it. Refuses with SentMoved.

    Raises ValidationFailed for a rerun that is not `allowed`.
    """
    if plan.extent.recipients <= _EACH_MAX:
        return _each(plan, batch, at=at, allowed=allowed)
    return _parts(plan, batch, at=at, allowed=allowed)


def _each(plan: Plan, batch: BatchId, *, at: int, allowed: bool) -> list[Write]:
    ready = [
        one
        for number, digest in enumerate(plan.extent.digests, start=1)
        for one in parts.read(plan.tenant, plan.id, number, digest)
    ]
    look = repeats.look(plan.tenant, _known_by(plan, ready), [digits for one in ready for digits in one.recipients])
    recent = look.of(tables.read(*look.places))
    if not allowed and (again := reached.among(plan.tenant, recent.of(ready, at=at, but=batch), at=at)):
        raise _refusal(f"{len(again):,} of its {plan.extent.recipients:,} recipients got this very text")
    return list(recent.add(batch, ready, at=at))


def _known_by(plan: Plan, ready: Sequence[Ready]) -> str:
    """Returns the text that a send of the same to the same stands under."""
    texts = {one.text for one in ready}
    return texts.pop() if len(texts) == 1 else plan.text


def _parts(plan: Plan, batch: BatchId, *, at: int, allowed: bool) -> list[Write]:
    place = Key(sent.partition(plan.tenant), "PARTS")
    item = tables.get(sent.table(), place) or {}
    hashed = sent.hasher(plan.tenant, "part", size=_PART)
    mine = [hashed(digest) for digest in plan.extent.digests]
    if not allowed:
        for other, told in sent.near(item, at=at, but=batch).items():
            theirs = {told[first : first + _PART] for first in range(0, len(told), _PART)}
            if not theirs.isdisjoint(mine) and _went_out(plan, other):
                raise _refusal("The same numbers got the same texts")
    if write := sent.add(place, item, batch, b"".join(mine), at=at, most=_PARTS_BYTES_MAX):
        return [write]
    logger.warning("repeats will not be known", tenant_id=plan.tenant, batch_id=batch)
    count("RepeatsForgotten", plan.extent.recipients)
    return []


def _went_out(plan: Plan, batch: BatchId) -> bool:
    """Tells whether anything of a batch has been, or may be, handed over."""
    found = batches.read(plan.tenant, batch)
    if found is None or reached.off(found[0]):
        return False
    return found[0].status is not batches.Status.COMPLETED or found[0].charged > 0


def _refusal(who: str) -> ValidationFailed:
    detail = f"{who} within half an hour; with `allow_repeat: true` it is sent again."
    return ValidationFailed.of("/quote_id", "repeated", detail)
