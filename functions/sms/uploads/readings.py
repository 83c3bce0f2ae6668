"""Readings: the queue that tells which files are to be read on. S3 tells it of those that have come."""

from mifumo import queue
from mifumo.ids import TenantId
from mifumo.settings import Settings


class ReadingSettings(Settings):
    """The queue that the splitter reads."""

    uploads_queue_url: str


def enqueue(tenant: TenantId, upload: str, *, delay_s: int = 0) -> bool:
    """Has a file read on; tells whether the queue has taken that."""
    body = {"tenant": tenant, "upload": upload}
    return not queue.send(ReadingSettings.load().uploads_queue_url, [body], group=tenant, delay_s=delay_s)
