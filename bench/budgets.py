"""Budgets: what a request may ask of AWS once its caches are warm, and what a million texts may cost. Counts only."""

from collections.abc import Mapping
from dataclasses import dataclass

DOLLARS_PER_MILLION = 4.0
IMPORT_RATIO = 2.6
ZIP_BYTES = 9_000_000
# How far a million may be from a thousand times a thousand.
SCALE_TOLERANCE = 0.02

_READS = {"GetItem", "BatchGetItem", "Query", "TransactGetItems"}
_WRITES = {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
_QUEUES = {"SendMessage", "SendMessageBatch"}


@dataclass(frozen=True)
class Budget:
    """The most calls of each kind; a transaction is one write, a batched read one read. No other call is allowed."""

    reads: int = 0
    writes: int = 0
    queues: int = 0

    def holds(self, calls: Mapping[str, int]) -> bool:
        """Tells whether no more than this was called, and nothing else."""
        made = {name: _sum(calls, names) for name, names in _KINDS.items()}
        known = sum(made.values()) == sum(calls.values())
        return known and all(count <= getattr(self, name) for name, count in made.items())

    @property
    def words(self) -> str:
        """The budget as a table cell."""
        allowed = {name: getattr(self, name) for name in _KINDS}
        return ", ".join(f"≤ {count} {_NAMES[name]}" for name, count in allowed.items() if count) or "none"


_KINDS = {"reads": _READS, "writes": _WRITES, "queues": _QUEUES}
_NAMES = {"reads": "read", "writes": "write", "queues": "SQS"}

# A send is one SQS call for each ten chunks, and a thousand recipients are ten chunks.
ENDPOINTS = {
    "auth login": Budget(reads=2, writes=1),
    "sms capability": Budget(reads=1),
    "sms send, 1 recipient": Budget(reads=2, writes=1, queues=1),
    "sms send, 1,000 recipients": Budget(reads=2, writes=1, queues=1),
    "billing packages": Budget(),
    "billing packages, API key": Budget(),
    "refused by a limit": Budget(),
    "webhooks delivery report": Budget(queues=1),
    "webhooks payment callback": Budget(writes=1, queues=1),
    "billing initiate": Budget(reads=3, writes=2, queues=1),
    "billing credit": Budget(reads=3, writes=2, queues=1),
    # A query and a message for each partition of what is due, however many payments there are.
    "billing sweep": Budget(reads=6, queues=4),
    # A row for each payment; three reads and a write for 25 of them, and what each of three days and providers takes.
    "billing reconcile, 100 payments": Budget(reads=24, writes=106),
}


def _sum(calls: Mapping[str, int], names: set[str]) -> int:
    return sum(count for name, count in calls.items() if name in names)
