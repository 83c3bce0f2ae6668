"""Queues: SQS on its bad days, in one thread: late, twice, in any order, and sometimes not taking a message."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple, cast

from mifumo import aws, clock

# As in the templates: a message that was not done with is seen again after six times the worker's timeout, five times.
_HIDDEN_S = 360
_RECEIVES_MAX = 5
_LOST, _TAKEN_IN_PART, _TWICE = 0.02, 0.02, 0.15
_AGAIN_WITHIN_S = 3_600


class _Http(NamedTuple):
    status_code: int


@dataclass(eq=False)
class Message:
    """One message: for whom, what, from when on it is seen, and how often it was."""

    queue: str
    body: dict[str, Any]
    seen_at: datetime
    receives: int = 0


class Queues:
    """All queues of ours. Calm ones take everything and deliver it once."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self.waiting: list[Message] = []
        self.calm = False
        self.counts: Counter[str] = Counter()
        """What befell messages."""

    def attach(self) -> None:
        """Answers in place of SQS."""
        cast("Any", aws.sqs().meta.events).register("before-call.sqs.SendMessageBatch", self._sent)

    def put(self, queue: str, body: dict[str, Any], *, delay_s: float = 0) -> None:
        """Takes a message in."""
        self.waiting.append(Message(queue, body, clock.now() + timedelta(seconds=delay_s)))

    def draw(self, *, together: Mapping[str, int]) -> list[Message]:
        """Takes any of the messages that are seen now, with others of its queue if those come `together`."""
        now = clock.now()
        seen = [message for message in self.waiting if message.seen_at <= now]
        if not seen:
            return []
        first = self._dice.choice(seen)
        alike = [message for message in seen if message.queue == first.queue and message is not first]
        self._dice.shuffle(alike)
        drawn = [first, *alike[: together.get(first.queue, 1) - 1]]
        for message in drawn:
            self.waiting.remove(message)
            message.receives += 1
        self.counts["delivered"] += len(drawn)
        return drawn

    def done(self, messages: list[Message]) -> None:
        """Forgets messages, or does not."""
        for message in messages:
            if not self.calm and self._dice.random() < _TWICE:
                self.counts["delivered again"] += 1
                message.seen_at = clock.now() + timedelta(seconds=self._dice.uniform(0, _AGAIN_WITHIN_S))
                self.waiting.append(message)

    def back(self, messages: list[Message]) -> None:
        """Brings messages again that were not done with, or gives them up."""
        for message in messages:
            if message.receives >= _RECEIVES_MAX:
                self.counts["given up"] += 1
                continue
            message.seen_at = clock.now() + timedelta(seconds=_HIDDEN_S)
            self.waiting.append(message)

    def _sent(self, params: dict[str, Any], **_: Any) -> tuple[_Http, dict[str, Any]]:
        asked = json.loads(params["body"])
        queue = asked["QueueUrl"].rsplit("/", 1)[-1]
        if not self.calm and self._dice.random() < _LOST:
            self.counts["calls refused"] += 1
            return _Http(503), {"Error": {"Code": "ServiceUnavailable", "Message": "made up"}}
        taken, failed = [], []
        for entry in asked["Entries"]:
            if not self.calm and self._dice.random() < _TAKEN_IN_PART:
                self.counts["messages refused"] += 1
                failed.append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
                continue
            self.put(queue, json.loads(entry["MessageBody"]), delay_s=entry.get("DelaySeconds", 0))
            taken.append({"Id": entry["Id"], "MessageId": entry["Id"], "MD5OfMessageBody": ""})
        return _Http(200), {"Successful": taken, "Failed": failed}
