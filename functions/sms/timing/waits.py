"""Wait: why an accepted batch is not sent at once, and until when: the moment asked for, or the end of quiet hours."""

from dataclasses import replace
from datetime import datetime

from functions.sms.batches.batches import Batch, Status
from functions.sms.batches.categories import Category
from mifumo import clock
from mifumo.ids import BatchId
from mifumo.preferences import Preferences

from . import quiet
from .moments import require_ahead

QUIET_HOURS, SUSPENDED = "quiet_hours", "tenant_suspended"


def asked(category: Category, send_at: str) -> tuple[str, ...]:
    """Returns what a fingerprint tells of when something is to be sent: nothing where it is as always, at once."""
    return (category, send_at) if send_at or category is not Category.TRANSACTIONAL else ()


def moment(category: Category, preferences: Preferences, send_at: str, batch: BatchId) -> datetime:
    """Returns when a batch would be sent that is accepted now."""
    until = send_at or quiet.held_until(quiet.hours_of(category, preferences), batch)
    return clock.parse(until) if until else clock.now()


def planned(batch: Batch, preferences: Preferences, send_at: str | None) -> Batch:
    """Returns a batch as it is accepted: scheduled, held, or to be sent at once; and with the quiet hours it keeps.

    Raises ValidationFailed for a moment that is too soon or too late.
    """
    batch = replace(batch, quiet=quiet.hours_of(batch.category, preferences))
    if send_at:
        require_ahead(send_at)
        return replace(batch, status=Status.SCHEDULED, send_at=send_at, starts_at=send_at)
    until = quiet.held_until(batch.quiet, batch.id)
    return replace(batch, status=Status.HELD, starts_at=until, reason=QUIET_HOURS) if until else batch
