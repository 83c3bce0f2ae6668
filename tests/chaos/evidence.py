"""Evidence: what a story has left in the tables, read as it stands: none of our own code says what it means."""

import os
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.kernel import ledger_model

# docs/decisions/0006: of two words the later one stands.
ORDER = (
    *("queued", "claimed", "submitting", "submit_unknown", "submitted", "buffered"),
    *("unknown", "failed", "undelivered", "rejected", "cancelled", "delivered"),
)
FINAL = frozenset(ORDER[6:])
_BYTES, _DIGITS = 4, 9


@dataclass(frozen=True)
class Chunk:
    """A chunk as it is stored; `withheld` are positions, from 1 on."""

    tenant: str
    batch: str
    number: int
    state: str
    recipients: tuple[str, ...]
    withheld: frozenset[int]
    invalid: int
    segments: int
    adopted: bool
    test: bool
    waits: bool
    created_at: str
    updated_at: str
    submitted_at: str | None

    @property
    def handed_over(self) -> int:
        """How many of its texts it says that the provider took."""
        return len(self.recipients) - len(self.withheld) - self.invalid if self.state == "submitted" else 0


class Evidence:
    """The tables of messages and of money."""

    def __init__(self) -> None:
        self.items = ledger_model.stored(os.environ["MESSAGING_TABLE"])
        self.ledger = ledger_model.stored(os.environ["LEDGER_TABLE"])
        self.batches = [item for item in self.items if item["sk"].startswith("BATCH#")]
        self.chunks = [_chunk(item) for item in self.items if item["sk"].startswith("CHUNK#")]
        self._rows = {(item["pk"], item["sk"]): item for item in self.items if "#M#" in item["pk"]}

    def status(self, chunk: Chunk, position: int) -> str:
        """Says where a message stands: as its row says, unless its chunk is further."""
        row = self._rows.get((f"T#{chunk.tenant}#M#{chunk.batch}#{chunk.number:07d}", f"{position:03d}"), {})
        return max(chunk.state, str(row.get("status", "queued")), key=ORDER.index)

    def told(self) -> Counter[str]:
        """Counts what came of the chunks, whom they spared, and the credits that came back."""
        spared = sum(len(chunk.withheld) for chunk in self.chunks)
        states = Counter(f"chunks {chunk.state}" for chunk in self.chunks)
        return states + Counter({"spared who opted out": spared, "credits given back": self.given_back.total()})

    @cached_property
    def given_back(self) -> Counter[str]:
        """Credits that came back, by the record that says for which chunk."""
        return Counter(
            {
                item["pk"]: posting["amount"]
                for item in self.ledger
                if item["pk"].startswith("TXN#returned:")
                for posting in item["postings"]
                if posting["account"].startswith("tenant:")
            }
        )


def _chunk(item: dict[str, Any]) -> Chunk:
    return Chunk(
        tenant=item["tenant"],
        batch=item["batch"],
        number=item["number"],
        state=item["state"],
        recipients=_numbers(item["recipients"]),
        withheld=frozenset(item.get("withheld", ())),
        invalid=item.get("invalid", 0),
        segments=item["segments"],
        adopted=item.get("adopted", False),
        test=item.get("test", False),
        waits="due_pk" in item,
        created_at=item["created_at"],
        updated_at=item["updated_at"],
        submitted_at=item.get("submitted_at"),
    )


def _numbers(stored: Any) -> tuple[str, ...]:
    if isinstance(stored, str):
        return tuple(stored.split(","))
    packed = bytes(stored)
    found = (int.from_bytes(packed[at : at + _BYTES], "big") for at in range(0, len(packed), _BYTES))
    return tuple(f"255{number:0{_DIGITS}d}" for number in found)
