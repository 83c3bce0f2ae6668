"""Second factor: what a user has besides their password, whether it is demanded of them, and how it is spent.

| pk | sk | what |
|---|---|---|
| `U#<user>` | `SECOND_FACTOR` | the secret's salt, since when it is on, the last step used, hashes of recovery codes |

A code is spent in the transaction that it lets happen: of two requests with one code, one succeeds.
"""

import secrets
from dataclasses import dataclass

from mifumo import audit, clock, writes
from mifumo.aws import Item
from mifumo.errors import Conflict, InvalidCredentials
from mifumo.ids import TenantId, UserId
from mifumo.permissions import PLATFORM_ROLES, Role
from mifumo.settings import Settings
from mifumo.tables import Key
from mifumo.tenants import Tenant
from mifumo.writes import Write

from . import recovery_codes, totp
from .accounts import AccountsSettings

# Long enough to fetch the phone and install an app.
_PENDING_S = 3600
_SALT_BYTES = 16


class StaffSettings(Settings):
    """Whether platform staff need a second factor: everywhere but on a laptop."""

    second_factor_for_staff: bool = True


class SecondFactorRequired(InvalidCredentials):
    """The password is right, and the account asks for a code of its authenticator besides."""

    code = "second_factor_required"
    title = "Give the code of your authenticator too"


@dataclass(frozen=True, slots=True)
class Factor:
    """A user's authenticator; one that waits for its first code is not on."""

    user: UserId
    salt: str
    enabled_at: str = ""
    last_step: int = 0
    recovery: frozenset[str] = frozenset()
    pending_until: int = 0

    @property
    def on(self) -> bool:
        return bool(self.enabled_at)

    def spend(self, code: str, *, tenant: TenantId) -> list[Write]:
        """Returns what uses a right code up, of the authenticator or for recovery; nothing for a wrong one.

        That a recovery code was used is told to the tenant that it let into.
        """
        step = totp.step_of(self.user, self.salt, code)
        if step is not None and step > self.last_step:
            return [self._stepped(step)]
        digest = recovery_codes.digest(self.user, code)
        if digest not in self.recovery:
            return []
        return [self._without(digest), audit.entry_by(tenant, "recovery_code.used", actor=self.user, target=self.user)]

    def _stepped(self, step: int) -> Write:
        return self._update("SET last_step = :step", "salt = :salt AND last_step < :step", {":step": step})

    def _without(self, digest: str) -> Write:
        condition = "salt = :salt AND contains(recovery, :digest)"
        return self._update("DELETE recovery :digests", condition, {":digest": digest, ":digests": {digest}})

    def confirm(self, step: int, recovery: list[str]) -> Write:
        """Turns a waiting factor on; refuses with Conflict when another one was begun or is on."""
        digests = {recovery_codes.digest(self.user, code) for code in recovery}
        return writes.update(
            *place(self.user),
            "SET enabled_at = :now, last_step = :step, recovery = :digests REMOVE pending_until, #ttl",
            condition="salt = :salt AND attribute_not_exists(enabled_at)",
            names={"#ttl": "ttl"},
            values={":now": clock.stamp(), ":step": step, ":digests": digests, ":salt": self.salt},
            refused=lambda _: Conflict("Another one was set up meanwhile: begin anew."),
        )

    def renew(self, recovery: list[str]) -> Write:
        """Puts new recovery codes in place of all old ones."""
        digests = {recovery_codes.digest(self.user, code) for code in recovery}
        return self._update("SET recovery = :digests", "salt = :salt", {":digests": digests})

    def remove(self) -> Write:
        """Takes the factor away."""
        return writes.delete(
            *place(self.user),
            condition="salt = :salt",
            values={":salt": self.salt},
            refused=lambda _: Conflict("The second factor was changed meanwhile: try again."),
        )

    def _update(self, expression: str, condition: str, values: Item) -> Write:
        return writes.update(
            *place(self.user),
            expression,
            condition=condition,
            values={**values, ":salt": self.salt},
            refused=lambda _: InvalidCredentials("This code was used already: wait for the next one."),
        )


def place(user: UserId) -> tuple[str, Key]:
    """Returns where the factor stands: read it along with something else."""
    return AccountsSettings.load().accounts_table, Key(f"U#{user}", "SECOND_FACTOR")


def of(user: UserId, item: Item | None) -> Factor | None:
    """Reads a factor that is on, or waits for its first code; None for any other."""
    if not item or ("enabled_at" not in item and item["pending_until"] <= clock.epoch()):
        return None
    return Factor(
        user,
        item["salt"],
        item.get("enabled_at", ""),
        item.get("last_step", 0),
        frozenset(item.get("recovery", ())),
        item.get("pending_until", 0),
    )


def begin(user: UserId) -> tuple[Factor, Write]:
    """Makes a factor that waits for its first code, in place of one that waited; refuses with Conflict if one is on."""
    until = clock.epoch() + _PENDING_S
    made = Factor(user, secrets.token_hex(_SALT_BYTES), pending_until=until)
    table, key = place(user)
    return made, writes.put(
        table,
        {**key._asdict(), "salt": made.salt, "pending_until": until, "ttl": until},
        condition="attribute_not_exists(enabled_at)",
        refused=lambda _: Conflict("A second factor is on: turn it off before you set up another."),
    )


def forget(user: UserId) -> Write:
    """Takes away whatever factor the user has, if there is one."""
    return writes.delete(
        *place(user),
        condition=writes.WHATEVER_STANDS,
        refused=writes.never,
    )


def is_on(factor: Factor | None) -> bool:
    """Tells whether there is a factor without which nobody comes in."""
    return factor is not None and factor.on


def demanded(role: Role, tenant: Tenant) -> bool:
    """Tells whether this tenant, or the platform of its staff, lets nobody in without a second factor."""
    if role in PLATFORM_ROLES:
        return StaffSettings.load().second_factor_for_staff
    return tenant.preferences.require_second_factor


def missing(factor: Factor | None, role: Role, tenant: Tenant) -> bool:
    """Tells whether a user has to set up a second factor before anything else."""
    return demanded(role, tenant) and not is_on(factor)
