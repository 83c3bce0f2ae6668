"""The clock: aware UTC, the one place where time enters and where tests stop it."""

import time
from datetime import UTC, datetime, timedelta, timezone

# Whose days and hours we tell: all of Tanzania has had this offset since 1961, and no summer time.
TANZANIA = timezone(timedelta(hours=3))


def now() -> datetime:
    """Returns the current time, aware, in UTC."""
    return datetime.now(UTC)


def stamp(at: datetime | None = None) -> str:
    """Formats as RFC 3339 with milliseconds, a fixed width, so that stamps sort as text."""
    return (at or now()).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def after(seconds: float, at: datetime | None = None) -> str:
    """Stamps the moment that lies `seconds` after `at` (now by default); negative means before."""
    return stamp((at or now()) + timedelta(seconds=seconds))


def epoch(at: datetime | None = None) -> int:
    """Returns whole seconds since 1970: DynamoDB's TTL and JWT claims want this form."""
    return int((at or now()).timestamp())


def epoch_ms() -> int:
    """Returns whole milliseconds since 1970."""
    return int(now().timestamp() * 1_000)


def parse(text: str) -> datetime:
    """Reads a stamp back."""
    return datetime.fromisoformat(text)


def pause(seconds: float) -> None:
    """Waits inside an invocation: only for the short back-off between attempts at one transaction."""
    time.sleep(seconds)
