"""Lanes: the two queues that tell workers which chunks wait, so that a campaign delays nobody's one-time password."""

from mifumo import queue
from mifumo.ids import BatchId, TenantId
from mifumo.settings import Settings

from .chunks import Lane


class QueueSettings(Settings):
    """The two lanes."""

    urgent_queue_url: str
    bulk_queue_url: str


def enqueue(tenant: TenantId, lane: Lane, parts: list[tuple[BatchId, int]], *, delay_s: int = 0, ask: int = 0) -> None:
    """Tells the workers of a lane which chunks to hand over, or to `ask` the provider about, from that
    position on.

    On the bulk lane each tenant gets its fair share.
    """
    settings = QueueSettings.load()
    more = {"ask": ask} if ask else {}
    bodies = [{"tenant": tenant, "batch": batch, "chunk": number, **more} for batch, number in parts]
    if lane is Lane.URGENT:
        queue.send(settings.urgent_queue_url, bodies, delay_s=delay_s)
    else:
        queue.send(settings.bulk_queue_url, bodies, group=tenant, delay_s=delay_s)
