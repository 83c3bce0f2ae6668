"""Wait: why an accepted batch is not sent at once, and until when: the moment asked for, or the end of quiet hours."""

from dataclasses import replace
from datetime import datetime
from typing import Final

from functions.sms.batches.batches import WAITING, Batch, Status
from functions.sms.batches.categories import Category
from mifumo import clock
from mifumo.ids import BatchId
from mifumo.preferences import Preferences

from . import quiet
from .moments import require_ahead

QUIET_HOURS, SUSPENDED, SENDER_ID = "quiet_hours", "tenant_suspended", "sender_id_not_allowed"
# For these a batch is called off.
CLOSED, TOO_LONG = "tenant_closed", "waited_too_long"
# A year until the moment asked for, and some days of being held or paused after that: over before its chunks expire.
WAITS_MAX_S: Final = 380 * 24 * 3600


def too_long(batch: Batch) -> bool:
    """Tells whether a batch still waits that has waited for longer than it may."""
    return batch.status in WAITING and overdue(batch)


def overdue(batch: Batch) -> bool:
    """Tells whether a batch was accepted longer ago than any may wait."""
    return batch.created_at <= clock.after(-WAITS_MAX_S)


def asked(category: Category, send_at: str) -> tuple[str, ...]:
    """Returns what a fingerprint tells of when something is to be sent: nothing where it is as always, at once."""
    return (category, send_at) if send_at or category is not Category.TRANSACTIONAL else ()


def moment(category: Category, preferences: Preferences, send_at: str, batch: BatchId) -> datetime:
    """Returns when a batch would be sent that is accepted now."""
    until = send_at or quiet.held_until(quiet.hours_of(category, preferences), batch)
    return clock.parse(until) if until else clock.now()


def planned(batch: Batch, preferences: Preferences, send_at: str | None) -> Batch:
    """Returns a batch as it is accepted: scheduled, held, or to be sent at once.

    Raises ValidationFailed for a moment that is too soon or too late.
    """
    if send_at:
        require_ahead(send_at)
        return replace(batch, status=Status.SCHEDULED, send_at=send_at, starts_at=send_at)
    until = quiet.held_until(quiet.hours_of(batch.category, preferences), batch.id)
    return replace(batch, status=Status.HELD, starts_at=until, reason=QUIET_HOURS) if until else batch
