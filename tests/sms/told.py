"""Told: a world with a customer's system in it, and the worker that tells it."""

from typing import Any

from functions.sms import hooks_worker
from tests.builders import CONTEXT, sqs
from tests.queues import taken
from tests.sms.customer import Customer
from tests.sms.world import World

ALL = [
    "message.submitted",
    "message.delivered",
    "message.undelivered",
    "message.failed",
    "batch.completed",
    "inbound.received",
]


class Told:
    """A world with a customer's system in it, and the worker that tells it."""

    def __init__(self, world: World, customer: Customer) -> None:
        self.world, self.customer = world, customer

    def listen(self, *events: str, **more: Any) -> tuple[str, str]:
        """Makes a webhook; returns its id and secret."""
        status, made = self.world.call(
            "POST", "/api/sms/webhooks/", {"url": self.customer.url, "events": list(events or ALL), **more}
        )
        assert status == 201, made
        return made["id"], made["secret"]

    def queued(self) -> list[dict[str, Any]]:
        """Takes what is on the queue, delayed or not."""
        return taken("HOOKS")

    def work(self) -> list[dict[str, Any]]:
        """Lets the worker do everything that is queued, and what comes of it; returns the bodies."""
        done = []
        while bodies := self.queued():
            for body in bodies:
                self.deliver(body)
            done += bodies
        return done

    def deliver(self, body: dict[str, Any]) -> None:
        """Delivers one message to the worker; it must not fail."""
        assert hooks_worker.handler(sqs(body), CONTEXT) == {"batchItemFailures": []}

    def sent(self, *numbers: str, **more: Any) -> str:
        """Sends a text and has it handed over; returns the batch's id."""
        status, batch = self.world.send(*numbers, **more)
        assert status == 202, batch
        self.world.work()
        batch_id: str = batch["id"]
        return batch_id

    def delivery(self, hook: str) -> Any:
        """Reads the only delivery of a webhook."""
        (only,) = self.deliveries(hook)
        return only

    def deliveries(self, hook: str) -> list[Any]:
        """Reads the deliveries of a webhook, newest first."""
        status, page = self.world.call("GET", f"/api/sms/webhooks/{hook}/deliveries/")
        assert status == 200, page
        items: list[Any] = page["items"]
        return items

    def test(self, hook: str) -> Any:
        """Asks for a test event."""
        status, made = self.world.call("POST", f"/api/sms/webhooks/{hook}/test/")
        assert status == 202, made
        return made

    def later(self, seconds: float) -> None:
        """Lets time pass, the sweep look and the worker work."""
        self.world.sweep(after_s=seconds)
        self.work()

    def at_next_attempt(self, hook: str) -> bool:
        """Lets the sweep look when the only delivery of a webhook is tried next; tells whether it is to be tried."""
        moment: str | None = self.delivery(hook)["next_attempt_at"]
        if moment:
            self.world.at(moment)
            self.world.sweep(after_s=0.01)
        return bool(moment)

    def feed(self, **options: Any) -> list[Any]:
        """Reads the first page of the feed, once it has settled."""
        self.world.pass_time(31)
        status, page = self.world.call("GET", "/api/sms/events/", **options)
        assert status == 200, page
        items: list[Any] = page["items"]
        return items
