"""Inquire: ask the provider about recipients that it has not reported on.

Made once, some minutes after a hand-over of which the provider called recipients invalid without saying which: it has
a report, if only a pending one, of each that it took. Reports that got lost on their way come in besides.
"""

from mifumo.ids import BatchId, TenantId
from mifumo.observability import count
from mifumo.providers import beem
from mifumo.providers.beem_reports import MalformedReportError, Report, parse
from mifumo.settings import Settings

from . import chunks, delivery, lanes, messages, telling
from .chunks import Chunk, State
from .messages import Status


class InquirySettings(Settings):
    """How long after the hand-over the provider is asked; at most the 15 minutes that a queue delays a message."""

    report_pull_after_s: int


def later(chunk: Chunk) -> None:
    """Has the provider asked about a chunk when its reports should have come."""
    delay_s = InquirySettings.load().report_pull_after_s
    lanes.enqueue(chunk.tenant, chunk.lane, [(chunk.batch, chunk.number)], delay_s=delay_s, ask=True)


def ask(tenant: TenantId, batch: BatchId, number: int) -> None:
    """Asks about each message of a chunk that has not ended, and rejects the invalid ones if they can be told."""
    chunk = chunks.get(tenant, batch, number)
    if chunk is None or chunk.test or chunk.state is not State.SUBMITTED or not chunk.request_id:
        return
    silent = delivery.silent_of(chunk, messages.read_rows(chunk))
    answers = {position: beem.ask(chunk.request_id, chunk.recipients[position - 1]) for position in silent}
    count("ReportsPulled", len(answers))
    ids = chunk.recipient_ids
    delivery.apply(
        [
            report
            for position, bodies in answers.items()
            for body in bodies or []
            if (report := _report({**body, "recipient_id": ids[position - 1][0]}))
        ]
    )
    absent = [position for position, bodies in answers.items() if bodies == []]
    if absent and len(absent) == chunk.invalid:
        delivery.end(chunk, absent, Status.REJECTED, delivery.INVALID)
        fresh = chunks.get(tenant, batch, number)
        if fresh:
            delivery.recount(fresh, window_over=False)
            telling.of_chunk(fresh)


def _report(body: dict[str, object]) -> Report | None:
    try:
        return parse(body)
    except MalformedReportError:
        return None
