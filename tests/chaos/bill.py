"""Bill: what each chunk may cost, reckoned anew from the provider's log, from what the workers learned and from what
the receipts function was told; never from what our own code says that it comes to.

    accepted by the provider: delivered, undelivered, never reported       charged
    accepted by the provider, and rejected by the operator                 charged, and given back
    not taken for its number, refused, failed, called off, opted out       not charged
    answer lost, confirmed by reports                                      charged for those with a report
    answer lost, and nothing heard in the whole window                     not charged
    in test mode                                                           not charged
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from mifumo import clock
from tests.chaos.customers import Customers
from tests.chaos.evidence import Chunk, Evidence
from tests.chaos.orders import Order, segments
from tests.chaos.witness import Witness
from tests.kernel import ledger_model

_LEASE_S = 300
_WINDOW = timedelta(hours=72)


class Bill:
    """Reads what was charged, and lists what is wrong with it."""

    def __init__(self, customers: Customers, witness: Witness, evidence: Evidence) -> None:
        self._customers, self._witness, self._evidence = customers, witness, evidence
        self._orders = {order.id: order for order in customers.orders if order.id}

    def faults(self) -> Iterator[str]:
        """Lists what is charged or given back wrongly, and books that do not add up."""
        owed, priced, spent = Counter[str](), Counter[str](), Counter[str]()
        for chunk in self._evidence.chunks:
            order = self._orders[chunk.batch]
            texts_of_all = order.texts
            text, *others = {texts_of_all[to] for to in chunk.recipients}
            each = segments(text)
            priced[chunk.batch] += each * len(chunk.recipients)
            owed[chunk.batch] += each * chunk.handed_over
            if others or each != chunk.segments:
                yield f"chunk {chunk.batch} {chunk.number} has {chunk.segments} segments and not {each}"
            if order.test:
                continue
            if chunk.handed_over not in (allowed := self._allowed(chunk)):
                yield f"chunk {chunk.batch} {chunk.number} ({chunk.state}) costs {chunk.handed_over} and not {allowed}"
            back = self._evidence.given_back[f"TXN#returned:{chunk.batch}:{chunk.number}"]
            spent[chunk.tenant] -= back
            ended = self._refused_by_networks(chunk)
            if back not in {texts * each for texts in ended}:
                yield f"chunk {chunk.batch} {chunk.number} had {back} given back for {ended} texts"
        for batch in self._evidence.batches:
            order = self._orders[batch["id"]]
            spent[batch["tenant"]] += batch["charged"]
            if batch["charged"] != (charged := 0 if order.test else owed[order.id]):
                yield f"batch {order.id} is charged {batch['charged']} and its chunks come to {charged}"
            yield from self._misquoted(order, batch["price"], priced[order.id])
        for tenant, given in self._customers.credits.items():
            wallet = ledger_model.as_modelled(self._evidence.ledger, tenant)
            if (wallet.available, wallet.held) != (given - spent[tenant], 0):
                yield f"{tenant} has {wallet.available} and {wallet.held} held of {given}, with {spent[tenant]} spent"
        yield from self._books()

    def _misquoted(self, order: Order, price: int, priced: int) -> Iterator[str]:
        # A parked one that was never sent has no chunks.
        if priced and price != priced:
            yield f"batch {order.id} has the price {price}, and its texts come to {priced}"
        if order.quoted and price != order.quoted:
            yield f"batch {order.id} was quoted at {order.quoted} and costs {price}"

    def _allowed(self, chunk: Chunk) -> set[int]:
        """Returns for how many recipients a chunk may be charged."""
        calls = self._witness.calls_of(chunk, self._orders[chunk.batch])
        taken = sum(len(call.taken) for call in calls)
        believed = any(call.believed(_LEASE_S) for call in calls)
        if chunk.state == "submitted" and not chunk.adopted:
            return {taken}
        if chunk.state == "submitted":
            return set() if believed else self._confirmed(chunk)
        if chunk.state == "unknown":
            return set() if believed or self._heard_in_time(chunk) else {0}
        return set() if taken else {0}

    def _heard_in_time(self, chunk: Chunk) -> bool:
        """Tells whether the receipts function had been told of a chunk before that ended without a word."""
        ended = clock.parse(chunk.updated_at)
        return any(at < ended for words in self._words(chunk) for at, _ in words)

    def _confirmed(self, chunk: Chunk) -> set[int]:
        """Returns how many messages of a chunk whose answer was lost may have been ended by a report in time.

        What was told later, or pulled, may have come in time.
        """
        by = clock.parse(chunk.submitted_at or chunk.created_at) + _WINDOW
        surely = sum(any(at <= by and word != "PENDING" for at, word in words) for words in self._words(chunk))
        perhaps = sum(digits[-3:] != "003" for digits in self._taken(chunk))
        return set(range(surely, perhaps + 1)) if any(self._words(chunk)) else set()

    def _refused_by_networks(self, chunk: Chunk) -> set[int]:
        """Returns for how many of a chunk's texts, charged and then refused by their networks, credits came back."""
        refused = [digits for digits in self._taken(chunk) if digits.endswith("002")]
        if chunk.state != "submitted" or not refused:
            return {0}
        by = clock.parse(chunk.submitted_at or chunk.created_at) + _WINDOW
        words = [self._witness.words[self._orders[chunk.batch].key, digits] for digits in refused]
        surely = sum(any(at <= by and word != "PENDING" for at, word in some) for some in words)
        return set(range(surely, len(refused) + 1))

    def _words(self, chunk: Chunk) -> list[list[tuple[datetime, str]]]:
        key = self._orders[chunk.batch].key
        return [self._witness.words.get((key, digits), []) for digits in chunk.recipients]

    def _taken(self, chunk: Chunk) -> list[str]:
        calls = self._witness.calls_of(chunk, self._orders[chunk.batch])
        return [digits for call in calls for digits in call.taken]

    def _books(self) -> Iterator[str]:
        try:
            ledger_model.check_journal(self._evidence.ledger)
            for tenant in self._customers.credits:
                ledger_model.check_wallet(self._evidence.ledger, tenant)
        except AssertionError as error:
            yield f"the books do not add up: {error}"
