"""Waiting: what a message is called that no worker has, while its batch waits: scheduled, or held with a reason."""

from dataclasses import replace

from .batches import WAITING, Batch
from .batches import Status as BatchStatus
from .messages import Message, Status

# Why a message is held whose batch somebody has paused.
PAUSED = "paused"


def status(batch: Batch) -> Status:
    """Returns what those messages of a batch are that no worker has ended yet."""
    if batch.status not in WAITING:
        return Status.QUEUED
    return Status.SCHEDULED if batch.status is BatchStatus.SCHEDULED else Status.HELD


def of(batch: Batch, message: Message) -> Message:
    """Makes a message as it stands of one that is as far as its chunk says."""
    if message.status is not Status.QUEUED or batch.status not in WAITING:
        return message
    reason = batch.reason or (PAUSED if batch.status is BatchStatus.PAUSED else None)
    return replace(message, status=status(batch), reason=reason)
