"""Announcement: something that the owners of a tenant are to hear of, from a slice that does not know their numbers.

It goes to the auth slice, which knows them, and on from there as notices.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mifumo import queue
from mifumo.errors import Busy
from mifumo.ids import TenantId
from mifumo.settings import Settings


class Subject(StrEnum):
    """What there is to tell."""

    LOW_BALANCE = "balance.low"
    WEBHOOK_DISABLED = "webhook.disabled"


class AnnouncementSettings(Settings):
    """The queue that the announcer reads."""

    announcements_queue_url: str


@dataclass(frozen=True, slots=True)
class Announcement:
    """`occasion` is what makes it unique among those of its tenant and subject: one that comes twice is told once."""

    tenant: TenantId
    subject: Subject
    occasion: str
    credits: int = 0
    """How many the tenant has, where that is what there is to tell."""


def send(announcement: Announcement) -> None:
    """Queues an announcement; raises Busy when the queue does not take it."""
    body = {
        "tenant": announcement.tenant,
        "subject": announcement.subject.value,
        "occasion": announcement.occasion,
        "credits": announcement.credits,
    }
    if queue.send(AnnouncementSettings.load().announcements_queue_url, [body]):
        raise Busy


def of(body: dict[str, Any]) -> Announcement:
    """Reads an announcement from its message; raises KeyError or ValueError for one that is none."""
    return Announcement(TenantId(body["tenant"]), Subject(body["subject"]), body["occasion"], body["credits"])
