"""Outcome: what became of a call to a customer's system, and how long to wait before the next one."""

import contextlib
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http import HTTPStatus

from mifumo import clock

# A system that wants to be left alone for longer than a day is down.
_RETRY_AFTER_MAX_S = 24 * 3600


class CallError(StrEnum):
    """Why a call had no answer."""

    NAME_NOT_KNOWN = "name_not_known"
    ADDRESS_NOT_PUBLIC = "address_not_public"
    NO_ANSWER = "no_answer"
    TIMEOUT = "timeout"
    TLS_FAILED = "tls_failed"
    ANSWER_ILLEGIBLE = "answer_illegible"
    NOT_RECORDED = "not_recorded"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The status of the answer, or else why there was none."""

    status: int | None
    error: CallError | None
    retry_after: str | None
    took_ms: int

    @property
    def taken(self) -> bool:
        """Tells whether the customer's system took what it was told."""
        return self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def gone(self) -> bool:
        """Tells whether the customer's system says that it will never take anything again."""
        return self.status == HTTPStatus.GONE

    @property
    def retry_after_s(self) -> float:
        """How long the answer asks to be left alone (RFC 9110, 10.2.3); 0 when it does not, or not legibly."""
        written = (self.retry_after or "").strip()
        if written.isascii() and written.isdigit():
            return float(min(int(written[:9]), _RETRY_AFTER_MAX_S))
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            wait_s = (parsedate_to_datetime(written) - clock.now()).total_seconds()
            return min(max(0.0, wait_s), _RETRY_AFTER_MAX_S)
        return 0.0


# The worker that made the call died before it wrote down what came of it.
UNRECORDED = Outcome(None, CallError.NOT_RECORDED, None, 0)
