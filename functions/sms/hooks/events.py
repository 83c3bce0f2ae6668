"""Event: what became of messages or of a batch, or came from a phone, kept for a month in the order in which it was
written down.

An event of messages names their positions in a chunk, not their numbers, so it stays small and holds no number of its
own; those of a chunk that change together are told together. That of a text that came holds the number and the text.

| pk | sk | what |
|---|---|---|
| `T#<tenant>#EVENTS` | `<id>` | the event; ids sort by time |
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from functions.sms import messaging
from functions.sms.batches import chunks, messages
from functions.sms.batches.chunks import ERASED, Chunk
from mifumo import clock, ids, tables, writes
from mifumo.aws import Item
from mifumo.errors import Conflict, NotFound
from mifumo.ids import BatchId, TenantId
from mifumo.modes import Mode
from mifumo.tables import Key
from mifumo.writes import Write

RETENTION_S = 30 * 24 * 3600
# Two writers may commit in another order than their ids: a list that ends this long ago has no gap that fills later.
SETTLED_AFTER_S = 30


class Type(StrEnum):
    """What an event can be of."""

    SUBMITTED = "message.submitted"
    DELIVERED = "message.delivered"
    UNDELIVERED = "message.undelivered"
    FAILED = "message.failed"
    COMPLETED = "batch.completed"
    RECEIVED = "inbound.received"
    TEST = "webhook.test"


@dataclass(frozen=True, slots=True)
class Group:
    """Messages of a chunk that have come to the same end: their positions, 1 to 100."""

    status: str
    reason: str
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """One event: of messages of a chunk (`groups`), or of a batch, a webhook or a text that came (`facts`).

    `digits` is the number that a text came from.
    """

    id: str
    tenant: TenantId
    type: Type
    at: str
    batch: BatchId | None = None
    chunk: int = 0
    groups: tuple[Group, ...] = ()
    facts: tuple[tuple[str, Any], ...] = ()
    digits: str = ""

    def concerns(self, position: int) -> bool:
        """Tells whether it is of the message at a position of its chunk."""
        return any(position in group.positions for group in self.groups)

    def told(self, chunk: Chunk | None) -> dict[str, Any]:
        """Writes the event as customers get it, given its chunk."""
        data: dict[str, Any] = dict(self.facts)
        if self.digits:
            data = {"from": _number(self.digits), **data}
        if self.batch:
            data["batch_id"] = self.batch
        if chunk and chunk.test:
            data["mode"] = Mode.TEST.value
        if self.groups:
            data["messages"] = [_message(chunk, group, at) for group in self.groups for at in group.positions if chunk]
        return {"id": self.id, "type": self.type.value, "timestamp": self.at, "data": data}


def _message(chunk: Chunk, group: Group, position: int) -> dict[str, Any]:
    digits = chunk.recipients[position - 1]
    return {
        "id": messages.id_of(chunk.batch, chunk.number, position),
        "to": _number(digits),
        "status": group.status,
        "reason": group.reason or None,
    }


def _number(digits: str) -> str | None:
    return None if digits == ERASED else f"+{digits}"


def new(tenant: TenantId, type_: Type, **more: Any) -> Event:
    """Makes an event of now."""
    return Event(id=ids.new(), tenant=tenant, type=type_, at=clock.stamp(), **more)


def key(tenant: TenantId, event: str) -> Key:
    """Returns the key of an event."""
    return Key(partition(tenant), event)


def partition(tenant: TenantId) -> str:
    """Returns where a tenant's events are."""
    return f"T#{tenant}#EVENTS"


def put(event: Event) -> Write:
    """Writes an event down."""
    item = {
        **key(event.tenant, event.id)._asdict(),
        "tenant": event.tenant,
        "type": event.type.value,
        "at": event.at,
        "chunk": event.chunk,
        "groups": [[group.status, group.reason, bytes(group.positions)] for group in event.groups],
        "facts": dict(event.facts),
        "ttl": clock.epoch() + RETENTION_S,
        **({"batch": event.batch} if event.batch else {}),
        **({"digits": event.digits} if event.digits else {}),
    }
    return writes.put(messaging.table(), item, refused=lambda _: Conflict("The event exists."))


def erase(tenant: TenantId, event: str) -> Write:
    """Takes number and text out of the event of a text that came; refuses with NotFound when there is no such event."""
    return writes.update(
        messaging.table(),
        key(tenant, event),
        "SET digits = :erased, #facts.#text = :none",
        condition="attribute_exists(digits)",
        names={"#facts": "facts", "#text": "text"},
        values={":erased": ERASED, ":none": ""},
        refused=lambda _: NotFound("There is no such event."),
    )


def of(item: Item) -> Event:
    """Reads an event from its item."""
    return Event(
        id=item["sk"],
        tenant=TenantId(item["tenant"]),
        type=Type(item["type"]),
        at=item["at"],
        batch=BatchId(item["batch"]) if "batch" in item else None,
        chunk=item["chunk"],
        groups=tuple(Group(status, reason, tuple(bytes(where))) for status, reason, where in item["groups"]),
        facts=tuple(item["facts"].items()),
        digits=item.get("digits", ""),
    )


def page(tenant: TenantId, *, after: str, limit: int) -> tuple[list[dict[str, Any]], str | None]:
    """Reads events after one, oldest first, as customers get them, and the id to go on from; None when that is all."""
    settled = ids.earliest(clock.now() - timedelta(seconds=SETTLED_AFTER_S))
    # Ids have one length, so this stands right behind the one that is given.
    low = f"{after}!" if after else "0"
    if low >= settled:
        return [], None
    found = tables.query(messaging.table(), partition(tenant), between=(low, settled), limit=limit)
    events = [of(item) for item in found.items]
    parts = _chunks(events)
    told = [event.told(parts.get((event.batch, event.chunk))) for event in events]
    return told, events[-1].id if found.last and events else None


def chunk_of(event: Event) -> Chunk | None:
    """Reads the chunk that an event is of."""
    return chunks.get(event.tenant, event.batch, event.chunk) if event.batch and event.chunk else None


def _chunks(events: list[Event]) -> dict[tuple[BatchId | None, int], Chunk]:
    """Reads the chunks of events, a hundred a call."""
    wanted = {
        (messaging.table(), chunks.key(event.tenant, event.batch, event.chunk))
        for event in events
        if event.batch and event.chunk
    }
    found = [chunks.of(item) for item in tables.read(*wanted, consistent=False).values()] if wanted else []
    return {(chunk.batch, chunk.number): chunk for chunk in found}
