"""Preferences: what a tenant has set for itself, as it stands in the tenant's item: what it left alone is not there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From when until when nobody is to be woken, as HH:MM of a time zone; over midnight if the end comes first."""

    start: str
    end: str
    time_zone: str

    @property
    def open_s(self) -> int:
        """How much of a day is not quiet, in seconds."""
        start, end = (datetime.combine(date.min, time.fromisoformat(at)) for at in (self.start, self.end))
        return (start - end) % timedelta(days=1) // timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a tenant has set. A cap counts recipients a day."""

    default_sender_id: str = ""
    quiet_hours: QuietHours | None = None
    daily_cap: int = 0
    """0: no cap but the balance."""
    batch_credit_cap: int = 0
    """The most that one batch may cost, in credits; 0: no cap."""
    foreign_countries: frozenset[str] = frozenset()
    """ISO 3166-1 codes of the countries outside Tanzania that may be sent to."""
    require_second_factor: bool = False
    refund_undelivered: bool = False
    """Whether credits come back for texts that the networks could not deliver."""


def of(stored: Mapping[str, Any]) -> Preferences:
    """Reads preferences from the map that `stored` made."""
    quiet = stored.get("quiet_hours")
    return Preferences(
        default_sender_id=stored.get("default_sender_id", ""),
        quiet_hours=QuietHours(quiet["from"], quiet["to"], quiet["time_zone"]) if quiet else None,
        daily_cap=stored.get("daily_cap", 0),
        batch_credit_cap=stored.get("batch_credit_cap", 0),
        foreign_countries=frozenset(stored.get("foreign_countries", ())),
        require_second_factor=stored.get("require_second_factor", False),
        refund_undelivered=stored.get("refund_undelivered", False),
    )


def stored(preferences: Preferences) -> dict[str, Any]:
    """Writes preferences as a map of what was set."""
    quiet = preferences.quiet_hours
    told = {
        "default_sender_id": preferences.default_sender_id,
        "quiet_hours": quiet and {"from": quiet.start, "to": quiet.end, "time_zone": quiet.time_zone},
        "daily_cap": preferences.daily_cap,
        "batch_credit_cap": preferences.batch_credit_cap,
        "foreign_countries": sorted(preferences.foreign_countries),
        "require_second_factor": preferences.require_second_factor,
        "refund_undelivered": preferences.refund_undelivered,
    }
    return {name: value for name, value in told.items() if value}
