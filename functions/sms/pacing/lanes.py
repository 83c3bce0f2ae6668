"""Lanes: the two queues that tell workers which chunks wait, so that a campaign delays nobody's one-time password."""

from collections.abc import Iterable

from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import Lane
from mifumo import queue
from mifumo.ids import BatchId, TenantId
from mifumo.settings import Settings

from . import pace


class QueueSettings(Settings):
    """The two lanes."""

    urgent_queue_url: str
    bulk_queue_url: str


def enqueue(
    tenant: TenantId,
    lane: Lane,
    parts: list[tuple[BatchId, int]],
    *,
    delay_s: int = 0,
    ask: int = 0,
    placed: bool = False,
) -> None:
    """Tells the workers of a lane which chunks to hand over, or to `ask` the provider about, from that position on.

    On the bulk lane each tenant gets its fair share; a chunk that is `placed` has its place on the tenant's schedule.
    """
    settings = QueueSettings.load()
    more = {**({"ask": ask} if ask else {}), **({"placed": True} if placed else {})}
    bodies = [{"tenant": tenant, "batch": batch, "chunk": number, **more} for batch, number in parts]
    if lane is Lane.URGENT:
        queue.send(settings.urgent_queue_url, bodies, delay_s=delay_s)
    else:
        queue.send(settings.bulk_queue_url, bodies, group=tenant, delay_s=delay_s)


def fan_out(batch: Batch, numbers: Iterable[int], *, place: int) -> None:
    """Tells the workers of chunks of a large batch in waves, each when its turn is at the tenant's own rate.

    `place` is that of the first of them among all that are told of. Those whose turn is later than a queue delays a
    message are left to the sweep, which comes when they are due.
    """
    waves: dict[int, list[tuple[BatchId, int]]] = {}
    for its_place, number in enumerate(numbers, start=place):
        waves.setdefault(int(pace.spread_s(batch, its_place)), []).append((batch.id, number))
    for delay_s, parts in waves.items():
        if delay_s <= queue.DELAY_MAX_S:
            enqueue(batch.tenant, batch.lane, parts, delay_s=delay_s)
