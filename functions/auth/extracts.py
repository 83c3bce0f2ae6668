"""Extract: what the auth slice knows of a tenant is told as: the tenant, its members, its API keys, its audit log.

Every field is named here, so that nothing new is told by accident: keys without their digests, people without their
passwords, and what the platform's staff did without who it was.
"""

from dataclasses import asdict

from mifumo import preferences, tenants
from mifumo.aws import Item
from mifumo.exports import Row, Source
from mifumo.ids import TenantId

from . import api_keys, memberships, records
from .records import Wanted

_PAGE = 100
_OF_TENANT = ("id", "name", "status", "created_at", "verified_at", "reopen_until")
_OF_MEMBER = ("user", "role", "status", "joined_at", "email", "phone", "first_name", "last_name")
_OF_KEY = ("id", "name", "mode", "scopes", "prefix", "last4", "created_at", "created_by", "expires_at", "allowed_ips")
_OF_KEY_IF_ANY = ("last_used_at", "revoked_at")

Rows = tuple[list[Row], Item | None]


def _tenant(tenant: TenantId, _: Item | None) -> Rows:
    found = tenants.get(tenant, consistent=True)
    if found is None:
        return [], None
    known = {name: getattr(found, name) for name in _OF_TENANT}
    return [{**known, "preferences": preferences.stored(found.preferences)}], None


def _members(tenant: TenantId, start: Item | None) -> Rows:
    found, last = memberships.listed(tenant, limit=_PAGE, start=start)
    known = map(asdict, found)
    return [{name: member[name] for name in _OF_MEMBER} for member in known], last


def _keys(tenant: TenantId, start: Item | None) -> Rows:
    found, last = api_keys.listed(tenant, limit=_PAGE, start=start)
    return [
        {**{name: item[name] for name in _OF_KEY}, **{name: item.get(name) for name in _OF_KEY_IF_ANY}}
        for item in found
    ], last


def _audit(tenant: TenantId, start: Item | None) -> Rows:
    page = records.of_tenant(tenant, Wanted(), limit=_PAGE, start=start, named=lambda _: True)
    return [records.shown(entry, to_staff=False) for entry in page.items], page.last


SOURCES = (
    Source("tenant", _tenant),
    Source("members", _members),
    Source("api_keys", _keys),
    Source("audit", _audit),
)
