"""The customer's account at Beem: texts taken on, their delivery reports, the balance, the sender names."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from mifumo import trial_numbers

_OPENING_BALANCE = 10_000_000


@dataclass(frozen=True)
class Text:
    """One text that Beem has taken on: a line of the log."""

    request_id: int
    source_addr: str
    recipient_id: int | str
    dest_addr: str
    message: str
    at: str


@dataclass(frozen=True)
class Submission:
    """What Beem made of one send call."""

    request_id: int
    texts: tuple[Text, ...]
    invalid: int
    duplicates: int


@dataclass(frozen=True)
class SenderName:
    """A sender name registered with Beem, or asked for."""

    id: int
    senderid: str
    sample_content: str
    status: str
    created: str


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Account:
    """One customer's account, in memory."""

    def __init__(self) -> None:
        self.texts: list[Text] = []
        self.credit_balance = _OPENING_BALANCE
        self.sender_names: list[SenderName] = []
        self._reports: dict[tuple[str, str], str] = {}
        # A request id never comes twice, not even after the simulator was started anew beside a stack that remembers.
        self._last_request_id = time.time_ns() // 1_000_000

    def submit(self, source_addr: str, message: str, recipients: Sequence[tuple[int | str, str]]) -> Submission:
        """Take on the valid recipients, each number once; the others are only counted. One credit a text."""
        self._last_request_id += 1
        texts: dict[str, Text] = {}
        invalid = duplicates = 0
        for recipient_id, dest_addr in recipients:
            if not trial_numbers.outcome_of(dest_addr).valid:
                invalid += 1
            elif dest_addr in texts:
                duplicates += 1
            else:
                texts[dest_addr] = Text(self._last_request_id, source_addr, recipient_id, dest_addr, message, _now())
        self.texts.extend(texts.values())
        self.credit_balance -= len(texts)
        self._reports.update({(str(text.request_id), text.dest_addr): "PENDING" for text in texts.values()})
        return Submission(self._last_request_id, tuple(texts.values()), invalid, duplicates)

    def end(self, text: Text) -> None:
        """A text reaches its end, and the delivery-report API knows from now on."""
        key = (str(text.request_id), text.dest_addr)
        if key in self._reports:
            self._reports[key] = trial_numbers.outcome_of(text.dest_addr).status

    def reports(self, request_id: str, dest_addr: str) -> list[dict[str, Any]]:
        status = self._reports.get((request_id, dest_addr))
        if status is None:
            return []
        return [{"dest_addr": dest_addr, "status": status, "request_id": int(request_id)}]

    def report_of(self, text: Text) -> dict[str, Any]:
        """The body of a pushed report."""
        return {
            "dest_addr": text.dest_addr,
            "request_id": text.request_id,
            "recipient_id": text.recipient_id,
            "status": trial_numbers.outcome_of(text.dest_addr).status,
            "timestamp": _now(),
        }

    def ask_for_sender_name(self, senderid: str, sample_content: str) -> SenderName:
        name = SenderName(len(self.sender_names) + 1, senderid, sample_content, "pending", _now())
        self.sender_names.append(name)
        return name

    def log(self, since: int = 0) -> list[dict[str, Any]]:
        return [asdict(text) for text in self.texts[since:]]

    def forget(self) -> None:
        """Forget the texts and their reports; request ids go on, as two texts never share one."""
        self.texts.clear()
        self._reports.clear()
