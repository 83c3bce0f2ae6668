"""ClickPesa's answers: pushes, attempts at an order and previews, read into what every provider tells."""

import re
import uuid
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

from mifumo.observability import count, logger
from mifumo.providers import answers
from mifumo.providers.payments import Initiated, Initiation, Listed, Standing, Statement

_WORDS: Final = {
    "SUCCESS": Standing.COMPLETED,
    "SETTLED": Standing.COMPLETED,
    "PROCESSING": Standing.PENDING,
    "PENDING": Standing.PENDING,
    "FAILED": Standing.FAILED,
}
# Nothing was taken from us: our keys are refused, the feature is off, or we ask too often.
_NOT_TAKEN: Final = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
# A gateway's time-out and "that reference is used" leave open whether the payer is being asked.
_OPEN: Final = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT}

# The form of the references that we give; payments that were made by other means have others.
_OURS: Final = re.compile(r"[0-9a-f]{32}")


class FeeBearer(StrEnum):
    """Who pays ClickPesa's fee, and so whether the amount collected may differ from the amount asked for."""

    NOBODY = "nobody"
    """Or it shows nowhere in the amount: that is exactly what was asked for."""
    MERCHANT = "merchant"
    """The amount may be less, by the fee."""
    PAYER = "payer"
    """The amount may be more, by the fee."""


@dataclass(frozen=True, slots=True)
class FeeTerms:
    """How far a collected amount may lie from the asked one; `permille_max` bounds the fee, rounded down."""

    bearer: FeeBearer = FeeBearer.NOBODY
    permille_max: int = 0

    def settles(self, *, asked_tzs: int, collected_tzs: int | None) -> bool:
        """Tells whether what was collected pays for what was asked; an amount that could not be read never does."""
        if collected_tzs is None:
            return False
        fee_tzs = asked_tzs * self.permille_max // 1_000
        match self.bearer:
            case FeeBearer.NOBODY:
                return collected_tzs == asked_tzs
            case FeeBearer.MERCHANT:
                return asked_tzs - fee_tzs <= collected_tzs <= asked_tzs
            case FeeBearer.PAYER:
                return asked_tzs <= collected_tzs <= asked_tzs + fee_tzs


@dataclass(frozen=True, slots=True)
class Method:
    """A wallet in a preview: whether a push to it can be made now, and at which fee."""

    name: str
    available: bool
    fee_tzs: int | None
    detail: str


def reference(order_id: str) -> str:
    """Writes an order's id as ClickPesa takes it: letters and digits alone."""
    return uuid.UUID(order_id).hex


def initiated(http_status: int, answer: dict[str, Any], own_reference: str) -> Initiated:
    """Reads the answer to a push; one that has failed at once is an attempt like any other, so its status decides."""
    word = str(answer.get("status") or "").upper()
    detail = f"HTTP {http_status} {word} {_message(answer)}".strip()[: answers.DETAIL_LENGTH_MAX]
    if http_status in _NOT_TAKEN:
        return Initiated(Initiation.NOT_SENT, detail)
    if HTTPStatus.BAD_REQUEST <= http_status < HTTPStatus.INTERNAL_SERVER_ERROR and http_status not in _OPEN:
        return Initiated(Initiation.REJECTED, detail)
    taken = http_status in {HTTPStatus.OK, HTTPStatus.CREATED} and answer.get("orderReference") == own_reference
    under_way = _WORDS.get(word) in {Standing.PENDING, Standing.COMPLETED}
    return Initiated(Initiation.ACCEPTED if taken and under_way else Initiation.UNKNOWN, detail)


def _message(answer: dict[str, Any]) -> str:
    """Returns the words of an error, which are a text or a list of texts."""
    message = answer.get("message", "")
    return "; ".join(map(str, message)) if isinstance(message, list) else str(message)


def statement(attempts: object, order_id: str) -> Statement:
    """Tells what became of an order from all attempts at it: money that was collected counts, and is never summed."""
    if not isinstance(attempts, list):
        return Statement(Standing.UNAVAILABLE, detail="not a list of attempts")
    ours = [one for one in attempts if isinstance(one, dict) and one.get("orderReference") == reference(order_id)]
    if len(ours) < len(attempts):
        logger.error("provider answered for another order", order_id=order_id)
        if not ours:
            return Statement(Standing.UNAVAILABLE, detail="another order")
    by_standing: dict[Standing, list[dict[str, Any]]] = {}
    for attempt in ours:
        by_standing.setdefault(_standing(attempt, order_id), []).append(attempt)
    for standing in (Standing.COMPLETED, Standing.PENDING, Standing.FAILED):
        if standing in by_standing:
            return _told(standing, by_standing[standing], order_id)
    return Statement(Standing.NOT_FOUND)


def _standing(attempt: dict[str, Any], order_id: str) -> Standing:
    word = str(attempt.get("status", "")).upper()
    if word not in _WORDS:
        logger.warning("provider used an unknown word", order_id=order_id, word=word[:40])
    return _WORDS.get(word, Standing.PENDING)


def _told(standing: Standing, attempts: list[dict[str, Any]], order_id: str) -> Statement:
    """Speaks for the first of some attempts, in whatever order they come: its receipt is the one that pays."""
    if standing is Standing.COMPLETED and len({_receipt(attempt) for attempt in attempts}) > 1:
        logger.error("provider collected more than once", order_id=order_id, attempts=len(attempts))
        count("ProviderCollectedTwice")
    first = min(attempts, key=lambda attempt: (str(attempt.get("createdAt", "")), str(attempt.get("id", ""))))
    customer = answers.member_object(first.get("customer"))
    return Statement(
        standing,
        amount_tzs=answers.whole_tzs(first.get("collectedAmount")),
        currency=answers.text(first.get("collectedCurrency")),
        receipt=_receipt(first),
        channel=answers.text(first.get("channel")),
        detail=f"{first.get('status', '')} {_message(first)}".strip()[: answers.DETAIL_LENGTH_MAX],
        payer=answers.text(first.get("paymentPhoneNumber")) or answers.text(customer.get("customerPhoneNumber")),
    )


def _receipt(attempt: dict[str, Any]) -> str | None:
    return answers.text(attempt.get("paymentReference")) or answers.text(attempt.get("id"))


def listed(attempt: dict[str, Any]) -> Listed | None:
    """Reads a line of the list of all payments; None for one that has collected nothing."""
    named = answers.text(attempt.get("orderReference")) or answers.text(attempt.get("id")) or ""
    order_id = str(uuid.UUID(named)) if _OURS.fullmatch(named) else named
    if _standing(attempt, order_id) is not Standing.COMPLETED:
        return None
    return Listed(order_id, _told(Standing.COMPLETED, [attempt], order_id), at=str(attempt.get("createdAt", "")))


def methods(answer: dict[str, Any]) -> list[Method]:
    """Reads a preview's wallets."""
    found = answer.get("activeMethods")
    return [_method(one) for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _method(preview: dict[str, Any]) -> Method:
    return Method(
        name=str(preview.get("name", "")),
        available=str(preview.get("status", "")).upper() == "AVAILABLE",
        fee_tzs=answers.whole_tzs(preview.get("fee")),
        detail=_message(preview)[: answers.DETAIL_LENGTH_MAX],
    )
