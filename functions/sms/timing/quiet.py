"""Quiet hours: when promotional texts wake nobody, as the tenant has set them, or at night in Tanzania."""

from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from functions.sms.batches.categories import Category
from mifumo import clock, ids
from mifumo.ids import BatchId
from mifumo.preferences import Preferences, QuietHours

DEFAULT: Final = QuietHours("20:00", "08:00", "Africa/Dar_es_Salaam")
# Who waits for the morning is sent within a quarter of an hour of it, each batch at a moment of its own.
_JITTER_MAX_S: Final = 900
_DAY: Final = timedelta(days=1)


def hours_of(category: Category, preferences: Preferences) -> QuietHours | None:
    """Returns the quiet hours that texts of a category keep, None where they keep none."""
    return (preferences.quiet_hours or DEFAULT) if category is Category.PROMOTIONAL else None


def end(hours: QuietHours, at: datetime) -> datetime | None:
    """Returns when the quiet hours end that a moment lies in; None when it lies in none."""
    zone = ZoneInfo(hours.time_zone)
    local, first, last = at.astimezone(zone), time.fromisoformat(hours.start), time.fromisoformat(hours.end)
    now = local.time()
    if not (first <= now < last if first < last else now >= first or now < last):
        return None
    day = local.date() if now < last else local.date() + _DAY
    return datetime.combine(day, last, tzinfo=zone).astimezone(UTC)


def held_until(hours: QuietHours | None, batch: BatchId) -> str | None:
    """Stamps until when a batch is held that would go now; None when it may go. The same batch, the same moment."""
    if hours is None or (until := end(hours, clock.now())) is None:
        return None
    return clock.after(int(ids.fingerprint("jitter", batch)[:8], 16) % _jitter_s(hours), until)


def _jitter_s(hours: QuietHours) -> int:
    """Returns within how much of the time that is left between two quiet hours batches are let go: they must not be
    over by then.
    """
    return max(1, min(_JITTER_MAX_S, hours.open_s // 2))
