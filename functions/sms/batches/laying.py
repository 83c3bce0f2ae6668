"""Laying: the queue that tells which parts of plans are to be laid out, each of a batch that uses the plan."""

from collections.abc import Iterable

from mifumo import queue
from mifumo.settings import Settings

from .batches import Batch


class LayingSettings(Settings):
    """The queue that layers read."""

    laying_queue_url: str


def enqueue(batch: Batch, numbers: Iterable[int]) -> None:
    """Has parts of a batch laid out; each tenant gets its fair share. What the queue loses, the sweep sends again."""
    bodies = [{"tenant": batch.tenant, "batch": batch.id, "part": number} for number in numbers]
    queue.send(LayingSettings.load().laying_queue_url, bodies, group=batch.tenant)
