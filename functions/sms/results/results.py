"""Results: what became of a batch's recipients, as one file; how far it is written, and what of it stands.

| pk | sk | what |
|---|---|---|
| `T#<tenant>` | `RESULTS#<batch>` | the last file that was begun: its pieces, and the chunk to go on from |

    writing → ready
       └→ failed

Pieces are objects that are named by what is in them. Two that write the same piece at the same time may read a batch at
different moments; the item says whose piece is in the file, and the other one stops.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from functions.sms import messaging
from functions.sms.batches.batches import Batch
from mifumo import clock, ids, tables, writes
from mifumo.aws import Item
from mifumo.ids import BatchId, TenantId
from mifumo.tables import Key
from mifumo.writes import Write

from .deflation import Sum

# Gone before its objects are.
_RETENTION_S: Final = 7 * 24 * 3600
DIGEST: Final = 16


class State(StrEnum):
    """How far a file of results is."""

    WRITING = "writing"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Results:
    """A file of a batch's results; `chunk` is the one to go on from, `tries` ended before a piece was written."""

    tenant: TenantId
    batch: BatchId
    name: str
    state: State
    begun_at: str
    moved_at: str
    chunk: int = 1
    rows: int = 0
    sum: Sum = field(default_factory=Sum)
    digests: tuple[str, ...] = ()
    tries: int = 0

    def moved(self, state: State | None = None) -> "Results":
        """Returns the file as it stands from now on."""
        return replace(self, state=state or self.state, moved_at=clock.stamp())


class ResultsMoved(Exception):
    """Somebody else has written on, or has begun anew."""


def new(batch: Batch) -> Results:
    """Begins a file."""
    now = clock.stamp()
    return Results(batch.tenant, batch.id, ids.new(), State.WRITING, begun_at=now, moved_at=now)


def read(tenant: TenantId, batch: BatchId) -> Results | None:
    """Reads the last file that was begun; None when there is none any more."""
    item = tables.get(messaging.table(), _key(tenant, batch))
    return of(item) if item else None


def put(made: Results) -> Write:
    """Writes a file that was begun where none stands; refuses with ResultsMoved."""
    return writes.put(messaging.table(), _item(made), refused=_moved)


def take(tenant: TenantId, batch: BatchId, name: str) -> Write:
    """Counts a try of writing on; refuses with ResultsMoved when the file is done, or another was begun."""
    return writes.update(
        messaging.table(),
        _key(tenant, batch),
        "ADD tries :one",
        condition="#name = :name AND #state = :writing",
        names={"#name": "name", "#state": "state"},
        values={":name": name, ":writing": State.WRITING.value, ":one": 1},
        refused=_moved,
    )


def further(after: Results, *, before: Results) -> Write:
    """Writes how far a file is, or another one in its place, if it is as it was read; refuses with ResultsMoved."""
    return writes.put(
        messaging.table(),
        _item(after),
        condition="#name = :name AND #state = :state AND chunk = :chunk",
        names={"#name": "name", "#state": "state"},
        values={":name": before.name, ":state": before.state.value, ":chunk": before.chunk},
        refused=_moved,
    )


def of(item: Item) -> Results:
    """Reads a file from its item."""
    digests = item["digests"]
    return Results(
        tenant=TenantId(item["tenant"]),
        batch=BatchId(item["batch"]),
        name=item["name"],
        state=State(item["state"]),
        begun_at=item["begun_at"],
        moved_at=item["moved_at"],
        chunk=item["chunk"],
        rows=item["rows"],
        sum=Sum(item["crc"], item["size"]),
        digests=tuple(digests[first : first + DIGEST] for first in range(0, len(digests), DIGEST)),
        tries=item["tries"],
    )


def _item(results: Results) -> Item:
    return {
        **_key(results.tenant, results.batch)._asdict(),
        "tenant": results.tenant,
        "batch": results.batch,
        "name": results.name,
        "state": results.state.value,
        "begun_at": results.begun_at,
        "moved_at": results.moved_at,
        "chunk": results.chunk,
        "rows": results.rows,
        "crc": results.sum.crc,
        "size": results.sum.size,
        # One string: a list would cost three bytes for each.
        "digests": "".join(results.digests),
        "tries": results.tries,
        "ttl": clock.epoch(clock.parse(results.begun_at)) + _RETENTION_S,
    }


def _moved(_: Item | None) -> ResultsMoved:
    return ResultsMoved()


def _key(tenant: TenantId, batch: BatchId) -> Key:
    return Key(f"T#{tenant}", f"RESULTS#{batch}")
