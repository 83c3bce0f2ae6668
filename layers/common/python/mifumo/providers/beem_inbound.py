"""Beem's two-way webhook: what a phone has texted to a number of ours, as data.

Beem's page shows `{from, to, message: {text}, transaction_id}`, third-party clients read `{from, to, message,
timestamp}`: both are taken. `to` is our number; nobody can answer to a name of letters.
"""

import re
from dataclasses import dataclass
from typing import Any

_DIGITS = re.compile(r"\+?([1-9][0-9]{6,14})")
# Ten joined parts; what is longer is no keyword, and nobody's answer.
_TEXT_MAX = 1600
# A number or short code of ours, a transaction's id, a moment: what is longer is none of them.
_NAME_MAX = 100


class MalformedInboundError(ValueError):
    """What came does not have the form of a text."""


@dataclass(frozen=True, slots=True)
class Inbound:
    """A text from a phone. The number is digits, `255712345678`; `to` is what it was sent to, empty when not told.

    `mark` is the same whenever Beem brings the same text, and empty when Beem gives nothing to tell that by.
    """

    digits: str
    text: str
    to: str = ""
    mark: str = ""


def parse(body: dict[str, Any]) -> Inbound:
    """Reads a text in either of its two forms; raises MalformedInboundError."""
    message = body.get("message")
    text = message.get("text") if isinstance(message, dict) else message
    number = _DIGITS.fullmatch(str(body.get("from", "")))
    if not number or not isinstance(text, str):
        raise MalformedInboundError("a text has from and message")
    mark = " ".join(_name(body.get(name)) for name in ("transaction_id", "timestamp")).strip()
    return Inbound(number[1], text[:_TEXT_MAX], _name(body.get("to")), mark)


def _name(given: object) -> str:
    """Reads a name, which may be written as a number."""
    return str(given).strip()[:_NAME_MAX] if isinstance(given, str | int) else ""
