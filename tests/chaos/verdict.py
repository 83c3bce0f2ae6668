"""Verdict: what must hold when a story is over, whatever has happened in it.

It is reckoned anew from the provider's log, from what the customers asked for and from what was told; of our own code
nothing is asked.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from mifumo import clock
from tests.chaos.bill import Bill
from tests.chaos.customers import Customers
from tests.chaos.evidence import FINAL, ORDER, Chunk, Evidence
from tests.chaos.listener import Listener
from tests.chaos.orders import Kind, Order, Stop
from tests.chaos.phones import Phones
from tests.chaos.provider import Call, Provider
from tests.chaos.wishes import Wishes
from tests.chaos.witness import Told, Witness

_OVER = {"cancelled", "completed"}
# Figures are counted anew for longer than a story lasts: that holds nothing up.
_FIGURES = "RECKONINGS"
# Dar es Salaam has no summer time; promotional texts go from eight to eight.
_EAST = timedelta(hours=3)
_MORNING, _EVENING = 8, 20
# What waits for longer than this is looked at for opt-outs again as it is handed over.
_FRESH = timedelta(minutes=1)
_MEANT = {"PENDING": "submitted", "DELIVERED": "delivered", "UNDELIVERED": "undelivered", "REJECTED": "rejected"}
# What the last three digits of a number mean.
_ENDS = {"001": {"undelivered", "delivered"}, "002": {"rejected"}, "003": set[str](), "006": {"rejected"}}
_TRIAL_ENDS = {"001": "undelivered", "002": "rejected", "003": "unknown", "006": "rejected"}


class Verdict:
    """Reads all that a story left behind, and lists what is wrong with it."""

    def __init__(
        self, customers: Customers, phones: Phones, provider: Provider, listener: Listener, told: list[Told]
    ) -> None:
        self._customers, self._provider, self._listener, self._told = customers, provider, listener, told
        self._wishes = Wishes(customers.outs, phones.said)

    def late(self, since: datetime, evidence: Evidence) -> list[str]:
        """Lists what was handed over by a moment, 72 hours ago, and has not ended."""
        witness, orders = Witness(self._customers.orders, self._provider, self._told), self._orders()
        found = list[str]()
        for chunk in evidence.chunks:
            calls = witness.calls_of(chunk, orders[chunk.batch])
            if calls and chunk.state != "queued" and max(call.began for call in calls) <= since:
                found += [f"72 hours on, {one}" for one in self._unended(chunk, evidence)]
        return found

    def faults(self, evidence: Evidence) -> list[str]:
        """Lists all that must not be; empty when all is well."""
        self._evidence, self._of_batch = evidence, self._orders()
        self._witness = Witness(self._customers.orders, self._provider, self._told)
        checks = (self._missing, self._sent_twice, self._sent_unasked, self._sent_too_early, self._open, self._misread)
        found = [fault for check in checks for fault in check()]
        bill = Bill(self._customers, self._witness, evidence)
        return [
            *found,
            *bill.faults(),
            *self._listener.faults(evidence),
            *self._wishes.faults(evidence, self._listener.events),
        ]

    def _orders(self) -> dict[str, Order]:
        return {order.id: order for order in self._customers.orders if order.id}

    def _missing(self) -> Iterator[str]:
        """Each order is one batch, and each of its recipients stands in it once, but for who was out by then."""
        yield from (f"{o.key} was never accepted" for o in self._customers.orders if not o.id and not o.void)
        made = Counter(batch["id"] for batch in self._evidence.batches)
        if made != (asked := Counter(self._of_batch.keys())):
            yield f"batches are {made - asked} too many and {asked - made} too few"
        recipients = Counter((chunk.batch, digits) for chunk in self._evidence.chunks for digits in chunk.recipients)
        yield from (f"{batch} has {digits} {count} times" for (batch, digits), count in recipients.items() if count > 1)
        status = {batch["id"]: batch["status"] for batch in self._evidence.batches}
        for order in self._of_batch.values():
            here = {digits for batch, digits in recipients if batch == order.id}
            if not here and order.parks and status.get(order.id) == "cancelled":
                continue
            out = {digits for tenant, digits in self._customers.perhaps_out if tenant == order.tenant}
            if (lost := order.names.keys() - here - out) or (more := here - order.names.keys()):
                yield f"{order.key} lacks {lost} and has {more} besides"

    def _sent_twice(self) -> Iterator[str]:
        times = Counter((self._witness.of_text[text["message"]].key, text["dest_addr"]) for text in self._provider.log)
        for (batch, number), count in times.items():
            if count > 1:
                yield f"{batch} reached {number} {count} times"

    def _sent_unasked(self) -> Iterator[str]:
        for text in self._provider.log:
            order, digits = self._witness.of_text[text["message"]], text["dest_addr"]
            if order.texts.get(digits) != text["message"]:
                yield f"{digits} got a text that nobody sent it"
            if order.test:
                yield f"{digits} got {order.key}, which is a test"

    def _sent_too_early(self) -> Iterator[str]:
        """Nothing goes while its order waits, is paused or is called off, in its quiet hours, or to who is out."""
        created = {
            (chunk.batch, digits): clock.parse(chunk.created_at)
            for chunk in self._evidence.chunks
            for digits in chunk.recipients
        }
        for call in self._provider.calls:
            order = self._witness.of_text[call.text]
            if any(_stood(stop, call) for stop in order.stops):
                yield f"{order.key} was handed over at {call.began} although it was stopped, or before its moment"
            if order.promotional and _is_night(call.process.began) and _is_night(call.began):
                yield f"{order.key} was handed over at {call.began}, in its quiet hours"
            for digits in call.recipients:
                since = created.get((order.id, digits), call.began)
                if self._is_out(order, digits, call, looked_again=call.process.began - since > _FRESH):
                    yield f"{order.key} was handed over to {digits} at {call.began}, who was out"

    def _is_out(self, order: Order, digits: str, call: Call, *, looked_again: bool) -> bool:
        looked_again = looked_again or order.kind is Kind.FILE
        return any(out.binds(order, call, looked_again=looked_again) for out in self._wishes.outs(order.tenant, digits))

    def _open(self) -> Iterator[str]:
        for item in self._evidence.items:
            if item.get("due_pk", _FIGURES) != _FIGURES:
                yield f"{item['due_pk']} still has {item['pk']} {item['sk']} {item.get('state', item.get('status'))}"
        for batch in self._evidence.batches:
            if batch["status"] not in _OVER:
                yield f"batch {batch['id']} is {batch['status']}"
        for chunk in self._evidence.chunks:
            yield from self._unended(chunk, self._evidence)

    def _unended(self, chunk: Chunk, evidence: Evidence) -> Iterator[str]:
        if chunk.waits:
            yield f"chunk {chunk.batch} {chunk.number} ({chunk.state}) is looked at again"
        for position in range(1, len(chunk.recipients) + 1):
            if (status := evidence.status(chunk, position)) not in FINAL:
                yield f"message {chunk.batch} {chunk.number} {position} is {status}"

    def _misread(self) -> Iterator[str]:
        """Each message stands no lower than the highest word that came for it, and nowhere where nothing led it."""
        for chunk in self._evidence.chunks:
            order = self._of_batch[chunk.batch]
            taken = {digits for call in self._witness.calls_of(chunk, order) for digits in call.taken}
            for position, digits in enumerate(chunk.recipients, start=1):
                status, words = self._evidence.status(chunk, position), self._witness.words.get((order.key, digits), [])
                if not self._may_be(status, chunk, order, digits, taken=digits in taken):
                    yield f"{order.key} to {digits} is {status}, in a chunk that is {chunk.state}"
                highest = max((ORDER.index(_MEANT[word]) for _, word in words), default=0)
                if chunk.state == "submitted" and ORDER.index(status) < highest:
                    yield f"{order.key} to {digits} is {status} in spite of {words}"

    def _may_be(self, status: str, chunk: Chunk, order: Order, digits: str, *, taken: bool) -> bool:
        if order.test:
            expected = _TRIAL_ENDS.get(digits[-3:], "delivered")
            return status in {expected, "cancelled"} or (chunk.state == "unknown" and status == "unknown")
        if not taken:
            return status in {"rejected", "failed", "cancelled", "unknown"}
        return status == "unknown" or status in _ENDS.get(digits[-3:], {"delivered"})


def _stood(stop: Stop, call: Call) -> bool:
    """Tells whether the process of a call began when its order had been stopped, and made it before that went on."""
    stands = call.process.serial > stop.since and (stop.until is None or call.serial < stop.until)
    return stands and (stop.before is None or call.began < stop.before)


def _is_night(at: datetime) -> bool:
    return not _MORNING <= (at + _EAST).hour < _EVENING
