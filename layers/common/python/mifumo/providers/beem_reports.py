"""Beem's delivery reports: what they say, as data, and nothing believed that does not have their form."""

import re
from dataclasses import dataclass
from typing import Any

# Provider word -> our status and reason. Words that are not here are recorded and never final.
STATUSES: dict[str, tuple[str, str | None]] = {
    "DELIVERED": ("delivered", None),
    "DELIVRD": ("delivered", None),
    "UNDELIVERED": ("undelivered", "not_delivered"),
    "UNDELIV": ("undelivered", "not_delivered"),
    "FAILED": ("undelivered", "provider_failed"),
    "EXPIRED": ("undelivered", "expired"),
    "REJECTED": ("rejected", "operator_refused"),
    "REJECTD": ("rejected", "operator_refused"),
    "PENDING": ("buffered", None),
}
_DIGITS = re.compile(r"\+?([0-9]{9,15})")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Nine digits fit into 32 bits, the least that a provider keeps of a number.
_RECIPIENT_ID = re.compile(r"[0-9]{1,9}")


class MalformedReportError(ValueError):
    """What came does not have the form of a delivery report."""


@dataclass(frozen=True, slots=True)
class Report:
    """One recipient's report. `status` is ours, None for a word that we do not know."""

    request_id: str
    recipient_id: int
    digits: str
    provider_status: str
    status: str | None
    reason: str | None


def parse(body: dict[str, Any]) -> Report:
    """Reads `{dest_addr, request_id, recipient_id, status}` in any case of letters, ids as numbers or as text.

    Raises MalformedReportError.
    """
    fields = {str(name).lower().replace("_", ""): value for name, value in body.items()}
    number = _DIGITS.fullmatch(str(fields.get("destaddr", "")))
    request_id = canonical(fields.get("requestid", ""))
    word = fields.get("status")
    if not number or not _REQUEST_ID.fullmatch(request_id) or not isinstance(word, str):
        raise MalformedReportError("a report has dest_addr, request_id, recipient_id and status")
    status, reason = STATUSES.get(word.strip().upper(), (None, "unmapped"))
    return Report(request_id, _recipient_id(fields.get("recipientid")), number[1], word.strip()[:32], status, reason)


def canonical(value: Any) -> str:
    """Writes an id as the same text whether it came as a number or as text, with zeros before it or a point behind."""
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
    return text.lstrip("0") or "0" if text.isascii() and text.isdigit() else text


def _recipient_id(value: Any) -> int:
    text = canonical(value)
    if not _RECIPIENT_ID.fullmatch(text):
        raise MalformedReportError("recipient_id is a number that we gave")
    return int(text)
