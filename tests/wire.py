"""Wire: counts what goes out to AWS, and cuts the line between any two calls."""

import threading
from typing import Any

from mifumo import aws


class Crash(BaseException):
    """The process died here. Not an Exception, so that nothing of ours can catch it."""


class Wire:
    """Hooks into the clients of `mifumo.aws`, where every call passes."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._crash_at: int | None = None
        self._after = False

    def attach(self) -> None:
        """Listens to the clients as they are now; call it again after `aws.forget()`."""
        for client in (aws.dynamodb(), aws.sqs(), aws.secrets_manager()):
            client.meta.events.register_first("before-call.*.*", self._before)
            client.meta.events.register_last("after-call.*.*", self._done)

    def take_turns(self) -> None:
        """Lets one call at a time through: moto's transactions are not atomic between threads, DynamoDB's are."""
        turn = threading.Lock()
        clients: list[Any] = [aws.dynamodb(), aws.sqs(), aws.secrets_manager()]
        for client in clients:
            made = client._make_api_call

            def call(name: str, arguments: Any, made: Any = made) -> Any:
                with turn:
                    return made(name, arguments)

            client._make_api_call = call

    def count(self, *names: str) -> int:
        """Counts the calls since `clear`, of the named operations or of all."""
        return sum(1 for call in self.calls if not names or call in names)

    def clear(self) -> None:
        """Starts counting again."""
        self.calls.clear()

    def cut(self, at: int, *, after: bool) -> None:
        """Kills the process at call number `at` from now: before it leaves, or after it was carried out."""
        self.calls.clear()
        self._crash_at, self._after = at, after

    def mend(self) -> None:
        """Lets everything through again."""
        self._crash_at = None

    def _before(self, model: Any, **_: Any) -> None:
        self.calls.append(model.name)
        if not self._after:
            self._crash()

    def _done(self, model: Any, **_: Any) -> None:
        if self._after:
            self._crash()

    def _crash(self) -> None:
        if self._crash_at is not None and len(self.calls) == self._crash_at + 1:
            raise Crash
