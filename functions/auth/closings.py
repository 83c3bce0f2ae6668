"""Closings: which tenants are closed, by when they can be reopened no more.

| key in `access` | what |
|---|---|
| `CLOSINGS` / `<until>#<tenant>` | a tenant that can be reopened until then |
"""

from mifumo import tables, writes
from mifumo.ids import TenantId
from mifumo.tables import Key
from mifumo.tenants import AccessSettings
from mifumo.writes import Write

_ALL = "CLOSINGS"


def add(tenant: TenantId, until: str) -> Write:
    """Lists a tenant that is closed."""
    return writes.put(
        AccessSettings.load().access_table,
        _key(tenant, until)._asdict(),
        condition=writes.WHATEVER_STANDS,
        refused=writes.never,
    )


def remove(tenant: TenantId, until: str) -> Write:
    """Takes a tenant off the list; it need not be there."""
    return writes.delete(
        AccessSettings.load().access_table,
        _key(tenant, until),
        condition=writes.WHATEVER_STANDS,
        refused=writes.never,
    )


def due(now: str, *, limit: int) -> list[tuple[TenantId, str]]:
    """Lists (tenant, until when it could be reopened), the longest past first."""
    page = tables.query(AccessSettings.load().access_table, _ALL, between=("0", now), limit=limit, consistent=True)
    found = (item["sk"].partition("#") for item in page.items)
    return [(TenantId(tenant), until) for until, _, tenant in found]


def _key(tenant: TenantId, until: str) -> Key:
    return Key(_ALL, f"{until}#{tenant}")
