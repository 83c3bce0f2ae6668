"""Allowance: how many recipients a tenant may still send to today, where it has set itself a cap, and still test with.

| pk | sk | what |
|---|---|---|
| `USED#DAY#<tenant>` | `DAY#<date>` | `used`: recipients accepted that day under a cap; gone by TTL |
| `USED#TESTS#<tenant>` | `DAY#<date>` | the same of tests, which cost nothing and so have a cap that we set |

It stands in the `access` table, among the counters: of those alone this door may change anything there. A day is one of
Tanzania, which has no summer time.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mifumo import clock, writes
from mifumo.aws import Item
from mifumo.errors import Forbidden
from mifumo.ids import TenantId
from mifumo.settings import Settings
from mifumo.tables import Key
from mifumo.tenants import AccessSettings, Tenant
from mifumo.writes import Write

# Some days longer than the day: it can be looked at when somebody asks why.
_RETENTION_S = 7 * 24 * 3600


class TrialSettings(Settings):
    """How many recipients a tenant may test with in a day: nobody pays for the workers and rows that tests take."""

    test_recipients_per_day: int


class DailyCapReached(Forbidden):
    """The tenant has set itself a cap on recipients a day, and this is for more than are left of it.

    `cap` and `left` say how many, `ends_at` when the day ends.
    """

    code = "daily_cap_reached"
    title = "The daily cap is reached"


class NoTestsLeft(DailyCapReached):
    """The tenant has tested with nearly as many recipients today as it may, and this is for more than are left."""

    code = "no_tests_left"
    title = "The day's tests are used up"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a tenant has used of its day, by tests or otherwise. `cap` is 0 where there is none: nothing is counted."""

    tenant: TenantId
    day: str
    cap: int
    used: int
    test: bool = False

    @property
    def spent(self) -> bool:
        """Tells whether nothing is left."""
        return self.cap > 0 and self.used >= self.cap

    def require(self, recipients: int) -> None:
        """Raises DailyCapReached, of tests NoTestsLeft, unless so many are left."""
        if self.cap and self.used + recipients > self.cap:
            raise self._reached(recipients, used=self.used)

    def take(self, recipients: int) -> list[Write]:
        """Counts recipients, if there is a cap; raises DailyCapReached, and refuses with it when others were faster."""
        self.require(recipients)
        if not self.cap:
            return []
        return [
            writes.update(
                AccessSettings.load().access_table,
                key(self.tenant, self.day, test=self.test),
                "SET #ttl = :ttl ADD used :recipients",
                condition="attribute_not_exists(used) OR used <= :room",
                names={"#ttl": "ttl"},
                values={
                    ":recipients": recipients,
                    ":room": self.cap - recipients,
                    ":ttl": clock.epoch(_end(self.day)) + _RETENTION_S,
                },
                refused=lambda item: self._reached(recipients, used=item["used"] if item else self.used),
            )
        ]

    def _reached(self, recipients: int, *, used: int) -> DailyCapReached:
        left, ends_at = max(0, self.cap - used), clock.stamp(_end(self.day))
        told: dict[str, Any] = {"cap": self.cap, "left": left, "ends_at": ends_at}
        ask = f"This is for {recipients:,} recipients and {left:,} are left of the {self.cap:,} that"
        end = f"the day ends at {ends_at}."
        if self.test:
            return NoTestsLeft(f"{ask} tests may go to in a day; {end}", **told)
        return DailyCapReached(f"{ask} you allow a day; {end}", **told)


def today() -> str:
    """Returns the date in Tanzania."""
    return clock.now().astimezone(clock.TANZANIA).date().isoformat()


def key(tenant: TenantId, day: str, *, test: bool = False) -> Key:
    """Returns the key of what a tenant has used of a day, or of what its tests have."""
    return Key(f"USED#{'TESTS' if test else 'DAY'}#{tenant}", f"DAY#{day}")


def of(tenant: TenantId, day: str, found: Tenant | None, item: Item | None) -> Allowance:
    """Reads an allowance from the tenant and from what was counted, if anything was."""
    cap = found.preferences.daily_cap if found else 0
    return Allowance(tenant, day, cap, item["used"] if item else 0)


def of_tests(tenant: TenantId, day: str, item: Item | None) -> Allowance:
    """Reads the allowance of tests from what was counted, if anything was."""
    cap = TrialSettings.load().test_recipients_per_day
    return Allowance(tenant, day, cap, item["used"] if item else 0, test=True)


def _end(day: str) -> datetime:
    return (datetime.fromisoformat(day).replace(tzinfo=clock.TANZANIA) + timedelta(days=1)).astimezone(UTC)
