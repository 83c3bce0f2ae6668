"""Telling: the queue `hooks`, on which whoever moved a chunk or a batch says so, and the sweep what is to be called.

Bodies are ids alone. What of a chunk has not been told yet is found out by the worker, so the same word twice, or one
too many, tells nobody anything twice; and where nobody listens nothing is said at all.
"""

from collections.abc import Iterable

from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import Chunk
from mifumo import queue
from mifumo.ids import BatchId, TenantId
from mifumo.settings import Settings


class HookQueueSettings(Settings):
    """The queue that the worker of webhooks reads."""

    hooks_queue_url: str


def of_chunk(chunk: Chunk) -> None:
    """Says that a chunk or its messages moved, if its tenant listens."""
    if chunk.listens:
        of_places([(chunk.tenant, chunk.batch, chunk.number)])


def of_places(places: Iterable[tuple[TenantId, BatchId, int]]) -> None:
    """Says that chunks of tenants who listen moved."""
    by_tenant: dict[TenantId, list[dict[str, object]]] = {}
    for tenant, batch, number in dict.fromkeys(places):
        by_tenant.setdefault(tenant, []).append({"tenant": tenant, "batch": batch, "chunk": number})
    for tenant, bodies in by_tenant.items():
        queue.send(_url(), bodies, group=tenant)


def of_batch(batch: Batch) -> None:
    """Says that a batch is completed, if its tenant listens."""
    if batch.listens:
        queue.send(_url(), [{"tenant": batch.tenant, "batch": batch.id}], group=batch.tenant)


def call(tenant: TenantId, calls: list[tuple[str, str]], *, delay_s: int = 0) -> None:
    """Has webhooks called: (webhook, event) each."""
    bodies = [{"tenant": tenant, "hook": hook, "event": event} for hook, event in calls]
    queue.send(_url(), bodies, group=tenant, delay_s=delay_s)


def of_disabled(tenant: TenantId, hook: str) -> None:
    """Has a tenant told that its webhook was disabled."""
    queue.send(_url(), [{"tenant": tenant, "hook": hook}], group=tenant)


def _url() -> str:
    return HookQueueSettings.load().hooks_queue_url
