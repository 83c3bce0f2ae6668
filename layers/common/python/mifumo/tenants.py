"""Tenant: what every door must know of one, its status and its limits, in the `access` table."""

from dataclasses import dataclass, field
from enum import StrEnum

from mifumo import clock, preferences, tables, writes
from mifumo.aws import Item
from mifumo.errors import Conflict, Forbidden
from mifumo.ids import TenantId
from mifumo.preferences import Preferences
from mifumo.settings import Settings
from mifumo.tables import Key
from mifumo.writes import Write

# Where all tenants stand in the index `listing`, in order of time: the auth door alone may read it.
LISTED = "TENANTS"


class AccessSettings(Settings):
    """Where tenants, API-key hashes and rate buckets are."""

    access_table: str


class Status(StrEnum):
    """A suspended or closed tenant may read; it may neither send nor pay."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class TenantSuspended(Forbidden):
    """Staff have suspended the tenant: reading works, sending and paying do not."""

    code = "tenant_suspended"
    title = "This account is suspended; contact support"


class TenantClosed(Forbidden):
    """An owner has closed the tenant: reading works, sending and paying do not."""

    code = "tenant_closed"
    title = "This account is closed; an owner may reopen it"


class ContactUnverified(Forbidden):
    """Nobody of the tenant has shown that a phone or an e-mail address is theirs: sending and paying need that."""

    code = "contact_unverified"
    title = "Verify a phone number or an e-mail address first"


class SettingsChanged(Conflict):
    """Somebody else changed the settings since they were read: read them again and say what is to be changed."""

    code = "settings_changed"
    title = "The settings have changed meanwhile"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A business that sends."""

    id: TenantId
    name: str
    status: Status
    created_at: str
    verified_at: str = ""
    suspended_because: str = ""
    reopen_until: str = ""
    """Until when a closed tenant can be reopened."""
    cleared_at: str = ""
    """Since when a tenant that is closed for good has neither name nor customers; empty before."""
    preferences: Preferences = field(default_factory=Preferences)
    settings_version: int = 0
    """How often name and preferences were changed."""


def key(tenant: TenantId) -> Key:
    """Returns the key of the tenant's item."""
    return Key(f"T#{tenant}", "TENANT")


def place(tenant: TenantId) -> tuple[str, Key]:
    """Returns where the tenant stands: read it along with something else."""
    return AccessSettings.load().access_table, key(tenant)


def of(item: Item) -> Tenant:
    """Reads a tenant from its item."""
    return Tenant(
        id=TenantId(item["id"]),
        name=item["name"],
        status=Status(item["status"]),
        created_at=item["created_at"],
        verified_at=item.get("verified_at", ""),
        suspended_because=item.get("suspended_because", ""),
        reopen_until=item.get("reopen_until", ""),
        cleared_at=item.get("cleared_at", ""),
        preferences=preferences.of(item.get("preferences", {})),
        settings_version=item.get("settings_version", 0),
    )


def get(tenant: TenantId, *, consistent: bool = False) -> Tenant | None:
    """Reads a tenant, None when there is none."""
    item = tables.get(AccessSettings.load().access_table, key(tenant), consistent=consistent)
    return of(item) if item else None


def put(tenant: TenantId, name: str, *, verified: bool = False) -> Write:
    """Writes a new, active tenant, and lists it; refuses one that exists."""
    now = clock.stamp()
    item = {
        **key(tenant)._asdict(),
        "id": tenant,
        "name": name,
        "status": Status.ACTIVE.value,
        "created_at": now,
        "verified_at": now if verified else "",
        "listing_pk": LISTED,
        "listing_sk": f"{now}#{tenant}",
    }
    return writes.put(AccessSettings.load().access_table, item, refused=lambda _: Conflict("The tenant exists"))


def verify(tenant: TenantId) -> Write:
    """Records that a contact of the tenant was verified; refuses a tenant that is not there."""
    return writes.update(
        AccessSettings.load().access_table,
        key(tenant),
        "SET verified_at = :now",
        condition="attribute_exists(pk)",
        values={":now": clock.stamp()},
        refused=lambda _: Conflict("There is no such tenant."),
    )


def still_active(tenant: TenantId, *, refused: writes.Refusal) -> Write:
    """Holds a transaction to an active tenant."""
    return writes.check(
        AccessSettings.load().access_table,
        key(tenant),
        condition="#status = :active",
        names={"#status": "status"},
        values={":active": Status.ACTIVE.value},
        refused=refused,
    )


def configure(before: Tenant, *, name: str, wanted: Preferences) -> Write:
    """Writes what the tenant has set; refuses with SettingsChanged when somebody did since `before` was read."""
    unchanged = "settings_version = :before" if before.settings_version else "attribute_not_exists(settings_version)"
    seen = {":before": before.settings_version} if before.settings_version else {}
    return writes.update(
        AccessSettings.load().access_table,
        key(before.id),
        "SET #name = :name, preferences = :preferences, settings_version = :after",
        condition=f"attribute_exists(pk) AND {unchanged}",
        names={"#name": "name"},
        values={
            **seen,
            ":name": name,
            ":preferences": preferences.stored(wanted),
            ":after": before.settings_version + 1,
        },
        refused=lambda _: SettingsChanged("Read them again: your change was not made."),
    )


def suspend(tenant: TenantId, *, reason: str) -> Write:
    """Lets an active tenant neither send nor pay from now on; refuses with Conflict when it is not active."""
    return _turn(tenant, Status.ACTIVE, Status.SUSPENDED, reason)


def reactivate(tenant: TenantId) -> Write:
    """Lets a suspended tenant go on; refuses with Conflict when it is not suspended."""
    return _turn(tenant, Status.SUSPENDED, Status.ACTIVE, "")


def close(tenant: TenantId, *, reopen_until: str) -> Write:
    """Closes an active tenant; a suspended one is refused, as reopening it would lift what staff have decided."""
    return writes.update(
        AccessSettings.load().access_table,
        key(tenant),
        "SET #status = :closed, reopen_until = :until",
        condition="#status = :active",
        names={"#status": "status"},
        values={":closed": Status.CLOSED.value, ":active": Status.ACTIVE.value, ":until": reopen_until},
        refused=_not_so,
    )


def reopen(tenant: TenantId) -> Write:
    """Lets a closed tenant go on; refuses with Conflict when it is not closed, or has been for too long."""
    return writes.update(
        AccessSettings.load().access_table,
        key(tenant),
        "SET #status = :active REMOVE reopen_until",
        condition="#status = :closed AND reopen_until > :now",
        names={"#status": "status"},
        values={":closed": Status.CLOSED.value, ":active": Status.ACTIVE.value, ":now": clock.stamp()},
        refused=_not_so,
    )


def still_closed(tenant: TenantId, *, reopen_until: str) -> Write:
    """Holds a transaction to a tenant that was closed, and is for good; refuses with Conflict."""
    return writes.check(
        AccessSettings.load().access_table,
        key(tenant),
        condition="#status = :closed AND reopen_until = :until AND reopen_until <= :now",
        names={"#status": "status"},
        values={":closed": Status.CLOSED.value, ":until": reopen_until, ":now": clock.stamp()},
        refused=_not_so,
    )


def clear(tenant: TenantId) -> Write:
    """Takes name and settings from a tenant that is closed for good; refuses with Conflict when it is not."""
    return writes.update(
        AccessSettings.load().access_table,
        key(tenant),
        "SET #name = :none, cleared_at = :now REMOVE preferences",
        condition="#status = :closed AND reopen_until <= :now",
        names={"#status": "status", "#name": "name"},
        values={":closed": Status.CLOSED.value, ":none": "", ":now": clock.stamp()},
        refused=_not_so,
    )


def _not_so(item: Item | None) -> Conflict:
    return Conflict(f"The tenant is {item['status']}." if item else "There is no such tenant.")


def _turn(tenant: TenantId, before: Status, after: Status, reason: str) -> Write:
    return writes.update(
        AccessSettings.load().access_table,
        key(tenant),
        "SET #status = :after, suspended_because = :reason",
        condition="#status = :before",
        names={"#status": "status"},
        values={":before": before.value, ":after": after.value, ":reason": reason},
        refused=_not_so,
    )


def require_able(tenant: Tenant | None) -> Tenant:
    """Returns the tenant if it may send and pay; raises TenantClosed, TenantSuspended or ContactUnverified."""
    if tenant is not None and tenant.status is Status.CLOSED:
        raise TenantClosed
    if tenant is None or tenant.status is not Status.ACTIVE:
        raise TenantSuspended
    if not tenant.verified_at:
        raise ContactUnverified("Ask for a code at /api/auth/codes/ and confirm it; then send and pay.")
    return tenant
