"""Wire: counts what goes out to AWS, cuts the line between any two calls, and makes DynamoDB answer as under load."""

import json
import random
import threading
from collections import Counter
from typing import Any, NamedTuple, cast

from mifumo import aws


class Crash(BaseException):
    """The process died here. Not an Exception, so that nothing of ours can catch it."""


class _Http(NamedTuple):
    status_code: int


# How DynamoDB says no to what passes by itself: for one item of a transaction, for a single write, for any call.
_OF_AN_ITEM = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")
_OF_A_WRITE = ("TransactionConflictException", "ProvisionedThroughputExceededException")
_OF_A_READ = ("ProvisionedThroughputExceededException",)
_WRITES = {"PutItem", "UpdateItem", "DeleteItem"}


class Wire:
    """Hooks into the clients of `mifumo.aws`, where every call passes."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._crash_at: int | None = None
        self._after = False
        self.troubles: Counter[str] = Counter()
        """How often each trouble was made, by operation and code."""

    def attach(self) -> None:
        """Listens to the clients as they are now; call it again after `aws.forget()`."""
        for client in (aws.dynamodb(), aws.sqs(), aws.secrets_manager(), aws.scheduler()):
            self.listen(client)

    def listen(self, client: Any) -> None:
        """Listens to one client: S3's and SES's are made by the few tests that need them."""
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

    def trouble(self, *, writes: float, reads: float) -> None:
        """Makes so large a part of DynamoDB's calls fail, unmade: by conflicts and throttles, with the SDK's own tries
        used up.
        """
        self._load = {"writes": writes, "reads": reads}
        self._events = cast("Any", aws.dynamodb().meta.events)
        self._events.register("before-call.dynamodb.*", self._troubled, unique_id="trouble")

    def calm(self) -> None:
        """Ends the trouble."""
        self._events.unregister("before-call.dynamodb.*", unique_id="trouble")

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

    def _troubled(self, model: Any, params: dict[str, Any], **_: Any) -> tuple[_Http, dict[str, Any]] | None:
        """Answers in DynamoDB's place, or lets the call through."""
        transaction = model.name == "TransactWriteItems"
        written = transaction or model.name in _WRITES
        if random.random() >= self._load["writes" if written else "reads"]:
            return None
        code = random.choice(_OF_AN_ITEM if transaction else _OF_A_WRITE if written else _OF_A_READ)
        self.troubles[f"{model.name} {code}"] += 1
        if not transaction:
            return _Http(400), {"Error": {"Code": code, "Message": "made up"}}
        reasons = [{"Code": "None"} for _ in json.loads(params["body"])["TransactItems"]]
        random.choice(reasons)["Code"] = code
        cancelled = {"Code": "TransactionCanceledException", "Message": "made up"}
        return _Http(400), {"Error": cancelled, "CancellationReasons": reasons}

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
