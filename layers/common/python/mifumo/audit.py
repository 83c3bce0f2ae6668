"""Audit: who did what to whom, from where, before and after. Entries are added and never changed.

An entry is a `Write`: it stands in the transaction of the deed itself, so that neither is there without the other.
Doors may put into the table and read nothing; the auth slice lists it for tenants and for staff.

| key | what |
|---|---|
| `T#<tenant>` / `<entry id>` | an entry of the tenant's log, in order of time |
| `listing`: `STAFF` / `<entry id>` | the same entry, when platform people made it |
"""

import re
from collections.abc import Mapping
from typing import Any

from mifumo import clock, ids, origins, writes
from mifumo.callers import Principal
from mifumo.errors import Conflict
from mifumo.ids import TenantId
from mifumo.permissions import PLATFORM_ROLES, Role
from mifumo.settings import Settings
from mifumo.tables import Key
from mifumo.writes import Write

# Two years: long enough to settle a dispute, and an address is personal data that is not kept for ever.
_RETENTION_S = 2 * 365 * 24 * 3600
STAFF = "STAFF"
# The actor of what the platform does by itself, such as a sweep.
PLATFORM = "platform"

_SECRET_NAME = re.compile(r"(?i)passw|secret|token|pepper|digest|hash|(?:\A|_)(?:code|otp|pin|refresh)s?\Z")
_HIDDEN = re.compile(
    # What looks like a number and is none stays: ids of ours and times.
    r"(?P<kept>\b[0-7][0-9a-hjkmnp-tv-z]{25}\b|\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d)?)?)"
    # Tokens: JWTs, and ours, which are called mfk_, mfr_ and so on.
    r"|(?P<token>eyJ[\w-]{5,}\.[\w.-]+|mf[a-z]_[\w.~-]+)"
    # Phone numbers: with a plus or 00, with Tanzania's 255, or as people there dial them.
    r"|(?P<number>\+\d(?:[ ().-]{0,2}\d){6,14}|(?<!\d)(?:00)?255(?:[ .-]?\d){9}(?!\d)"
    r"|(?<!\d)\(?0[67]\d{1,2}\)?(?:[ .-]?\d){6,7}(?!\d)|(?<!\d)[67]\d{8}(?!\d))"
)


class SecretInAuditError(Exception):
    """A deed was to be recorded with a member that is named like a secret: a mistake in the program."""


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
    changed fields alone. Numbers and tokens in what people wrote are hidden; raises SecretInAuditError for a member
    that is named like a secret.
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
        "target": _readable(target),
        "before": _changes(before),
        "after": _changes(after),
        "reason": _readable(reason),
        "ip": origin.ip,
        "request_id": origin.request_id,
        "ttl": clock.epoch() + _RETENTION_S,
    }
    if role in PLATFORM_ROLES:
        item |= {"listing_pk": STAFF, "listing_sk": entry_id}
    return writes.put(AuditSettings.load().audit_table, item, refused=lambda _: Conflict("The entry exists."))


def readable(text: str) -> str:
    """Hides numbers and tokens in what people wrote, for records that stand beside the log and are kept as long."""
    return _HIDDEN.sub(_replacement, text)


def _changes(fields: Mapping[str, Any] | None) -> dict[str, Any]:
    named = [name for name in fields or {} if _SECRET_NAME.search(name)]
    if named:
        raise SecretInAuditError(", ".join(sorted(named)))
    return {name: _readable(value) for name, value in (fields or {}).items()}


def _readable(value: Any) -> Any:
    """Hides what people may have written into a name or a reason: an entry is kept for two years and cannot be mended.

    Numbers keep their last two digits, so that one can be told from another.
    """
    match value:
        case str():
            return readable(value)
        case Mapping():
            return _changes(value)
        case list() | tuple() | set() | frozenset():
            return [_readable(one) for one in value]
        case _:
            return value


def _replacement(found: re.Match[str]) -> str:
    if found["kept"]:
        return found[0]
    return "[token]" if found["token"] else f"[number …{found[0][-2:]}]"
