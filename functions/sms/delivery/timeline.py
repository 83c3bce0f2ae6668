"""Timeline: what happened to one message, step by step, and who said so.

A row keeps each word that was said of it, in the update that it made; the same word again is not written, as it would
cost as much as the first. The other steps are told from the chunk, the batch and the events.
"""

from dataclasses import dataclass
from enum import StrEnum

from functions.sms import messaging
from functions.sms.batches import batches, chunks, messages, waiting
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import Chunk, Miss, State
from functions.sms.batches.heard import Word
from functions.sms.batches.messages import Message, Status
from functions.sms.charges import costs
from functions.sms.charges.costs import Cost
from functions.sms.hooks import hook_deliveries, hooks, news
from functions.sms.hooks.hook_deliveries import Delivery
from mifumo import tables
from mifumo.errors import NotFound
from mifumo.ids import BatchId, TenantId

# Why a text was not sent when no connection stood: no provider has said so.
_UNREACHABLE = "provider_unreachable"


class Happened(StrEnum):
    """A step."""

    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    MOVED = "moved"
    HELD = "held"
    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    CALLED_OFF = "called_off"
    PUT_OFF = "put_off"
    HANDED_OVER = "handed_over"
    LOST = "lost"
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
    """What happened at a moment; it waits `until` another, `credits` moved, `webhook` was told of the event under
    `reference`.
    """

    at: str
    what: Happened
    source: Source
    status: str | None = None
    reason: str | None = None
    provider_status: str | None = None
    until: str | None = None
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
    steps = [Step(batch.created_at, Happened.ACCEPTED, Source.CALLER), *_led(batch, chunk)]
    steps += [_spared(message)] if position in chunk.withheld else [*_missed(chunk), *_handed_over(chunk)]
    steps += [*map(_reported, reports), *_ended(chunk), *_settled(batch, chunk, cost), *_told(chunk, position)]
    return waiting.of(batch, message), sorted(steps, key=lambda step: step.at)


def _place(message_id: str) -> tuple[BatchId, int, int]:
    batch, _, rest = message_id.partition("-")
    number, _, position = rest.partition("-")
    if not (number.isascii() and number.isdecimal() and position.isascii() and position.isdecimal()):
        raise NotFound("You have no such message.")
    return BatchId(batch), int(number[:9]), int(position[:9])


def _led(batch: Batch, chunk: Chunk) -> list[Step]:
    """Tells how its batch was led, until it was handed over or ended: what came then concerns others."""
    left = chunk.submitted_at if chunk.state in _LEFT_US else chunk.updated_at if chunk.ended else None
    before, steps = "", list[Step]()
    for turn in batch.course:
        what, source = _turned(before, batches.Status(turn.status))
        if left is None or turn.at <= left:
            # Who leads a batch gives no reason; we do.
            said_by = Source.PLATFORM if turn.reason else source
            steps.append(Step(turn.at, what, said_by, reason=turn.reason, until=turn.until))
        before = turn.status
    return steps


def _turned(before: str, status: batches.Status) -> tuple[Happened, Source]:
    """Returns what a turn was: the same status says another thing after another one."""
    if status is batches.Status.ACCEPTED and before in batches.TIMED:
        return Happened.STARTED, Source.PLATFORM
    if status is batches.Status.SCHEDULED and before:
        return Happened.MOVED, Source.CALLER
    return _TURNS[status]


_TURNS = {
    batches.Status.SCHEDULED: (Happened.SCHEDULED, Source.CALLER),
    batches.Status.HELD: (Happened.HELD, Source.PLATFORM),
    batches.Status.ACCEPTED: (Happened.RESUMED, Source.CALLER),
    batches.Status.PAUSED: (Happened.PAUSED, Source.CALLER),
    batches.Status.CANCELLING: (Happened.CALLED_OFF, Source.CALLER),
}
# The provider was called with it, and it is not certain that nothing was sent.
_LEFT_US = frozenset({State.SUBMITTING, State.SUBMIT_UNKNOWN, State.SUBMITTED, State.REJECTED, State.UNKNOWN})
_CALLED = {State.QUEUED: Happened.PUT_OFF, State.SUBMIT_UNKNOWN: Happened.LOST}


def _missed(chunk: Chunk) -> list[Step]:
    """Tells of calls in vain, and of one whose answer was lost."""
    return [
        Step(miss.at, _CALLED[miss.state], _source(miss), Status.of_chunk(miss.state).value, miss.reason)
        for miss in chunk.misses
    ]


def _source(miss: Miss) -> Source:
    answered = miss.state is State.QUEUED and miss.reason != _UNREACHABLE
    return Source.PROVIDER if answered else Source.PLATFORM


def _handed_over(chunk: Chunk) -> list[Step]:
    steps = []
    if chunk.submitted_at and chunk.state in _LEFT_US:
        steps.append(Step(chunk.submitted_at, Happened.HANDED_OVER, Source.PLATFORM, Status.SUBMITTING.value))
    if chunk.answered_at:
        status, reason = Status.of_chunk(chunk.state).value, chunk.reason
        steps.append(Step(chunk.answered_at, Happened.ANSWERED, Source.PROVIDER, status, reason))
    return steps


def _ended(chunk: Chunk) -> list[Step]:
    """Tells of an end that no answer and no report was."""
    if chunk.state not in {State.FAILED, State.UNKNOWN, State.CANCELLED}:
        return []
    return [Step(chunk.updated_at, Happened.ENDED, Source.PLATFORM, Status.of_chunk(chunk.state).value, chunk.reason)]


def _spared(message: Message) -> Step:
    """Tells of who opted out in time."""
    return Step(message.updated_at, Happened.ENDED, Source.PLATFORM, message.status.value, message.reason)


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
