"""Day: the calendar day that money is compared by, in Dar es Salaam: three hours before UTC, all the year."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from mifumo import clock

_FORM: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def of(stamp: str) -> str:
    """Returns the day of a moment."""
    return clock.parse(stamp).astimezone(clock.TANZANIA).date().isoformat()


def before(day: str, days: int = 1) -> str:
    """Returns the day that lies so many days before."""
    return (datetime.fromisoformat(day) - timedelta(days=days)).date().isoformat()


def bounds(day: str) -> tuple[str, str]:
    """Returns the moments at which a day begins and the next one does."""
    start = datetime.fromisoformat(day).replace(tzinfo=clock.TANZANIA)
    return clock.stamp(start.astimezone(UTC)), clock.stamp((start + timedelta(days=1)).astimezone(UTC))


def valid(text: str) -> bool:
    """Tells whether a text is a day of the calendar."""
    if not _FORM.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
