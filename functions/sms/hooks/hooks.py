"""Hook: an address of a customer's system that is told what becomes of the tenant's texts.

| pk | sk | what |
|---|---|---|
| `T#<tenant>#HOOKS` | `<id>` | the webhook: address, events, salts of its secrets, how it has been doing |
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from functions.sms import messaging
from mifumo import audit, clock, ids, tables, writes
from mifumo.aws import Item
from mifumo.callers import Principal
from mifumo.errors import Conflict, NotFound
from mifumo.ids import TenantId
from mifumo.tables import Key
from mifumo.writes import Write

from . import addresses, hook_secrets, listeners
from .events import Type
from .listeners import HOOKS_MAX

# Time enough to bring a new secret to every machine of the customer.
ROTATION_S = 24 * 3600


class DisabledBecause(StrEnum):
    """Why a webhook is told nothing."""

    ASKED = "asked"
    GONE = "gone"
    FAILING = "failing"


class HookMoved(Exception):
    """The webhook is not as the write wants it: it was deleted, disabled or changed meanwhile."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook. `failing_since` is the first failure since its last success, `fails` how many there were.

    `untold` says that its tenant is still to hear that we disabled it.
    """

    id: str
    tenant: TenantId
    url: str
    events: frozenset[Type]
    description: str
    disabled: DisabledBecause | None
    disabled_at: str
    untold: bool
    salt: str
    salt_before: str
    salt_before_until: str
    created_at: str
    updated_at: str
    failing_since: str
    fails: int
    rests_until: str

    @property
    def salts(self) -> list[str]:
        """The salts of the secrets that are live: the newest, and for a day the one that was in use before it."""
        return list(dict.fromkeys([self.salt, self.salt_in_use]))

    @property
    def salt_in_use(self) -> str:
        """The salt of the secret that is verified with until the customer has brought a new one to its machines."""
        return self.salt_before if self.salt_before_until > clock.stamp() else self.salt

    def wants(self, event: Type) -> bool:
        """Tells whether it is to be told of events of a type."""
        return self.disabled is None and event in self.events


def of(item: Item) -> Hook:
    """Reads a webhook from its item."""
    return Hook(
        id=item["sk"],
        tenant=TenantId(item["tenant"]),
        url=item["url"],
        events=frozenset(Type(name) for name in item["events"]),
        description=item["description"],
        disabled=DisabledBecause(item["disabled"]) if item.get("disabled") else None,
        disabled_at=item.get("disabled_at", ""),
        untold="due_sk" in item,
        salt=item["salt"],
        salt_before=item.get("salt_before", ""),
        salt_before_until=item.get("salt_before_until", ""),
        created_at=item["created_at"],
        updated_at=item["updated_at"],
        failing_since=item.get("failing_since", ""),
        fails=item.get("fails", 0),
        rests_until=item.get("rests_until", ""),
    )


def key(tenant: TenantId, hook: str) -> Key:
    """Returns the key of a webhook."""
    return Key(listeners.partition(tenant), hook)


def create(caller: Principal, *, url: str, events: frozenset[Type], description: str) -> tuple[Hook, str]:
    """Makes a webhook; returns it and its secret, which is shown this once.

    Raises UrlRefused for an address that is not called, TooManyWebhooks when there are ten.
    """
    addresses.require(url)
    hook, salt, now = ids.new(), hook_secrets.salt(), clock.stamp()
    item = {
        **key(caller.tenant_id, hook)._asdict(),
        "tenant": caller.tenant_id,
        "url": url,
        "events": sorted(events),
        "description": description,
        "salt": salt,
        "created_at": now,
        "updated_at": now,
    }
    writes.transact(
        listeners.add(caller.tenant_id, 1),
        writes.put(messaging.table(), item, refused=lambda _: Conflict("The webhook exists.")),
        audit.entry(caller, "webhook.created", target=hook, after=_told(url, events)),
    )
    return of(item), hook_secrets.text(hook, salt)


def of_tenant(tenant: TenantId) -> list[Hook]:
    """Reads a tenant's webhooks, oldest first."""
    page = tables.query(messaging.table(), listeners.partition(tenant), limit=HOOKS_MAX, consistent=True)
    return [of(item) for item in page.items]


def require(tenant: TenantId, hook: str) -> Hook:
    """Reads a webhook; raises NotFound, also when it is another tenant's."""
    found = read(tenant, hook) if ids.valid(hook) else None
    if found is None:
        raise NotFound("You have no such webhook.")
    return found


def read(tenant: TenantId, hook: str) -> Hook | None:
    """Reads a webhook; None when there is none."""
    item = tables.get(messaging.table(), key(tenant, hook))
    return of(item) if item else None


def change(caller: Principal, hook: Hook, **wanted: Any) -> Hook:
    """Changes `url`, `events` or `description`; raises UrlRefused."""
    if "url" in wanted:
        addresses.require(wanted["url"])
    stored = {**wanted, **({"events": sorted(wanted["events"])} if "events" in wanted else {})}
    told = _told(wanted.get("url"), wanted.get("events"))
    return _changed(caller, hook, stored, "webhook.changed", after=told)


def enable(caller: Principal, hook: Hook) -> Hook:
    """Tells a webhook again, as if it had never failed."""
    forgotten = ("disabled", "disabled_at", "due_pk", "due_sk", "failing_since", "fails", "rests_until")
    return _changed(caller, hook, {}, "webhook.enabled", forgotten=forgotten)


def disable(caller: Principal, hook: Hook) -> Hook:
    """Stops telling a webhook."""
    stored = {"disabled": DisabledBecause.ASKED.value, "disabled_at": clock.stamp()}
    return _changed(caller, hook, stored, "webhook.disabled")


def rotate(caller: Principal, hook: Hook, key: str) -> tuple[Hook, bool]:
    """Gives a webhook a new secret; tells whether the same was asked for under the same key before.

    The secret in use stays live for a day. When it is rotated again meanwhile that is still the one in use: who lost an
    answer has never had the one in between. Raises Conflict when somebody else rotates it at the same time.
    """
    salt = hook_secrets.salt_after(hook.salt_in_use, key)
    if salt == hook.salt:
        return hook, True
    stored = {"salt": salt, "salt_before": hook.salt_in_use, "salt_before_until": clock.after(ROTATION_S)}
    try:
        return _changed(caller, hook, stored, "webhook.rotated", salt=hook.salt), False
    except NotFound:
        now = require(hook.tenant, hook.id)
    if now.salt == salt:
        return now, True
    raise Conflict("Somebody else is rotating the secret: whoever did has the new one.")


def delete(caller: Principal, hook: Hook) -> None:
    """Deletes a webhook; one that went meanwhile stays gone."""
    try:
        writes.transact(
            writes.delete(messaging.table(), key(hook.tenant, hook.id), refused=lambda _: HookMoved()),
            listeners.add(hook.tenant, -1),
            audit.entry(caller, "webhook.deleted", target=hook.id),
        )
    except HookMoved:
        return


def _changed(
    caller: Principal,
    hook: Hook,
    stored: dict[str, Any],
    action: str,
    *,
    forgotten: tuple[str, ...] = (),
    after: dict[str, Any] | None = None,
    salt: str = "",
) -> Hook:
    now = clock.stamp()
    write = update(hook, {**stored, "updated_at": now}, forgotten, salt=salt)
    try:
        writes.transact(write, audit.entry(caller, action, target=hook.id, after=after))
    except HookMoved as gone:
        raise NotFound("You have no such webhook.") from gone
    return require(hook.tenant, hook.id)


def update(
    hook: Hook, stored: dict[str, Any], forgotten: tuple[str, ...] = (), *, unless: str = "", salt: str = ""
) -> Write:
    """Sets and removes attributes of a webhook, `unless` it has one, and while it has a `salt`; refuses with
    HookMoved.
    """
    names = {f"#{name}": name for name in [*stored, *forgotten, *([unless] if unless else [])]}
    removed = f" REMOVE {', '.join(f'#{name}' for name in forgotten)}" if forgotten else ""
    return writes.update(
        messaging.table(),
        key(hook.tenant, hook.id),
        f"SET {', '.join(f'#{name} = :{name}' for name in stored)}{removed}",
        condition="attribute_exists(pk)"
        + (f" AND attribute_not_exists(#{unless})" if unless else "")
        + (" AND salt = :salt_read" if salt else ""),
        names=names,
        values={f":{name}": value for name, value in stored.items()} | ({":salt_read": salt} if salt else {}),
        refused=lambda _: HookMoved(),
    )


def _told(url: str | None, events: frozenset[Type] | None) -> dict[str, Any]:
    """What goes into the audit log: of an address its host alone, for its path may hold a token."""
    host = {"host": addresses.parse(url).host} if url else {}
    return {**host, **({"events": sorted(events)} if events else {})}
