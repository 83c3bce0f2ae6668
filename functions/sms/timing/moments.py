"""Moment: when something is to be sent, written as RFC 3339 has it, with any offset; kept as a stamp in UTC.

A moment without an offset is refused: whose clock it was read from is nobody's to guess.
"""

import re
from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from mifumo import clock
from mifumo.errors import ValidationFailed

# Sooner than that, it is sent at once as well.
AHEAD_MIN_S: Final = 10
AHEAD_MAX_S: Final = 365 * 24 * 3600
_LOCAL = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?", re.ASCII)
_OFFSET = re.compile(r"[Zz]|[+-]\d{2}:\d{2}", re.ASCII)


def _read(text: str) -> str:
    local = _LOCAL.match(text)
    if local is None:
        raise PydanticCustomError("moment_invalid", "Write it as RFC 3339 has it: 2026-01-31T08:15:00+03:00.")
    offset = text[local.end() :]
    if not offset:
        raise PydanticCustomError("offset_missing", "Say whose clock it is: add an offset such as +03:00, or Z.")
    if not _OFFSET.fullmatch(offset):
        raise PydanticCustomError("moment_invalid", "Write the offset as +03:00, or Z for UTC.")
    try:
        at = datetime.fromisoformat(f"{local[0][:19].upper()}{offset.upper()}")
        return clock.stamp(at)
    except (ValueError, OverflowError) as error:
        raise PydanticCustomError("moment_invalid", "There is no such moment.") from error


Moment = Annotated[
    str,
    Field(max_length=40, json_schema_extra={"format": "date-time"}),
    AfterValidator(_read),
]
"""A moment as it comes over the wire; to the second, as it is kept."""


def require_ahead(moment: str, *, accepted_at: str | None = None, pointer: str = "/send_at") -> None:
    """Raises ValidationFailed for the field unless a moment is ahead of us, and at most a year after its batch was
    accepted, or will be now: what it is sent from is not kept for ever.
    """
    if moment < clock.after(AHEAD_MIN_S):
        detail = f"This is no later than {AHEAD_MIN_S} seconds from now: leave it out to send at once."
        raise ValidationFailed.of(pointer, "too_soon", detail)
    last = clock.after(AHEAD_MAX_S, clock.parse(accepted_at) if accepted_at else None)
    if moment > last:
        detail = f"At most 365 days after it was accepted: {last}." if accepted_at else "At most 365 days ahead."
        raise ValidationFailed.of(pointer, "too_late", detail)
