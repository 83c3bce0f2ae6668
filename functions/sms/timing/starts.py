"""Starts: the queue that tells which batches are to be led on, each from where it stands."""

from functions.sms.batches.batches import Batch
from mifumo import queue
from mifumo.settings import Settings


class StartsSettings(Settings):
    """The queue that the starter reads."""

    starts_queue_url: str


def enqueue(batch: Batch) -> None:
    """Has a batch started whose moment has come, or its chunks gone through from where that stopped.

    What the queue loses, the sweep says again.
    """
    _say(batch)


def hush(batch: Batch) -> None:
    """Has a batch stopped that something has come to bar: quiet hours have begun, or staff have decided."""
    _say(batch, hush=True)


def _say(batch: Batch, **more: bool) -> None:
    queue.send(StartsSettings.load().starts_queue_url, [{"tenant": batch.tenant, "batch": batch.id, **more}])
