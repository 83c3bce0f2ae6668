"""News: what of a chunk or a batch has not been told yet, written down as events with a delivery for each webhook.

What has been told of a chunk stands in an item of its own and moves in the transaction that writes the events. So it
does not matter how often, in which order, or after which crash somebody looks: each change is told once.

| pk | sk | what |
|---|---|---|
| `T#<tenant>#B#<batch>` | `TOLD#<chunk>` | a letter for each message: the end that was told of it |
| `T#<tenant>#B#<batch>` | `TOLD#BATCH` | the batch was told to be completed |
"""

from collections import defaultdict
from dataclasses import dataclass

from functions.sms import messaging
from functions.sms.batches import batches, chunks, messages
from functions.sms.batches.chunks import Chunk, State
from functions.sms.batches.messages import FINAL, RANK, Status
from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.errors import Busy
from mifumo.ids import BatchId, TenantId
from mifumo.modes import Mode
from mifumo.tables import Key
from mifumo.writes import Write

from . import events, feed, hooks
from .events import Event, Group, Type
from .hooks import Hook

# Two looks at one chunk meet now and then; more than these are a fault that the queue brings again.
_TRIES = 4
_RETENTION_S = 400 * 24 * 3600
# Which events there were is kept as far as the item stays within the kilobyte of one write unit.
_NAMED_MAX = 20
_NOTHING = "."
_LETTER = {
    Status.DELIVERED: "d",
    Status.UNDELIVERED: "u",
    Status.FAILED: "f",
    Status.REJECTED: "r",
    Status.UNKNOWN: "k",
    Status.CANCELLED: "c",
}
_TYPE = {
    Status.DELIVERED: Type.DELIVERED,
    Status.UNDELIVERED: Type.UNDELIVERED,
    Status.FAILED: Type.FAILED,
    Status.REJECTED: Type.FAILED,
    Status.UNKNOWN: Type.FAILED,
    Status.CANCELLED: Type.FAILED,
}

# Who ends like this was not sent to, although the chunk was.
_NOT_TAKEN = frozenset({Status.REJECTED, Status.CANCELLED})


class _Moved(Exception):
    """Somebody else told something of it meanwhile."""


@dataclass(frozen=True, slots=True)
class _End:
    """How a message ended."""

    status: Status
    reason: str


def of_chunk(tenant: TenantId, batch: BatchId, number: int) -> int:
    """Tells what is new of a chunk; returns how many events that makes. Raises Busy when others do so all the time."""
    for _ in range(_TRIES):
        listening = hooks.of_tenant(tenant)
        if not listening:
            return 0
        chunk, told = _read(tenant, batch, number)
        if chunk is None:
            return 0
        ends = _ends(chunk)
        marks = _marks(chunk, ends)
        submitted = bool(told.get("submitted")) or chunk.state is State.SUBMITTED
        made = _events(chunk, ends, marks, told, submitted=submitted)
        if not made:
            return 0
        moved = _moved(_told_key(tenant, batch, chunks.placed(number)), told, made, marks=marks, submitted=submitted)
        if _added(tenant, made, listening, moved):
            return len(made)
    raise Busy


def told(chunk: Chunk) -> list[Event]:
    """Reads the last events of a chunk that were told, as long as they are kept."""
    table = messaging.table()
    item = tables.get(table, _told_key(chunk.tenant, chunk.batch, chunks.placed(chunk.number))) or {}
    keys = [(table, events.key(chunk.tenant, event)) for event in item.get("made", [])]
    return [events.of(found) for found in tables.read(*keys, consistent=False).values()] if keys else []


def of_batch(tenant: TenantId, batch: BatchId) -> int:
    """Tells that a batch is over, once; returns how many events that makes."""
    listening, found = hooks.of_tenant(tenant), batches.read(tenant, batch)
    if not listening or found is None or found[0].status not in batches.OVER:
        return 0
    one = found[0]
    facts = (
        ("status", one.status.value),
        ("accepted", one.accepted),
        ("price", one.price),
        ("charged", one.charged),
        ("completed_at", one.completed_at),
        *([("mode", Mode.TEST.value)] if one.test else []),
    )
    made = events.new(tenant, Type.COMPLETED, batch=batch, facts=facts)
    moved = _moved(_told_key(tenant, batch, "BATCH"), {}, [made], marks="", submitted=True)
    return int(_added(tenant, [made], listening, moved))


def _added(tenant: TenantId, made: list[Event], listening: list[Hook], moved: Write) -> bool:
    """Adds events to the feed; tells whether nobody else was first."""
    try:
        feed.add(tenant, made, listening, moved)
    except _Moved:
        return False
    return True


def _read(tenant: TenantId, batch: BatchId, number: int) -> tuple[Chunk | None, Item]:
    table = messaging.table()
    wanted = (table, chunks.key(tenant, batch, number)), (table, _told_key(tenant, batch, chunks.placed(number)))
    found = tables.read(*wanted)
    return (chunks.of(found[wanted[0]]) if wanted[0] in found else None), found.get(wanted[1], {})


def _ends(chunk: Chunk) -> dict[int, _End]:
    """Finds how the messages of a chunk have ended, by position: as its row says, or else as the chunk did."""
    rows, whole = messages.read_rows(chunk), Status.of_chunk(chunk.state)
    ends = {}
    for position in range(1, len(chunk.recipients) + 1):
        row = rows.get(position, {})
        status, reason = whole, chunk.reason
        if "status" in row and RANK[Status(row["status"])] > RANK[whole]:
            status, reason = Status(row["status"]), row["reason"]
        if status in FINAL:
            ends[position] = _End(status, reason or "")
    return ends


def _marks(chunk: Chunk, ends: dict[int, _End]) -> str:
    positions = range(1, len(chunk.recipients) + 1)
    return "".join(_LETTER[ends[at].status] if at in ends else _NOTHING for at in positions)


def _events(chunk: Chunk, ends: dict[int, _End], marks: str, told: Item, *, submitted: bool) -> list[Event]:
    """Makes the events of what has changed since it was told: one of each type, with groups of the same reason."""
    made = []
    if submitted and not told.get("submitted"):
        taken = _taken(chunk, ends)
        made += [_event(chunk, Type.SUBMITTED, [Group(Status.SUBMITTED.value, "", taken)])] if taken else []
    before = told.get("marks", _NOTHING * len(marks))
    changed: dict[Type, dict[_End, list[int]]] = defaultdict(lambda: defaultdict(list))
    for position, end in ends.items():
        if marks[position - 1] != before[position - 1]:
            changed[_TYPE[end.status]][end].append(position)
    for type_, grouped in changed.items():
        groups = [Group(end.status.value, end.reason, tuple(where)) for end, where in grouped.items()]
        made.append(_event(chunk, type_, groups))
    return made


def _taken(chunk: Chunk, ends: dict[int, _End]) -> tuple[int, ...]:
    """Finds whom the provider has taken: not those that it was not given, nor those that it has refused by now."""
    return tuple(
        position
        for position in range(1, len(chunk.recipients) + 1)
        if position not in chunk.withheld and not (position in ends and ends[position].status in _NOT_TAKEN)
    )


def _event(chunk: Chunk, type_: Type, groups: list[Group]) -> Event:
    return events.new(chunk.tenant, type_, batch=chunk.batch, chunk=chunk.number, groups=tuple(groups))


def _moved(place: Key, told: Item, made: list[Event], *, marks: str, submitted: bool) -> Write:
    """Records what has been told by now, if what had been told is still as it was read."""
    names = [*told.get("made", []), *(event.id for event in made)][-_NAMED_MAX:]
    item = {**place._asdict(), "submitted": submitted, "marks": marks, "made": names}
    item["ttl"] = clock.epoch() + _RETENTION_S
    table = messaging.table()
    if not told:
        return writes.put(table, item, refused=lambda _: _Moved())
    return writes.put(
        table,
        item,
        condition="marks = :marks AND submitted = :submitted",
        values={":marks": told["marks"], ":submitted": told["submitted"]},
        refused=lambda _: _Moved(),
    )


def _told_key(tenant: TenantId, batch: BatchId, what: str) -> Key:
    return Key(chunks.partition(tenant, batch), f"TOLD#{what}")
