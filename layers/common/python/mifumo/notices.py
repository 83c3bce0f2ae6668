"""Notice: a text or a letter from the platform itself, such as a code or an invitation.

Whoever has something to tell puts it on the queue; the notices worker sends texts through our own pipeline, on the
platform's own account, and letters by e-mail.
"""

from dataclasses import dataclass
from enum import StrEnum

from mifumo import ids, queue
from mifumo.ids import TenantId
from mifumo.settings import Settings

# Nobody belongs to this account, so nobody can list the codes that it sent.
PLATFORM = TenantId(ids.derived("platform", "notices"))


class NoticeSettings(Settings):
    """The queue that the notices worker reads."""

    notices_queue_url: str


class Channel(StrEnum):
    """How a notice travels."""

    SMS = "sms"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Notice:
    """`id` is what makes it unique: a notice that is queued twice is sent once.

    After `expires_at` (epoch seconds) it is of no use and dropped; 0 is never.
    """

    id: str
    channel: Channel
    to: str
    text: str
    subject: str = ""
    expires_at: int = 0


def send(notice: Notice | None) -> None:
    """Queues a notice. None queues one that the worker drops, so that nobody sees from outside that there is none."""
    body = (
        {"drop": True}
        if notice is None
        else {
            "id": notice.id,
            "channel": notice.channel.value,
            "to": notice.to,
            "text": notice.text,
            "subject": notice.subject,
            "expires_at": notice.expires_at,
        }
    )
    queue.send(NoticeSettings.load().notices_queue_url, [body])
