"""Tenant: what every door must know of one, its status and its limits, in the `access` table."""

from dataclasses import dataclass
from enum import StrEnum

from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.errors import Conflict, Forbidden
from mifumo.ids import TenantId
from mifumo.settings import Settings
from mifumo.tables import Key
from mifumo.writes import Write


class AccessSettings(Settings):
    """Where tenants, API-key hashes and rate buckets are."""

    access_table: str


class Status(StrEnum):
    """A suspended tenant may read; it may neither send nor pay."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class TenantSuspended(Forbidden):
    """Staff have suspended the tenant: reading works, sending and paying do not."""

    code = "tenant_suspended"
    title = "This account is suspended; contact support"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A business that sends."""

    id: TenantId
    name: str
    status: Status
    created_at: str


def key(tenant: TenantId) -> Key:
    """Returns the key of the tenant's item."""
    return Key(f"T#{tenant}", "TENANT")


def of(item: Item) -> Tenant:
    """Reads a tenant from its item."""
    return Tenant(TenantId(item["id"]), item["name"], Status(item["status"]), item["created_at"])


def get(tenant: TenantId) -> Tenant | None:
    """Reads a tenant, None when there is none."""
    item = tables.get(AccessSettings.load().access_table, key(tenant), consistent=False)
    return of(item) if item else None


def put(tenant: TenantId, name: str) -> Write:
    """Writes a new, active tenant; refuses one that exists."""
    item = {
        **key(tenant)._asdict(),
        "id": tenant,
        "name": name,
        "status": Status.ACTIVE.value,
        "created_at": clock.stamp(),
    }
    return writes.put(AccessSettings.load().access_table, item, refused=lambda _: Conflict("The tenant exists"))


def require_active(tenant: Tenant | None) -> Tenant:
    """Returns the tenant if it may act; raises TenantSuspended otherwise."""
    if tenant is None or tenant.status is not Status.ACTIVE:
        raise TenantSuspended
    return tenant
