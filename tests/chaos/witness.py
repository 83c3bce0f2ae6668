"""Witness: what the provider saw and what the receipts function was told, by order and by number."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.chaos.evidence import Chunk
from tests.chaos.orders import Order
from tests.chaos.provider import Call, Provider

Word = tuple[datetime, str]


@dataclass(frozen=True)
class Told:
    """A report as the receipts function was told it, and when it had done with it."""

    at: datetime
    body: dict[str, Any]


class Witness:
    """Knows of each text whose it is."""

    def __init__(self, orders: list[Order], provider: Provider, told: list[Told]) -> None:
        self.provider = provider
        self.of_text = {text: order for order in orders for text in order.texts.values()}
        self._calls = defaultdict[tuple[str, str], list[Call]](list)
        self.words = defaultdict[tuple[str, str], list[Word]](list)
        """What was said of an order's text to a number, in the provider's words."""
        named = dict[tuple[int, str], str]()
        for call in provider.calls:
            order = self.of_text[call.text]
            for digits, number in call.recipients.items():
                self._calls[order.key, digits].append(call)
                named[number, digits] = order.key
        for report in told:
            digits = report.body["dest_addr"]
            key = named[report.body["recipient_id"], digits]
            self.words[key, digits].append((report.at, report.body["status"]))

    def calls_of(self, chunk: Chunk, order: Order) -> list[Call]:
        """Returns the calls that were about a chunk."""
        found = {id(call): call for digits in chunk.recipients for call in self._calls.get((order.key, digits), ())}
        return list(found.values())
