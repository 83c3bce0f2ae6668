"""Listener: the system of a customer who is told over real HTTP; now and then it is down, or busy."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from random import Random
from typing import Any

from functions.sms.hooks import outbound
from functions.sms.hooks.outcomes import Outcome
from tests.chaos.evidence import FINAL, ORDER, Evidence
from tests.chaos.orders import HEARD
from tests.chaos.processes import Processes
from tests.sms.customer import Customer
from tests.wire import Crash

EVENTS = [
    *("message.submitted", "message.delivered", "message.undelivered", "message.failed"),
    *("batch.completed", "inbound.received"),
]
_FAILS, _DIES = 0.2, 0.02
_ANSWERS: tuple[tuple[int, dict[str, str]], ...] = ((500, {}), (503, {"Retry-After": "90"}), (302, {"Location": "/"}))
_TYPES = {"delivered": "message.delivered", "undelivered": "message.undelivered"}


class Listener:
    """Stands between our worker and the customer's system."""

    def __init__(self, customer: Customer, dice: Random, processes: Processes) -> None:
        self.customer, self._dice, self._processes = customer, dice, processes
        self._post = outbound.post
        self.calm = False
        self.counts: Counter[str] = Counter()

    def attach(self, monkeypatch: Any) -> None:
        """Takes the place of `outbound.post`, which it calls."""
        monkeypatch.setattr(outbound, "post", self.post)

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Outcome:
        """Calls as `outbound.post` does; the system fails, or our worker dies before or after, as the dice say."""
        if not self.calm and self._dice.random() < _FAILS:
            self.customer.answers.append(self._dice.choice(_ANSWERS))
        self._perhaps_die()
        outcome = self._post(url, body, headers)
        self.counts["told" if outcome.taken else "told in vain"] += 1
        self._perhaps_die()
        return outcome

    def _perhaps_die(self) -> None:
        if not self.calm and self._dice.random() < _DIES:
            self.customer.answers.clear()
            raise Crash

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that it was told, each once."""
        return list({call.headers["webhook-id"]: json.loads(call.body) for call in self.customer.calls}.values())

    def faults(self, evidence: Evidence) -> Iterator[str]:
        """Lists what it was told wrongly, twice under different ids, or never."""
        came = [(call.headers["webhook-id"], json.loads(call.body)) for call in self.customer.calls]
        by_id = defaultdict[str, set[str]](set)
        for name, body in came:
            by_id[name].add(json.dumps(body, sort_keys=True))
            if body["id"] != name:
                yield f"event {body['id']} came as {name}"
        yield from (f"event {name} says {len(bodies)} things" for name, bodies in by_id.items() if len(bodies) > 1)
        written = {item["sk"] for item in evidence.items if item["pk"] == f"T#{HEARD}#EVENTS"}
        yield from (f"event {name} was never told" for name in sorted(written - by_id.keys()))
        yield from (f"event {name} was told and is not on record" for name in sorted(by_id.keys() - written))
        yield from self._untold(evidence, {name: json.loads(next(iter(bodies))) for name, bodies in by_id.items()})

    def _untold(self, evidence: Evidence, events: dict[str, dict[str, Any]]) -> Iterator[str]:
        """Each end of each message and of each batch is told by one event, and the last one told is where it stands."""
        times, last = Counter[tuple[str, str]](), dict[str, str]()
        completed = Counter(e["data"]["batch_id"] for e in events.values() if e["type"] == "batch.completed")
        for name in sorted(events):
            for message in events[name]["data"].get("messages", ()):
                times[message["id"], message["status"]] += 1
                last[message["id"]] = max(last.get(message["id"], "queued"), message["status"], key=ORDER.index)
                ends = message["status"] in FINAL
                if ends and events[name]["type"] != _TYPES.get(message["status"], "message.failed"):
                    yield f"{message['id']} is {message['status']} in a {events[name]['type']}"
        yield from (f"{what} was told {count} times" for what, count in times.items() if count > 1)
        for chunk in evidence.chunks:
            if chunk.tenant != HEARD:
                continue
            for position in range(1, len(chunk.recipients) + 1):
                name = f"{chunk.batch}-{chunk.number}-{position}"
                heard, stands = last.pop(name, None), evidence.status(chunk, position)
                # A word that a queue lost is said again when figures are counted, which are not made of tests.
                if heard != stands and not chunk.test:
                    yield f"{name} is {stands}, and {heard} was told"
        yield from (f"{name} is nobody's message" for name in last)
        for batch in evidence.batches:
            wanted = int(batch["tenant"] == HEARD)
            # Whoever calls a parked order off, of which nothing was ever held, is told in the answer.
            told = completed.pop(batch["id"], 0)
            if told > wanted or (told < wanted and not batch.get("test")):
                yield f"batch {batch['id']} was told {told} times to be over"
        yield from (f"batch {name} is nobody's" for name in completed)
