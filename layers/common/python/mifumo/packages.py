"""Packages: what a tenant can buy, and which of the platform's sender IDs come with each."""

from dataclasses import dataclass
from typing import Final

# Every tenant may use this one, also before it has bought anything.
DEFAULT_SENDER_ID: Final = "Taarifa-SMS"


@dataclass(frozen=True, slots=True)
class Package:
    """Credits at a price in whole TZS; `rank` says which of two packages is the better one."""

    id: str
    name: str
    rank: int
    credits: int
    price_tzs: int
    features: tuple[str, ...]
    sender_ids: tuple[str, ...]

    @property
    def unit_price_tzs(self) -> int:
        """The price of one credit; every price is a whole multiple of its credits."""
        return self.price_tzs // self.credits


_LITE: Final = (DEFAULT_SENDER_ID, "INFO", "ALERT", "NOTIFY")
_STANDARD: Final = (*_LITE, "MIFUMO", "SMS")
_PRO: Final = (*_STANDARD, "SYSTEM", "SERVICE")
# All that the platform owns.
PLATFORM_SENDER_IDS: Final = (*_PRO, "UPDATE", "REMINDER")

PACKAGES: Final = {
    package.id: package
    for package in (
        Package("lite", "Lite", 1, 5_000, 150_000, ("Basic support", "4 Sender IDs"), _LITE),
        Package(
            "standard", "Standard", 2, 50_000, 1_250_000, ("Priority support", "6 Sender IDs", "Analytics"), _STANDARD
        ),
        Package(
            "pro",
            "Pro",
            3,
            250_000,
            4_500_000,
            ("Premium support", "8 Sender IDs", "Advanced Analytics", "API Access"),
            _PRO,
        ),
        Package(
            "enterprise",
            "Enterprise",
            4,
            1_000_000,
            12_000_000,
            ("Dedicated support", "All Sender IDs", "Full Analytics", "API Access", "Custom Integration"),
            PLATFORM_SENDER_IDS,
        ),
    )
}


def best(*packages: str | None) -> str | None:
    """Returns the best of some package ids: a tenant keeps what its best purchase opened. None when there is none."""
    return max((package for package in packages if package), key=lambda package: PACKAGES[package].rank, default=None)


def sender_ids_of(package: str | None) -> tuple[str, ...]:
    """Lists the platform's sender IDs that a tenant may use with its best package; without one, only the default."""
    return PACKAGES[package].sender_ids if package else (DEFAULT_SENDER_ID,)
