"""Throttles: how often one address and one account may fail, counted in fixed windows.

A window's counter is an item of its own whose key holds the window's number; it is raised by a conditional write, so
no number of parallel attempts gets more answers than the limit, and TTL takes it away afterwards. Across the boundary
of two windows twice the limit can pass.

The address is the gateway's `sourceIp`, and no header: anyone can reach the gateway and write what they like into
X-Forwarded-For. Mobile networks here put many people behind one address, hence its limit is well above an account's.
An IPv6 network of 64 bits is one address, because one customer has all of it.
"""

from dataclasses import dataclass

from mifumo import clock, origins, writes
from mifumo.aws import Item
from mifumo.errors import RateLimited
from mifumo.ids import TenantId
from mifumo.settings import Settings
from mifumo.tables import Key
from mifumo.writes import Write

from .accounts import AccountsSettings

_WINDOW_S = 900
# Ten wrong passwords are a person who tries all of theirs; at 40 an hour no password of ten letters is found. A
# stranger can close a known account for a quarter of an hour and no longer, which is the price of the limit.
_PER_ACCOUNT = 10
# Codes to one number or address: each costs a text, and is a nuisance to somebody whose number a stranger typed.
_PER_CONTACT = ((3, 600), (10, 24 * 3600))
# What a tenant sends at the platform's expense: a big team comes in within a day, and nobody texts a city.
_PER_TENANT = (100, 24 * 3600)


class ThrottleSettings(Settings):
    """How many attempts one address has in a quarter of an hour: failed logins, and registrations."""

    auth_attempts_per_ip: int = 30


class Throttled(RateLimited):
    """The window's attempts are used up."""

    def __init__(self, throttle: "Throttle") -> None:
        left_s = throttle.window_s - clock.epoch() % throttle.window_s
        super().__init__(
            f"Too many attempts. Try again in {-(-left_s // 60)} minutes.",
            retry_after_s=left_s,
            # draft-ietf-httpapi-ratelimit-headers
            headers={
                "RateLimit": f'"{throttle.name}";r=0;t={left_s}',
                "RateLimit-Policy": f'"{throttle.name}";q={throttle.attempts_max};w={throttle.window_s}',
            },
        )


class ToldAlready(Exception):
    """Somebody has told it before."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """The attempts of one subject at one thing in the current window."""

    name: str
    subject: str
    attempts_max: int
    window: int
    window_s: int = _WINDOW_S

    @property
    def key(self) -> Key:
        return Key(f"THROTTLE#{self.name}#{self.subject}", f"W#{self.window}")

    def is_used_up(self, item: Item | None) -> bool:
        """Tells whether the counter, as it was read, has no attempt left."""
        return item is not None and item["attempts"] >= self.attempts_max

    def require_room(self, item: Item | None) -> None:
        """Raises Throttled when the counter, as it was read, has no attempt left."""
        if self.is_used_up(item):
            raise Throttled(self)

    def tell(self) -> Write:
        """Marks that it was told that the window is used up; refuses with ToldAlready."""
        return writes.update(
            AccountsSettings.load().accounts_table,
            self.key,
            "SET told = :yes",
            condition="attribute_exists(pk) AND attribute_not_exists(told)",
            values={":yes": True},
            refused=lambda _: ToldAlready(),
        )

    def attempt(self) -> Write:
        """Counts one attempt; refuses with Throttled when none is left."""
        return writes.update(
            AccountsSettings.load().accounts_table,
            self.key,
            "SET #ttl = :ttl ADD attempts :one",
            condition="attribute_not_exists(pk) OR attempts < :max",
            names={"#ttl": "ttl"},
            values={":one": 1, ":max": self.attempts_max, ":ttl": self._forgotten_at},
            refused=lambda _: Throttled(self),
        )

    @property
    def _forgotten_at(self) -> int:
        return clock.epoch() + 2 * self.window_s  # the sweep of TTLs may be late, never early

    def forgive(self) -> Write:
        """Forgets the failures; refuses with Throttled when they had used up the window meanwhile."""
        return writes.delete(
            AccountsSettings.load().accounts_table,
            self.key,
            condition="attribute_not_exists(pk) OR attempts < :max",
            values={":max": self.attempts_max},
            refused=lambda _: Throttled(self),
        )


def of_address(name: str, source_ip: str) -> Throttle:
    """Returns the throttle of the address that a request came from."""
    return Throttle(
        f"{name}-address", origins.network(source_ip), ThrottleSettings.load().auth_attempts_per_ip, _window()
    )


def of_account(name: str, email: str) -> Throttle:
    """Returns the throttle of one account, whether or not it exists."""
    return Throttle(f"{name}-account", email, _PER_ACCOUNT, _window())


def of_contact(name: str, contact: str) -> list[Throttle]:
    """Returns the throttles of one number or address, for some minutes and for a day."""
    return [
        Throttle(f"{name}-contact-{window_s}", contact, attempts_max, _window(window_s), window_s)
        for attempts_max, window_s in _PER_CONTACT
    ]


def of_tenant(name: str, tenant: TenantId) -> Throttle:
    """Returns the throttle of a tenant for a day."""
    attempts_max, window_s = _PER_TENANT
    return Throttle(f"{name}-tenant", tenant, attempts_max, _window(window_s), window_s)


def _window(window_s: int = _WINDOW_S) -> int:
    return clock.epoch() // window_s
