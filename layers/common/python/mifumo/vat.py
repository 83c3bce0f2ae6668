"""VAT: the rate of a day for a buyer, and how much of a price it is.

Our prices include it: what a package is listed at is what the payer's handset shows. The rate is part of each quote, so
a new one touches nothing that was offered before.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from mifumo import clock

_WHOLE: Final = 10_000


class Buyer(StrEnum):
    """Whether the buyer is registered for VAT, as it says itself."""

    REGISTERED = "registered"
    UNREGISTERED = "unregistered"


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate in hundredths of a percent, for some buyers from a day on; one that is postponed is not in force."""

    basis_points: int
    since: date
    buyers: frozenset[Buyer]
    postponed: bool = False


# Value Added Tax Act, Mainland Tanzania. The Finance Act 2025 lowers the rate for unregistered buyers who pay through a
# bank or an approved electronic system, as all of ours do; the tax authority has postponed it until further notice. The
# day it is called into force, its row gets that day and stops being postponed.
RATES: Final = (
    Rate(1_800, date(2015, 7, 1), frozenset(Buyer)),
    Rate(1_600, date(2025, 9, 1), frozenset({Buyer.UNREGISTERED}), postponed=True),
)


class NoRate(LookupError):
    """The table does not reach back to that day."""


@dataclass(frozen=True, slots=True)
class Split:
    """A price in its two parts, in whole TZS: `net + vat == total`, always."""

    net: int
    vat: int
    basis_points: int

    @property
    def total(self) -> int:
        """What is paid."""
        return self.net + self.vat


def rate_at(moment: datetime, buyer: Buyer, *, rates: tuple[Rate, ...] = RATES) -> int:
    """Returns the rate for a buyer at a moment, in hundredths of a percent: of those in force, the newest.

    Raises NoRate.
    """
    day = moment.astimezone(clock.TANZANIA).date()
    in_force = [rate for rate in rates if rate.since <= day and buyer in rate.buyers and not rate.postponed]
    if not in_force:
        raise NoRate(f"no VAT rate for a buyer that is {buyer} on {day}")
    return max(in_force, key=lambda rate: rate.since).basis_points


def included(total_tzs: int, basis_points: int) -> Split:
    """Takes the VAT out of a price that includes it: rounded once, half a shilling up, and the net is the rest.

    Wherever a net exists whose own VAT, rounded like this, adds up to the price, it is that net.
    """
    divisor = _WHOLE + basis_points
    vat = (2 * total_tzs * basis_points + divisor) // (2 * divisor)
    return Split(total_tzs - vat, vat, basis_points)
