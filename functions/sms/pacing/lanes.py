"""Lanes: the two queues that tell workers which chunks wait, so that a campaign delays nobody's one-time password."""

from collections.abc import Iterable
from math import ceil

from functions.sms import messaging
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
    waits: str = "",
) -> None:
    """Tells the workers of a lane which chunks to hand over, or to `ask` the provider about, from that position on.

    On both lanes each tenant gets its fair share. A message that `waits` for the moment at which its chunk is due is
    the one that comes for its turn: if that is later than a queue delays a message, it comes before, and is put back.
    """
    settings = QueueSettings.load()
    more = {**({"ask": ask} if ask else {}), **({"waits": waits} if waits else {})}
    delay_s = ceil(delay_s / max(1, ceil(delay_s / queue.DELAY_MAX_S)))
    bodies = [{"tenant": tenant, "batch": batch, "chunk": number, **more} for batch, number in parts]
    url = settings.urgent_queue_url if lane is Lane.URGENT else settings.bulk_queue_url
    queue.send(url, bodies, group=tenant, delay_s=delay_s)


def fan_out(batch: Batch, numbers: Iterable[int], *, place: int) -> None:
    """Tells the workers of chunks of a large batch in waves, each when its turn is at the tenant's own rate.

    `place` is that of the first of them among all that are told of.
    """
    waves: dict[int, list[tuple[BatchId, int]]] = {}
    for its_place, number in enumerate(numbers, start=place):
        waves.setdefault(int(pace.spread_s(batch, its_place)), []).append((batch.id, number))
    for delay_s, parts in waves.items():
        waits = messaging.swept_at(delay_s) if delay_s > queue.DELAY_MAX_S else ""
        enqueue(batch.tenant, batch.lane, parts, delay_s=delay_s, waits=waits)
