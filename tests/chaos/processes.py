"""Processes: each run of a handler is one, and may die at any call to AWS, or stand still there while others go on."""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, cast

from mifumo import aws, clock
from tests.wire import Crash

# Of all processes, and at which of its calls one dies at the latest: most make few calls.
_DIES, _CALLS_MAX = 0.2, (6, 12, 40)
# Of all calls: while one is under way, something else happens. One stands still in another, not more.
_MEANWHILE, _DEPTH_MAX = 0.01, 2


class Process:
    """One run of a handler: the how many-th, when it began, at which of its calls it dies, if it does, and whether it
    came to its end.
    """

    def __init__(self, serial: int, dies_at: int, *, after: bool) -> None:
        self.serial, self.began = serial, clock.now()
        self.dies_at, self.after, self.calls = dies_at, after, 0
        self.done = False


class Processes:
    """Runs handlers; `meanwhile` is what others do while one waits for an answer."""

    def __init__(self, dice: Random, meanwhile: Callable[[], None]) -> None:
        self._dice, self._meanwhile = dice, meanwhile
        self._running: list[Process] = []
        self.calm = False
        self.serial = 0
        """How many have begun."""
        self.restless = 0.0
        """How likely the one that is at work stands still at any call, at least."""
        self.counts: Counter[str] = Counter()

    def attach(self) -> None:
        """Listens to the clients that handlers use."""
        for client in (aws.dynamodb(), aws.sqs(), aws.s3(), aws.scheduler()):
            events = cast("Any", client.meta.events)
            events.register_first("before-call.*.*", self._before)
            events.register_last("after-call.*.*", self._after)

    def run(self, work: Callable[[], Any]) -> Any:
        """Runs one process; returns what it answers. Raises Crash where it died."""
        dies = not self.calm and self._dice.random() < _DIES
        self.serial += 1
        dies_at = self._dice.randrange(1, self._dice.choice(_CALLS_MAX)) if dies else 0
        process = Process(self.serial, dies_at, after=self._dice.random() < 1 / 2)
        self._running.append(process)
        try:
            answer = work()
            process.done = answer == {"batchItemFailures": []}
            return answer
        except Crash:
            self.counts["died"] += 1
            raise
        finally:
            self._running.remove(process)

    @property
    def alone(self) -> bool:
        """Tells whether no other process stands still while this one is at work."""
        return len(self._running) == 1

    @property
    def current(self) -> Process:
        """The process that is at work."""
        return self._running[-1]

    def wait(self, likely: float) -> None:
        """Lets something else happen now, so likely."""
        if not self.calm and len(self._running) <= _DEPTH_MAX and self._dice.random() < max(likely, self.restless):
            self.counts["stood still"] += 1
            self._meanwhile()

    def _before(self, **_: Any) -> None:
        if not self._running:
            return
        process = self._running[-1]
        process.calls += 1
        if process.dies_at == process.calls and not process.after:
            raise Crash
        self.wait(_MEANWHILE)

    def _after(self, **_: Any) -> None:
        if self._running and self._running[-1].dies_at == self._running[-1].calls and self._running[-1].after:
            raise Crash
