"""Trial: what stands in a provider's place for chunks of test mode; nothing of them leaves us.

Its answers and reports go the way of Beem's. They follow from the claim and the numbers alone, so a hand-over that is
looked at again is reported on again, alike.
"""

from functions.sms.batches import chunks
from functions.sms.batches.chunks import Chunk
from functions.sms.batches.messages import INVALID, Status
from functions.sms.hooks import telling
from mifumo import trial_numbers
from mifumo.providers.beem import Answer, Kind
from mifumo.providers.beem_reports import Report, parse

from . import delivery
from .routes import Place


def send(chunk: Chunk) -> Answer:
    """Answers as the provider would; the reports that come before its answer come now."""
    invalid = len(_invalid(chunk))
    if invalid == len(chunk.addressed):
        return Answer(Kind.REFUSED, INVALID)
    delivery.receive(_reports(chunk, early=True), None)
    return Answer(Kind.ACCEPTED, "accepted", request_id=_request_id(chunk), invalid=invalid)


def report(chunk: Chunk) -> None:
    """Reports on a chunk as the provider would, as often as it would."""
    place = Place(chunk.tenant, chunk.batch, chunk.number, chunk.listens)
    delivery.tell(delivery.receive(_reports(chunk, early=False), place, again=True))
    refused = _invalid(chunk)
    delivery.end(chunk, refused, Status.REJECTED, INVALID)
    fresh = chunks.get(chunk.tenant, chunk.batch, chunk.number)
    if refused and fresh:
        delivery.recount(fresh, window_over=False)
        telling.of_chunk(fresh)


def _invalid(chunk: Chunk) -> list[int]:
    """Lists the positions of those that the provider would not take."""
    sent = chunk.addressed
    return [chunks.position_of(at) for at, digits in sent if not trial_numbers.outcome_of(digits).valid]


def _reports(chunk: Chunk, *, early: bool) -> list[Report]:
    found = []
    for recipient_id, digits in chunk.addressed:
        outcome = trial_numbers.outcome_of(digits)
        if outcome.early is early:
            told = {
                "request_id": _request_id(chunk),
                "recipient_id": recipient_id,
                "dest_addr": digits,
                "status": outcome.status,
            }
            found += [parse(told)] * outcome.reports
    return found


def _request_id(chunk: Chunk) -> str:
    return f"test-{chunk.token}"
