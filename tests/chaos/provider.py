"""Provider: Beem over real HTTP, which fails as it likes, and its reports: shuffled, doubled, dropped, early and late.

The dice say what fails and when, so that no timer has a part in it: only a call that is to time out has little time.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from mifumo import clock
from mifumo.providers import beem
from mifumo.providers.beem import Answer, BeemSettings, Kind
from sandbox.testing import RunningBeem
from tests.chaos.processes import Process, Processes
from tests.wire import Crash

_FAILS, _DIES, _EARLY = 0.3, 0.03, 0.2
# Taken on although we do not hear of it; not taken on, whatever we hear.
_UNHEARD = ("timeout_after_accept", "reset_after_accept", "garbage_200")
_NOT_TAKEN = (
    *("http_429",) * 4,
    *("refuse_connection",) * 2,
    "http_500",
    "timeout_before_accept",
    "not_successful",
    "code_102",
    "code_111",
    "code_120",
)
FAULTS = frozenset({*_UNHEARD, *_NOT_TAKEN})
_TIMEOUT_S, _PATIENCE_S = 0.15, 20.0
# What the last three digits of a number mean to the simulator.
_ENDS = {"001": "UNDELIVERED", "002": "REJECTED", "003": None}
_DROPPED, _TWICE, _LATE = 0.08, 0.15, 0.02
_USUALLY_WITHIN_S, _LATE_WITHIN_S = 6 * 3_600, 5 * 24 * 3_600


@dataclass
class Call:
    """One send call: what it was about, what came of it at the provider, and what our worker learned.

    `serial` is how many processes had begun by then.
    """

    text: str
    serial: int
    recipients: dict[str, int]
    process: Process
    began: datetime
    taken: list[str] = field(default_factory=list)
    answer: Answer | None = None
    answered: datetime | None = None

    def believed(self, lease_s: float) -> bool:
        """Tells whether our worker learned that it was taken on, in time, and lived to write it down."""
        return (
            self.process.done
            and self.answer is not None
            and self.answer.kind is Kind.ACCEPTED
            and self.answered is not None
            and (self.answered - self.began).total_seconds() < lease_s
        )


@dataclass
class Due:
    """A report that is on its way."""

    at: datetime
    body: dict[str, Any]


class Provider:
    """Stands between our worker and the simulator."""

    def __init__(self, beem_: RunningBeem, dice: Random, processes: Processes) -> None:
        self._beem, self._dice, self._processes = beem_, dice, processes
        self._send = beem.send
        self.calm = False
        self.calls: list[Call] = []
        self.log: list[dict[str, Any]] = []
        self.on_their_way: list[Due] = []
        self.counts: Counter[str] = Counter()

    def settings(self, timeout_s: float = _PATIENCE_S) -> BeemSettings:
        """Returns the worker's settings, with so much patience."""
        return BeemSettings.model_validate(
            {
                "BEEM_SECRET": self._secret,
                "BEEM_URL": self._beem.url,
                "BEEM_REPORTS_URL": self._beem.url,
                "PROVIDER_TIMEOUT_S": timeout_s,
            }
        )

    def attach(self, monkeypatch: Any, secret: str) -> None:
        """Takes the place of `beem.send`, which it calls."""
        self._secret, self._patience = secret, _PATIENCE_S
        monkeypatch.setattr(BeemSettings, "load", lambda: self.settings(self._patience))
        monkeypatch.setattr(beem, "send", self.send)

    def send(self, sender_id: str, text: str, recipients: list[tuple[int, str]], *, ucs_2: bool) -> Answer:
        """Hands over as `beem.send` does, with what the dice have in mind; the worker may die before and after."""
        named = {digits: number for number, digits in recipients}
        call = Call(text, self._processes.serial, named, self._processes.current, clock.now())
        self.calls.append(call)
        self._perhaps_die("died before the call")
        fault = self._fault()
        if fault:
            self._beem.add_fault(fault)
        self._patience = _TIMEOUT_S if fault and fault.startswith("timeout") else _PATIENCE_S
        answer = self._send(sender_id, text, recipients, ucs_2=ucs_2)
        if fault == "refuse_connection":
            self._beem.clear_faults()
        self.counts[fault or "answered"] += 1
        self._hear(call, wanted=fault is None or fault in _UNHEARD)
        self._processes.wait(_EARLY)
        self._perhaps_die("died after the call")
        call.answer, call.answered = answer, clock.now()
        return answer

    def due(self) -> list[dict[str, Any]]:
        """Takes the reports that arrive by now, in any order."""
        now = clock.now()
        here = [report for report in self.on_their_way if report.at <= now]
        self.on_their_way = [report for report in self.on_their_way if report.at > now]
        self._dice.shuffle(here)
        return [report.body for report in here]

    def _fault(self) -> str | None:
        if self.calm or self._dice.random() >= _FAILS:
            return None
        return self._dice.choice(_UNHEARD if self._dice.random() < 1 / 3 else _NOT_TAKEN)

    def _perhaps_die(self, how: str) -> None:
        if not self.calm and self._dice.random() < _DIES:
            self.counts[how] += 1
            raise Crash

    def _hear(self, call: Call, *, wanted: bool) -> None:
        """Reads what the provider has taken on; a call that hung up early is waited for."""
        valid = [digits for digits in call.recipients if not digits.endswith("006")]
        found = self._beem.taken_on(since=len(self.log))
        until = time.monotonic() + _PATIENCE_S
        while wanted and len(found) < len(valid) and time.monotonic() < until:
            time.sleep(0.005)
            found = self._beem.taken_on(since=len(self.log))
        self.log += found
        call.taken = [text["dest_addr"] for text in found]
        for text in found:
            self._report(text)

    def _report(self, text: dict[str, Any]) -> None:
        """Sends the reports of a text on their ways."""
        end = _ENDS.get(text["dest_addr"][-3:], "DELIVERED")
        words = [word for word in ("PENDING", end) if word]
        if end == "UNDELIVERED" and self._dice.random() < _TWICE:
            words.append("DELIVERED")
        for word in words:
            if not self.calm and self._dice.random() < _DROPPED:
                self.counts["reports dropped"] += 1
                continue
            for _ in range(2 if self._dice.random() < _TWICE else 1):
                within_s = _LATE_WITHIN_S if self._dice.random() < _LATE else _USUALLY_WITHIN_S
                soon = 0.0 if self._dice.random() < _EARLY else self._dice.uniform(0, within_s)
                names = {name: text[name] for name in ("request_id", "recipient_id", "dest_addr")}
                self.on_their_way.append(Due(clock.now() + timedelta(seconds=soon), {**names, "status": word}))
                self.counts["reports sent"] += 1
