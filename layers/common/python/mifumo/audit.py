"""Audit: who did what to whom, from where, before and after. Entries are added and never changed.

An entry is a `Write`: it stands in the transaction of the deed itself, so that neither is there without the other.
Doors may put into the table and read nothing; the auth slice lists it for tenants and for staff.

| key | what |
|---|---|
| `T#<tenant>` / `<entry id>` | an entry of the tenant's log, in order of time |
| `listing`: `STAFF` / `<entry id>` | the same entry, when platform people made it |
"""

from collections.abc import Mapping
from typing import Any

from mifumo import clock, ids, origins, writes
from mifumo.callers import Principal
from mifumo.errors import Conflict
from mifumo.ids import TenantId
from mifumo.permissions import Role
from mifumo.settings import Settings
from mifumo.tables import Key
from mifumo.writes import Write

# Two years: long enough to settle a dispute, and an address is personal data that is not kept for ever.
_RETENTION_S = 2 * 365 * 24 * 3600
STAFF = "STAFF"


class AuditSettings(Settings):
    """Where entries are."""

    audit_table: str


def entry(
    caller: Principal,
    action: str,
    *,
    tenant: TenantId | None = None,
    target: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> Write:
    """Records a caller's deed in the caller's tenant, or in the tenant that staff act on.

    `action` is a dotted name in the past tense (`member.suspended`), `target` an id; `before` and `after` hold the
    changed fields alone, with no secret and no full phone number in them.
    """
    return _entry(
        tenant or caller.tenant_id,
        action,
        actor=caller.actor,
        role=caller.role,
        target=target,
        before=before,
        after=after,
        reason=reason,
    )


def entry_by(tenant: TenantId, action: str, *, actor: str, target: str = "", reason: str = "") -> Write:
    """Records a deed without a principal: of one who signs in or resets a password, or of the platform itself."""
    return _entry(tenant, action, actor=actor, role=None, target=target, before=None, after=None, reason=reason)


def _entry(
    tenant: TenantId,
    action: str,
    *,
    actor: str,
    role: Role | None,
    target: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    reason: str,
) -> Write:
    origin, entry_id = origins.current(), ids.new()
    item = {
        **Key(f"T#{tenant}", entry_id)._asdict(),
        "id": entry_id,
        "tenant_id": tenant,
        "at": clock.stamp(),
        "action": action,
        "actor": actor,
        "role": role.value if role else "",
        "target": target,
        "before": dict(before or {}),
        "after": dict(after or {}),
        "reason": reason,
        "ip": origin.ip,
        "request_id": origin.request_id,
        "ttl": clock.epoch() + _RETENTION_S,
    }
    if role in {Role.STAFF, Role.SUPPORT}:
        item |= {"listing_pk": STAFF, "listing_sk": entry_id}
    return writes.put(AuditSettings.load().audit_table, item, refused=lambda _: Conflict("The entry exists."))
