"""Price: what any quantity of credits costs. No quantity costs more than a larger one, packages included.

Each tier has a price for one credit, and each package a price of its own; a quantity costs its tier's rate, and no less
than the largest package that it contains. Prices are whole TZS and include VAT.
"""

from dataclasses import dataclass
from typing import Final

from mifumo.packages import PACKAGES, Package

CREDITS_MIN: Final = 100
# Seven digits: what the product has always sold at most, and a price far inside the twelve digits that providers write.
CREDITS_MAX: Final = 9_999_999


@dataclass(frozen=True, slots=True)
class Tier:
    """From `credits_min` on, one credit costs `unit_price_tzs`, whatever the quantity before it."""

    name: str
    credits_min: int
    unit_price_tzs: int


TIERS: Final = (
    Tier("Lite", CREDITS_MIN, 30),
    Tier("Standard", 5_000, 25),
    Tier("Pro", 50_001, 18),
    Tier("Enterprise", 250_001, 12),
)


class QuantityOutsideLimits(ValueError):
    """So few credits are not sold, or so many."""


@dataclass(frozen=True, slots=True)
class Price:
    """A quantity and what all of it costs."""

    credits: int
    total_tzs: int

    @property
    def unit_price_tzs(self) -> int:
        """What one credit comes to, rounded up to whole TZS: shown beside the total, and never multiplied."""
        return -(-self.total_tzs // self.credits)


def of_credits(quantity: int) -> Price:
    """Prices a quantity of the buyer's choice; raises QuantityOutsideLimits."""
    if not CREDITS_MIN <= quantity <= CREDITS_MAX:
        raise QuantityOutsideLimits(f"{quantity:,} credits are not sold: {CREDITS_MIN:,} to {CREDITS_MAX:,} are")
    package = package_within(quantity)
    floor_tzs = package.price_tzs if package else 0
    return Price(quantity, max(quantity * tier_of(quantity).unit_price_tzs, floor_tzs))


def of_package(package: Package) -> Price:
    """Prices a package, which costs what its credits cost."""
    return Price(package.credits, package.price_tzs)


def tier_of(quantity: int) -> Tier:
    """Returns the tier that a quantity belongs to."""
    return max((tier for tier in TIERS if tier.credits_min <= quantity), key=lambda tier: tier.credits_min)


def package_within(quantity: int) -> Package | None:
    """Returns the largest package that a quantity contains: the quantity costs at least as much, so it opens the same
    sender IDs. None below the smallest."""
    contained = (package for package in PACKAGES.values() if package.credits <= quantity)
    return max(contained, key=lambda package: package.credits, default=None)
