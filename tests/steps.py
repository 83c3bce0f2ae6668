"""Steps: what was sent to the queues of data requests, and the workers that take it when a test says so."""

import json
import os
from collections.abc import Callable
from typing import Any

from mifumo import aws, ids, privacy, writes
from mifumo.ids import TenantId
from mifumo.privacy import Kind, Part, State, Step
from tests.builders import CONTEXT, sqs


class Steps:
    """Listens to what goes out to one slice's queue, and delivers it to that slice's worker."""

    def __init__(self, part: Part, handler: Callable[..., Any]) -> None:
        self.part, self.delays = part, list[int]()
        self._handler, self._sent = handler, list[dict[str, Any]]()
        self.url = os.environ[f"{part.value.upper()}_PRIVACY_QUEUE_URL"]
        aws.sqs().meta.events.register("provide-client-params.sqs.SendMessageBatch", self._hear)

    def _hear(self, params: dict[str, Any], **_: Any) -> None:
        if params["QueueUrl"] == self.url:
            self._sent += [json.loads(entry["MessageBody"]) for entry in params["Entries"]]
            self.delays += [entry.get("DelaySeconds", 0) for entry in params["Entries"]]

    def queued(self) -> list[dict[str, Any]]:
        """Takes what was sent since the last time."""
        taken, self._sent = self._sent, []
        return taken

    def deliver(self, body: Any) -> list[dict[str, Any]]:
        """Delivers one message, which must not fail; returns what it sent."""
        assert self.handle(body) == {"batchItemFailures": []}
        return self.queued()

    def handle(self, body: Any) -> Any:
        """Delivers one message, whatever comes of it."""
        return self._handler(sqs(body), CONTEXT)

    def run(self, step: Step) -> Step:
        """Delivers a step and those that follow it until there are none."""
        bodies: list[Any] = [step.body()]
        for _ in range(100):
            if not bodies:
                return step
            bodies = [*bodies[1:], *self.deliver(bodies[0])]
        raise AssertionError("it never ends")

    def state(self, step: Step) -> State:
        """Reads how far the slice's part is."""
        found = privacy.read(step.kind, step.tenant, step.id)
        assert found is not None
        return found.parts[self.part]


def asked_to_forget(digits: str, tenant: TenantId) -> Step:
    """Writes down that a number is to be forgotten; returns the first step towards it."""
    request = ids.derived(tenant, digits)
    step = privacy.first(Kind.ERASURE, tenant, request, run=ids.new(), subject=digits)
    writes.commit(privacy.ask(step))
    return step
