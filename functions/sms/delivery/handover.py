"""Hand over: one chunk to the provider, at most once.

Each step is a conditional write, so a crash between any two leaves a state from which the sweep or the queue's
redelivery goes on:

    queued --claim--> claimed --rows written--> submitting --provider called--> what the answer means

A claim that died before `submitting` is free again; one that died after it is unknown, and never handed over again.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from functions.sms import messaging
from functions.sms.batches import chunks, laid, messages, window
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import Chunk, ChunkTaken, State
from functions.sms.charges import settlement
from functions.sms.content import opt_outs
from functions.sms.hooks import telling
from functions.sms.pacing import lanes, waited
from mifumo import backoff, circuits, clock, writes
from mifumo.circuits import Circuit, Pass, Rule
from mifumo.ids import BatchId, TenantId
from mifumo.observability import count, logger
from mifumo.providers import beem
from mifumo.providers.beem import Answer, Kind
from mifumo.segments import Encoding
from mifumo.settings import Settings

from . import admission, delivery, inbox, lost, questions, routes, trial

# Waits double from the base to at most a quarter of an hour, the longest that SQS delays a message.
_RETRY_MAX_S = 900
# Who has opted out is known for so long after a chunk was written; what waits for longer is looked up again.
_KNOWN_FOR_S = 60


class HandoverSettings(Settings):
    """How long a claim lasts, how a failed hand-over is tried again and how often, how long the circuit stays open."""

    claim_lease_s: float
    send_retry_base_s: float
    send_attempts_max: int
    circuit_open_s: float
    circuit_open_max_s: float
    circuit_failures_max: int

    @property
    def rule(self) -> Rule:
        """When the circuit opens, and for how long."""
        return Rule(self.circuit_failures_max, self.circuit_open_s, self.circuit_open_max_s)


def hand_over(tenant: TenantId, batch_id: BatchId, number: int, *, waits: str = "") -> None:
    """Hands a chunk over if it is queued and has its turn; does nothing when somebody else has it or it has ended.

    Whoever `waits` for its turn at that moment and comes before it comes again.
    """
    found = admission.read(tenant, batch_id, number)
    batch, chunk = found.batch, found.chunk
    if chunk.ended:
        _look_again(batch, chunk)
        return
    if not admission.admits(found, waits=waits):
        return
    # What no provider hears of says nothing of one, and waits for none.
    entry = Pass(found.circuit) if chunk.test else circuits.enter(found.circuit, HandoverSettings.load().rule)
    with suppress(ChunkTaken):
        if entry is None:
            waited.tell(chunk)
            writes.commit(chunks.move(chunk, State.QUEUED, due=_opens(found.circuit)))
            return
        _submit(batch, chunk, entry)


def _look_again(batch: Batch, chunk: Chunk) -> None:
    """Does what a worker may have died before, between the chunk's end and the batch's, or before it told of either."""
    telling.of_chunk(chunk)
    if chunk.test and chunk.state is State.SUBMITTED:
        trial.report(chunk)
    settlement.look(batch, chunk)


def _opens(state: Circuit) -> str:
    """Says when a chunk looks at the circuit again; staff may close one that they hold open at any time."""
    rule = HandoverSettings.load().rule
    return min(max(state.open_until or "", clock.after(rule.open_s)), clock.after(rule.open_max_s))


def _submit(batch: Batch, chunk: Chunk, entry: Pass) -> None:
    withheld = _opted_out(batch, chunk) if _has_waited(batch, chunk) else ()
    if len(withheld) == len(chunk.recipients):
        _end(batch, chunk, State.CANCELLED, messages.OPTED_OUT)
        return
    lease_s = HandoverSettings.load().claim_lease_s
    chunk = chunks.of(writes.commit(chunks.claim(chunk, lease_s=lease_s, withheld=withheld)))
    writes.put_all(messaging.table(), messages.rows(chunk))
    chunk = chunks.of(writes.commit(chunks.move(chunk, State.SUBMITTING, due=chunk.due, submitted_at=clock.stamp())))
    answer = trial.send(chunk) if chunk.test else _send(batch, chunk)
    logger.info(
        "handed over",
        batch_id=batch.id,
        chunk=chunk.number,
        recipients=len(chunk.addressed),
        answer=answer.kind.value,
        reason=answer.reason,
        detail=answer.detail,
    )
    count(f"Handover{answer.kind.value.title().replace('_', '')}")
    _RECORD[answer.kind](batch, chunk, answer)
    # What became of the chunk is on record first: the circuit only says what to do with the next ones.
    if not chunk.test:
        _remember(entry, answer)


def _remember(entry: Pass, answer: Answer) -> None:
    """Lets the circuit know what the call says of the provider: a rate limit is an answer."""
    rule, opened = HandoverSettings.load().rule, False
    if answer.kind is Kind.PLATFORM:
        opened = circuits.trip(entry, rule, answer.reason)
    elif answer.kind is Kind.UNKNOWN or (answer.kind is Kind.NOT_SENT and not answer.waits):
        opened = circuits.failed(entry, rule, answer.reason)
    else:
        circuits.answered(entry)
    if opened:
        count("ProviderCircuitOpened")


def _send(batch: Batch, chunk: Chunk) -> Answer:
    return beem.send(
        batch.sender_id,
        chunk.text or batch.text,
        chunk.addressed,
        ucs_2=(chunk.encoding or batch.encoding) is Encoding.UCS_2,
    )


def _has_waited(batch: Batch, chunk: Chunk) -> bool:
    """Tells whether somebody may have opted out since the recipients were looked up: of a file, when it was read."""
    return bool(batch.turn or batch.plan) or chunk.created_at < clock.after(-_KNOWN_FOR_S)


def _opted_out(batch: Batch, chunk: Chunk) -> tuple[int, ...]:
    """Finds the positions of those that have opted out since the recipients were looked up."""
    out = opt_outs.out_since(chunk.tenant, chunk.recipients, batch.known_at or batch.created_at)
    return tuple(at for at, digits in enumerate(chunk.recipients, start=1) if digits in out)


def _accepted(batch: Batch, chunk: Chunk, answer: Answer) -> None:
    """The provider has it: remember under which id, take the reports that came first, and see if the batch is done."""
    request_id = answer.request_id or ""
    submitted = chunks.move(
        chunk,
        State.SUBMITTED,
        request_id=request_id,
        invalid=answer.invalid,
        reason=None,
        answered_at=clock.stamp(),
        **window.opened(),
    )
    try:
        writes.transact(submitted, routes.new(request_id, chunk))
    except routes.RouteTaken:
        # The provider gave this id to another hand-over before: no report could be told apart by it.
        lost.mark(chunk, "request_id_reused")
        return
    delivery.apply(inbox.of_handover(chunk), kept=True)
    if chunk.test:
        trial.report(chunk)
    elif answer.invalid:
        questions.about_invalid(chunk)
    telling.of_chunk(chunk)
    settlement.chunk_ended(batch, replace(chunk, state=State.SUBMITTED))
    if chunk.part and chunk.withheld:
        laid.add_finals(chunk, {messages.Status.CANCELLED.value: len(chunk.withheld)})


def _refused(batch: Batch, chunk: Chunk, answer: Answer) -> None:
    _end(batch, chunk, State.REJECTED, answer.reason, answered_at=clock.stamp())


def _end(batch: Batch, chunk: Chunk, state: State, reason: str, **answered: str) -> None:
    ended = chunks.of(writes.commit(chunks.move(chunk, state, due=None, reason=reason, **answered)))
    telling.of_chunk(ended)
    settlement.chunk_ended(batch, ended)


def _unknown(_: Batch, chunk: Chunk, answer: Answer) -> None:
    lost.mark(chunk, answer.reason)
    # Reports that came while we waited for the answer tell what it was.
    delivery.apply(inbox.of_handover(chunk), kept=True)


def _not_sent(batch: Batch, chunk: Chunk, answer: Answer) -> None:
    """Nothing left us: try again later, or give up. Waiting for a rate limit does not use up an attempt."""
    settings = HandoverSettings.load()
    attempts = chunk.attempts - 1 if answer.waits else chunk.attempts
    if attempts >= settings.send_attempts_max:
        _end(batch, chunk, State.FAILED, answer.reason)
        return
    wait_s = min(_RETRY_MAX_S, settings.send_retry_base_s * 2**attempts)
    wait_s = max(1, round(wait_s / 2 + backoff.jitter(wait_s / 2)))
    again = messaging.swept_at(wait_s)
    writes.commit(chunks.missed(chunk, State.QUEUED, due=again, reason=answer.reason, attempts=attempts))
    lanes.enqueue(chunk.tenant, chunk.lane, [(chunk.batch, chunk.number)], delay_s=wait_s)


def _platform_trouble(_: Batch, chunk: Chunk, answer: Answer) -> None:
    """Our own account needs mending: everything waits, credits held, and the sweep goes on when the circuit lets it."""
    again = clock.after(HandoverSettings.load().circuit_open_s)
    writes.commit(chunks.missed(chunk, State.QUEUED, due=again, reason=answer.reason, attempts=chunk.attempts - 1))


_RECORD: dict[Kind, Callable[[Batch, Chunk, Answer], None]] = {
    Kind.ACCEPTED: _accepted,
    Kind.REFUSED: _refused,
    Kind.UNKNOWN: _unknown,
    Kind.NOT_SENT: _not_sent,
    Kind.PLATFORM: _platform_trouble,
}
