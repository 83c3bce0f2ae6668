"""Route: which chunk a provider's request id stands for, written in the same transaction as the hand-over."""

from typing import NamedTuple

from functions.sms import messaging
from functions.sms.batches.chunks import Chunk
from mifumo import clock, tables, writes
from mifumo.ids import BatchId, TenantId
from mifumo.tables import Key
from mifumo.writes import Write

_RETENTION_S = 30 * 24 * 3600


class Place(NamedTuple):
    """A chunk, and whether its tenant listens to what becomes of it."""

    tenant: TenantId
    batch: BatchId
    number: int
    listens: bool = False

    @property
    def chunk(self) -> tuple[TenantId, BatchId, int]:
        """What names the chunk."""
        return self.tenant, self.batch, self.number


class RouteTaken(Exception):
    """The request id belongs to another chunk."""


def _key(request_id: str) -> Key:
    return Key(f"REQUEST#beem#{request_id}", "ROUTE")


def new(request_id: str, chunk: Chunk) -> Write:
    """Remembers which chunk a request id stands for."""
    item = {
        **_key(request_id)._asdict(),
        "tenant": chunk.tenant,
        "batch": chunk.batch,
        "number": chunk.number,
        "ttl": clock.epoch() + _RETENTION_S,
        **({"listens": True} if chunk.listens else {}),
    }
    return writes.put(
        messaging.table(),
        item,
        condition="attribute_not_exists(pk) OR (#batch = :batch AND #number = :number)",
        names={"#batch": "batch", "#number": "number"},
        values={":batch": chunk.batch, ":number": chunk.number},
        refused=lambda _: RouteTaken(request_id),
    )


def of(request_ids: set[str]) -> dict[str, Place]:
    """Finds the chunks of request ids, a hundred a read."""
    wanted = {(messaging.table(), _key(request_id)): request_id for request_id in request_ids}
    return {
        wanted[where]: Place(
            TenantId(item["tenant"]), BatchId(item["batch"]), item["number"], item.get("listens", False)
        )
        for where, item in tables.read(*wanted).items()
    }
