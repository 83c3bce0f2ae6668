"""Timeline: what happened to one message, step by step, and who said so.

A row keeps each word that was said of it, in the update that it made; the same word again is not written, as it would
cost as much as the first. The other steps are told from the chunk, the batch and the events.
"""

from dataclasses import dataclass
from enum import StrEnum

from functions.sms import messaging
from functions.sms.batches import batches, chunks, messages
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import Chunk
from functions.sms.batches.heard import Word
from functions.sms.batches.messages import Message, Status
from functions.sms.charges import costs
from functions.sms.charges.costs import Cost
from functions.sms.hooks import hook_deliveries, hooks, news
from functions.sms.hooks.hook_deliveries import Delivery
from mifumo import tables
from mifumo.errors import NotFound
from mifumo.ids import BatchId, TenantId


class Happened(StrEnum):
    """A step."""

    ACCEPTED = "accepted"
    HANDED_OVER = "handed_over"
    ANSWERED = "answered"
    REPORTED = "reported"
    CORRECTED = "corrected"
    IGNORED = "ignored"
    ENDED = "ended"
    SETTLED = "settled"
    GIVEN_BACK = "given_back"
    TOLD = "told"


class Source(StrEnum):
    """Who says so: whoever sent it, we ourselves, or the provider."""

    CALLER = "caller"
    PLATFORM = "platform"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Step:
    """What happened at a moment; `credits` moved, `webhook` was told of the event under `reference`."""

    at: str
    what: Happened
    source: Source
    status: str | None = None
    reason: str | None = None
    provider_status: str | None = None
    credits: int | None = None
    webhook: str | None = None
    reference: str | None = None


def of(tenant: TenantId, message_id: str) -> tuple[Message, list[Step]]:
    """Reads a message with its steps, oldest first; raises NotFound, also when it is another tenant's."""
    batch_id, number, position = _place(message_id)
    found = batches.read(tenant, batch_id)
    chunk = chunks.get(tenant, batch_id, number) if found else None
    if found is None or chunk is None or not 1 <= position <= len(chunk.recipients):
        raise NotFound("You have no such message.")
    batch, _ = found
    rows = messages.read_rows(chunk)
    of_all = list(messages.of_chunk(chunk, rows))
    cost = costs.of_chunk(chunk, of_all, rows)[position - 1]
    message, reports = of_all[position - 1], messages.words(rows.get(position, {}))
    steps = [Step(batch.created_at, Happened.ACCEPTED, Source.CALLER), *map(_reported, reports)]
    steps += _spared(message) if position in chunk.withheld else _handed_over(chunk)
    steps += [*_settled(batch, chunk, cost), *_told(chunk, position)]
    return message, sorted(steps, key=lambda step: step.at)


def _place(message_id: str) -> tuple[BatchId, int, int]:
    batch, _, rest = message_id.partition("-")
    number, _, position = rest.partition("-")
    if not (number.isascii() and number.isdecimal() and position.isascii() and position.isdecimal()):
        raise NotFound("You have no such message.")
    return BatchId(batch), int(number[:9]), int(position[:9])


def _spared(message: Message) -> list[Step]:
    """Tells of who opted out in time."""
    return [Step(message.updated_at, Happened.ENDED, Source.PLATFORM, message.status.value, message.reason)]


def _handed_over(chunk: Chunk) -> list[Step]:
    steps = []
    if chunk.submitted_at:
        steps.append(Step(chunk.submitted_at, Happened.HANDED_OVER, Source.PLATFORM, Status.SUBMITTING.value))
    if chunk.answered_at:
        status, reason = Status.of_chunk(chunk.state).value, chunk.reason
        steps.append(Step(chunk.answered_at, Happened.ANSWERED, Source.PROVIDER, status, reason))
    return steps


def _reported(word: Word) -> Step:
    """Tells what was said of it; without a provider's word we concluded it ourselves."""
    source = Source.PROVIDER if word.said else Source.PLATFORM
    what = Happened.REPORTED if word.raised else Happened.IGNORED
    what = Happened.CORRECTED if word.corrected else what
    return Step(word.at, what, source, word.status, word.reason, word.said)


def _settled(batch: Batch, chunk: Chunk, cost: Cost) -> list[Step]:
    """Tells what it cost, and what was given back for it when its window was closed."""
    steps = []
    if batch.completed_at:
        steps.append(Step(batch.completed_at, Happened.SETTLED, Source.PLATFORM, credits=cost.taken))
    if chunk.closed_at and cost.returned:
        steps.append(Step(chunk.closed_at, Happened.GIVEN_BACK, Source.PLATFORM, credits=cost.returned))
    return steps


def _told(chunk: Chunk, position: int) -> list[Step]:
    """Tells of which events of the message webhooks were told, and how that went."""
    if not chunk.listens:
        return []
    table = messaging.table()
    made = {event.id: event for event in news.told(chunk) if event.concerns(position)}
    wanted = [hook_deliveries.key(chunk.tenant, hook.id, one) for hook in hooks.of_tenant(chunk.tenant) for one in made]
    found = tables.read(*((table, key) for key in wanted), consistent=False) if wanted else {}
    return [_call(hook_deliveries.of(item)) for item in found.values()]


def _call(delivery: Delivery) -> Step:
    return Step(
        delivery.updated_at,
        Happened.TOLD,
        Source.PLATFORM,
        delivery.state.value,
        webhook=delivery.hook,
        reference=delivery.event,
    )
