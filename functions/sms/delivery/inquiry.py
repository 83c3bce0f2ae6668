"""Inquire: ask the provider about recipients that it has not reported on, one by one."""

import time
from contextlib import suppress

from functions.sms.batches import chunks, messages
from functions.sms.batches.chunks import Chunk, State
from functions.sms.batches.messages import Status
from functions.sms.hooks import telling
from mifumo.ids import BatchId, TenantId
from mifumo.observability import count
from mifumo.providers import beem
from mifumo.providers.beem import BeemSettings
from mifumo.providers.beem_reports import MalformedReportError, Report, parse

from . import delivery, questions

# Each recipient is one question. What is left after this part of the longest wait for an answer is asked by the next
# message, so that the last question still fits into the worker's time.
_PART_OF_TIMEOUT = 0.5


def ask(tenant: TenantId, batch: BatchId, number: int, *, first: int = 1) -> None:
    """Asks about each message of a chunk that has not ended, from position `first` on.

    Rejects the invalid ones if they can be told.
    """
    chunk = chunks.get(tenant, batch, number)
    if chunk is None or chunk.test or chunk.state is not State.SUBMITTED or not chunk.request_id:
        return
    silent = [at for at in delivery.silent_of(chunk, messages.read_rows(chunk)) if at >= first]
    answers = _ask(chunk, chunk.request_id, silent)
    count("ReportsPulled", len(answers))
    delivery.apply([report for position, bodies in answers.items() for report in _reports(chunk, position, bodies)])
    left = silent[len(answers) :]
    if left and None not in answers.values():
        questions.go_on(chunk, left[0])
    absent = [position for position, bodies in answers.items() if bodies == []]
    if absent and len(absent) == chunk.invalid and first == 1 and not left:
        delivery.end(chunk, absent, Status.REJECTED, messages.INVALID)
        fresh = chunks.get(tenant, batch, number)
        if fresh:
            delivery.recount(fresh, window_over=False)
            telling.of_chunk(fresh)


def _ask(chunk: Chunk, request_id: str, positions: list[int]) -> dict[int, list[dict[str, object]] | None]:
    """Asks until the time is over, or the provider does not answer: then it is not asked again before the next look."""
    answers: dict[int, list[dict[str, object]] | None] = {}
    ends = time.monotonic() + BeemSettings.load().provider_timeout_s * _PART_OF_TIMEOUT
    for position in positions:
        answers[position] = beem.ask(request_id, chunk.recipients[position - 1])
        if answers[position] is None or time.monotonic() >= ends:
            break
    return answers


def _reports(chunk: Chunk, position: int, bodies: list[dict[str, object]] | None) -> list[Report]:
    """Reads the reports of one recipient; what has not the form of one is left out."""
    recipient_id, _ = chunk.recipient_ids[position - 1]
    found = []
    for body in bodies or []:
        with suppress(MalformedReportError):
            found.append(parse({**body, "recipient_id": recipient_id}))
    return found
