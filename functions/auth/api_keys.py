"""API keys of a tenant: made and shown once, listed without their text, revoked for good.

| key in `access` | what |
|---|---|
| `T#<tenant>` / `APIKEY#<key id>` | what is shown of a key, for as long as the tenant is there |
| `T#<tenant>` / `APIKEYS` | how many are live |

What a door looks up is `mifumo.keys`' item: it is made with these and deleted when the key is revoked.
"""

from contextlib import suppress
from dataclasses import dataclass

from mifumo import audit, clock, cursors, ids, keys, tables, writes
from mifumo.aws import Item
from mifumo.callers import Principal
from mifumo.errors import Conflict, NotFound, ValidationFailed
from mifumo.ids import TenantId
from mifumo.modes import Mode
from mifumo.permissions import RULES, Role, Scope
from mifumo.tables import Key
from mifumo.tenants import AccessSettings
from mifumo.writes import Write

# Enough for every service of a business and one more each while they rotate.
LIVE_MAX = 50
_PREFIX = "APIKEY#"
# By sms:send it changes its own tests alone: routes ask `Principal.require_mode`. What it reads is live all the same.
TEST_SCOPES = frozenset({Scope.SMS_SEND, Scope.SMS_READ, Scope.BILLING_READ})


class TooManyKeys(Conflict):
    """The tenant has as many live keys as it may have."""

    code = "too_many_keys"
    title = "Revoke a key first"


class _Gone(Exception):
    """The key was revoked already."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a key is asked for. No expiry: until it is revoked; no addresses: from anywhere."""

    name: str
    mode: Mode
    scopes: frozenset[Scope]
    expires_at: str = ""
    allowed_ips: tuple[str, ...] = ()


def create(caller: Principal, wish: Wish) -> tuple[Item, str]:
    """Makes a key; returns what is shown of it and its text, which nobody can read again.

    Raises ValidationFailed for a scope that the caller cannot give, TooManyKeys when there are fifty.
    """
    _require_givable(caller.role, wish)
    text, made_at, key_id = keys.mint(wish.mode), clock.stamp(), ids.new()
    opens = {
        "mode": wish.mode.value,
        "scopes": sorted(wish.scopes),
        "expires_at": wish.expires_at,
        "allowed_ips": list(wish.allowed_ips),
    }
    shown = {
        **_key(caller.tenant_id, key_id)._asdict(),
        **opens,
        "id": key_id,
        "name": wish.name,
        "digest": keys.digest(text),
        "prefix": text[: len(f"{keys.PREFIX}{wish.mode.value}_")],
        "last4": text[-4:],
        "created_at": made_at,
        "created_by": caller.actor,
    }
    table, lookup = keys.place(shown["digest"])
    found_by = {**lookup._asdict(), **opens, "id": key_id, "tenant_id": caller.tenant_id}
    writes.transact(
        _count(caller.tenant_id, 1),
        writes.put(table, shown, refused=lambda _: Conflict("The key exists.")),
        writes.put(table, found_by, refused=lambda _: Conflict("The key exists.")),
        audit.entry(caller, "key.created", target=key_id, after={"name": wish.name, **opens}),
    )
    return shown, text


def page(tenant: TenantId, *, limit: int, cursor: str | None) -> tuple[list[Item], str | None]:
    """Returns a page of a tenant's keys, and the cursor to go on."""
    scope = f"api keys {tenant}"
    found, last = listed(tenant, limit=limit, start=cursors.decode(cursor, scope=scope))
    return found, cursors.encode(last, scope=scope)


def listed(tenant: TenantId, *, limit: int, start: Item | None) -> tuple[list[Item], Item | None]:
    """Reads a tenant's keys from a place on, newest first, each with when it was used last."""
    found = tables.query(_table(), f"T#{tenant}", begins_with=_PREFIX, limit=limit, newest_first=True, start=start)
    uses = [keys.used_place(item["id"]) for item in found.items]
    used = tables.read(*uses, consistent=False)
    items = [
        {**item, "last_used_at": used.get(place, {}).get("used_at")}
        for item, place in zip(found.items, uses, strict=True)
    ]
    return items, found.last


def revoke(caller: Principal, key_id: str) -> None:
    """Ends a key for good; one that is revoked already stays so. Raises NotFound for another tenant's."""
    item = tables.get(_table(), _key(caller.tenant_id, key_id)) if ids.valid(key_id) else None
    if item is None:
        raise NotFound("You have no such key.")
    if "revoked_at" in item:
        return
    try:
        writes.transact(*_revocation(item), audit.entry(caller, "key.revoked", target=key_id))
    except _Gone:
        return


def revoke_all(tenant: TenantId) -> int:
    """Ends every key of a tenant that is closed; returns how many were live."""
    ended = 0
    for item in list(tables.query_all(_table(), f"T#{tenant}", begins_with=_PREFIX, consistent=True)):
        if "revoked_at" in item:
            continue
        told = audit.entry_by(tenant, "key.revoked", actor=audit.PLATFORM, target=item["id"], reason="tenant closed")
        try:
            writes.transact(*_revocation(item), told)
        except _Gone:
            continue
        ended += 1
    return ended


def forget_all(tenant: TenantId) -> None:
    """Removes what is shown of a tenant's revoked keys."""
    for item in list(tables.query_all(_table(), f"T#{tenant}", begins_with=_PREFIX, consistent=True)):
        gone = writes.delete(
            _table(), Key(item["pk"], item["sk"]), condition="attribute_exists(revoked_at)", refused=lambda _: _Gone()
        )
        with suppress(_Gone):
            writes.commit(gone)


def _revocation(item: Item) -> list[Write]:
    table, lookup = keys.place(item["digest"])
    return [
        writes.update(
            table,
            Key(item["pk"], item["sk"]),
            "SET revoked_at = :now",
            condition="attribute_exists(pk) AND attribute_not_exists(revoked_at)",
            values={":now": clock.stamp()},
            refused=lambda _: _Gone(),
        ),
        writes.delete(table, lookup, refused=lambda _: _Gone()),
        _count(TenantId(item["pk"].removeprefix("T#")), -1),
    ]


def _count(tenant: TenantId, change: int) -> Write:
    """Counts the live keys; fifty are the most, however many are asked for at once."""
    return writes.update(
        _table(),
        Key(f"T#{tenant}", "APIKEYS"),
        "ADD live :change",
        condition="attribute_not_exists(live) OR live < :most" if change > 0 else "live > :none",
        values={":change": change, **({":most": LIVE_MAX} if change > 0 else {":none": 0})},
        refused=lambda _: TooManyKeys(f"A tenant has at most {LIVE_MAX} live keys: revoke one that is not in use."),
    )


def _require_givable(role: Role | None, wish: Wish) -> None:
    """Nobody gives a key more than they may do themselves, and a test key no scope that would change what is live."""
    if wish.mode is Mode.TEST and wish.scopes - TEST_SCOPES:
        names = ", ".join(sorted(TEST_SCOPES))
        raise ValidationFailed.of("/scopes", "scope_not_for_test", f"A test key may have {names}.")
    for scope in sorted(wish.scopes):
        if not all(role in rule.roles for rule in RULES.values() if rule.scope is scope):
            raise ValidationFailed.of("/scopes", "scope_not_yours", f"You may not do all of {scope} yourself.")


def _key(tenant: TenantId, key_id: str) -> Key:
    return Key(f"T#{tenant}", f"{_PREFIX}{key_id}")


def _table() -> str:
    return AccessSettings.load().access_table
