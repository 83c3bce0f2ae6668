"""SenderId: a name that texts come from. A tenant asks for its own, staff decide, the platform's come with packages.

    pending → approved | rejected | changes_requested;  rejected, changes_requested → pending (asked for again)

A name keeps the letters' case it was approved with, because the provider compares it so; two names that differ in case
alone are the same name. The tenant's approved names stand in one item besides, so that sending reads a single key.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from functions.sms import messaging
from mifumo import audit, clock, ids, packages, tables, writes
from mifumo.aws import Item
from mifumo.callers import Principal
from mifumo.errors import Conflict, NotFound, ValidationFailed
from mifumo.ids import SenderIdId, TenantId
from mifumo.tables import Key, Page
from mifumo.writes import Write

# GSM networks show at most 11 characters; three alphanumerics are the provider's minimum.
_FORM = re.compile(r"(?=(?:[^A-Za-z0-9]*[A-Za-z0-9]){3})(?=.*[A-Za-z])[A-Za-z0-9][A-Za-z0-9 -]{1,9}[A-Za-z0-9]")
PLATFORM = {name.upper(): name for name in packages.PLATFORM_SENDER_IDS}


class Status(StrEnum):
    """Where a request stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    CHANGES_REQUESTED = "changes_requested"


# What staff may decide from where; asking again is the tenant's move.
_DECISIONS = {
    Status.PENDING: {Status.APPROVED, Status.REJECTED, Status.CHANGES_REQUESTED},
    Status.APPROVED: {Status.REJECTED},
    Status.REJECTED: set(),
    Status.CHANGES_REQUESTED: {Status.APPROVED, Status.REJECTED},
}
_ASKED_AGAIN_FROM = {Status.REJECTED, Status.CHANGES_REQUESTED}


class SenderIdTaken(Conflict):
    """The name is the platform's or another tenant's, or was asked for already."""

    code = "sender_id_taken"
    title = "This sender ID is taken"


@dataclass(frozen=True, slots=True)
class SenderId:
    """A tenant's own sender ID, or one of the platform's."""

    id: SenderIdId
    tenant: TenantId | None
    name: str
    kind: Literal["own", "platform"]
    status: Status
    purpose: str | None
    sample: str | None
    reason: str | None
    created_at: str | None
    updated_at: str | None = None


def _key(tenant: TenantId, name: str) -> Key:
    return Key(f"T#{tenant}", f"SENDER#{name.upper()}")


def approved_key(tenant: TenantId) -> Key:
    """Returns the key of the item that lists a tenant's approved names."""
    return Key(f"T#{tenant}", "SENDERS")


def _owner_key(name: str) -> Key:
    return Key(f"SENDERNAME#{name.upper()}", "OWNER")


def _pointer_key(sender_id: str) -> Key:
    return Key(f"SENDERID#{sender_id}", "POINTER")


def of(item: Item) -> SenderId:
    """Reads a tenant's own sender ID from its item."""
    return SenderId(
        SenderIdId(item["id"]),
        TenantId(item["tenant"]),
        item["name"],
        "own",
        Status(item["status"]),
        item["purpose"],
        item["sample"],
        item.get("reason"),
        item["created_at"],
        item["updated_at"],
    )


def owner(name: str) -> TenantId | None:
    """Returns the tenant that a name was approved for."""
    item = tables.get(messaging.table(), _owner_key(name))
    return TenantId(item["tenant"]) if item else None


class Availability(StrEnum):
    """Whether a name can be asked for."""

    AVAILABLE = "available"
    FORMAT = "format"
    RESERVED = "reserved"
    TAKEN = "taken"


def availability(tenant: TenantId, name: str) -> Availability:
    """Tells whether the tenant could ask for the name: one batched read."""
    if not _FORM.fullmatch(name):
        return Availability.FORMAT
    if name.upper() in PLATFORM:
        return Availability.RESERVED
    table = messaging.table()
    found = tables.read((table, _owner_key(name)), (table, _key(tenant, name)))
    owner, mine = found.get((table, _owner_key(name))), found.get((table, _key(tenant, name)))
    if (owner and owner["tenant"] != tenant) or (mine and Status(mine["status"]) not in _ASKED_AGAIN_FROM):
        return Availability.TAKEN
    return Availability.AVAILABLE


def request(caller: Principal, *, name: str, purpose: str, sample: str) -> SenderId:
    """Asks for a name, or asks again after a refusal; raises ValidationFailed or SenderIdTaken."""
    match availability(caller.tenant_id, name):
        case Availability.FORMAT:
            raise ValidationFailed.of(
                "/name", "format", "Use 3 to 11 letters, digits, spaces or dashes, with at least one letter."
            )
        case Availability.RESERVED:
            raise SenderIdTaken(f"{name} belongs to the platform and comes with a package.")
        case Availability.TAKEN:
            raise SenderIdTaken(f"{name} was asked for already, by you or by somebody else.")
        case Availability.AVAILABLE:
            return _request(caller, name, purpose, sample)


def _request(caller: Principal, name: str, purpose: str, sample: str) -> SenderId:
    tenant, now = caller.tenant_id, clock.stamp()
    sender_id = ids.derived("sender id", tenant, name.upper())
    item = {
        **_key(tenant, name)._asdict(),
        "id": sender_id,
        "tenant": tenant,
        "name": name,
        "status": Status.PENDING.value,
        "purpose": purpose,
        "sample": sample,
        "actor": caller.actor,
        "created_at": now,
        "updated_at": now,
        **_listed(Status.PENDING, now, sender_id),
    }
    pointer = {**_pointer_key(sender_id)._asdict(), "tenant": tenant, "name": name.upper()}
    again = {f":{index}": status.value for index, status in enumerate(sorted(_ASKED_AGAIN_FROM))}
    condition = f"attribute_not_exists(pk) OR #status IN ({', '.join(again)})"
    put = writes.put(
        messaging.table(),
        item,
        condition=condition,
        names={"#status": "status"},
        values=again,
        refused=lambda _: SenderIdTaken(f"{name} was asked for already."),
    )
    same = writes.put(
        messaging.table(),
        pointer,
        condition="attribute_not_exists(pk) OR tenant = :tenant",
        values={":tenant": tenant},
        refused=lambda _: SenderIdTaken(),
    )
    told = audit.entry(
        caller, "sender_id.requested", target=sender_id, after={"name": name, "status": Status.PENDING.value}
    )
    writes.transact(put, same, told)
    return of(item)


def own(tenant: TenantId, *, limit: int, start: Item | None) -> Page:
    """Reads a page of the tenant's own sender IDs."""
    return tables.query(messaging.table(), f"T#{tenant}", begins_with="SENDER#", limit=limit, start=start)


def waiting(status: Status, *, limit: int, start: Item | None) -> Page:
    """Reads a page of all tenants' sender IDs in a status, oldest first: staff's list."""
    return tables.query(messaging.table(), f"SENDERS#{status.value}", index="listing", limit=limit, start=start)


def decide(caller: Principal, sender_id: str, status: Status, *, reason: str | None) -> SenderId:
    """Decides on a request; the same decision again changes nothing. Raises NotFound, Conflict or SenderIdTaken."""
    pointer = tables.get(messaging.table(), _pointer_key(sender_id))
    item = pointer and tables.get(messaging.table(), _key(TenantId(pointer["tenant"]), pointer["name"]))
    if not item:
        raise NotFound("There is no such sender ID.")
    before = of(item)
    if before.status is status:
        return before
    if status not in _DECISIONS[before.status]:
        raise Conflict(f"A sender ID that is {before.status} cannot become {status}.")
    now = clock.stamp()
    told = audit.entry(
        caller,
        f"sender_id.{status.value}",
        tenant=_owner(before),
        target=before.id,
        before={"name": before.name, "status": before.status.value},
        after={"name": before.name, "status": status.value},
        reason=reason or "",
    )
    writes.transact(*_decision(before, status, reason, caller.actor, now), told)
    return of({**item, "status": status.value, "reason": reason, "updated_at": now})


def _decision(before: SenderId, status: Status, reason: str | None, actor: str, now: str) -> list[Write]:
    tenant = _owner(before)
    listed = _listed(status, before.created_at or now, before.id)
    decided = writes.update(
        messaging.table(),
        _key(tenant, before.name),
        "SET #status = :status, reason = :reason, reviewed_by = :actor, updated_at = :now,"
        " listing_pk = :pk, listing_sk = :sk, history = list_append(if_not_exists(history, :none), :step)",
        condition="#status = :before AND updated_at = :read",
        names={"#status": "status"},
        values={
            ":status": status.value,
            ":before": before.status.value,
            ":read": before.updated_at,
            ":reason": reason,
            ":actor": actor,
            ":now": now,
            ":pk": listed["listing_pk"],
            ":sk": listed["listing_sk"],
            ":none": [],
            ":step": [{"status": status.value, "reason": reason, "actor": actor, "at": now}],
        },
        refused=lambda _: Conflict("Somebody else decided meanwhile; look again."),
    )
    if before.status is Status.APPROVED:
        return [decided, _usable(before, approved=False)]
    if status is not Status.APPROVED:
        return [decided]
    owner = {**_owner_key(before.name)._asdict(), "tenant": tenant, "since": now}
    reserved = writes.put(
        messaging.table(),
        owner,
        condition="attribute_not_exists(pk) OR tenant = :tenant",
        values={":tenant": tenant},
        refused=lambda _: SenderIdTaken("Another tenant was given this name."),
    )
    return [decided, reserved, _usable(before, approved=True)]


def _usable(before: SenderId, *, approved: bool) -> Write:
    """Keeps the item that sending reads in step, in the same transaction: one attribute a name."""
    return writes.update(
        messaging.table(),
        approved_key(_owner(before)),
        "SET #name = :name" if approved else "REMOVE #name",
        condition="attribute_not_exists(#name)" if approved else "attribute_exists(#name)",
        names={"#name": f"name:{before.name.upper()}"},
        values={":name": before.name} if approved else None,
        refused=lambda _: Conflict("Somebody else decided meanwhile; look again."),
    )


def _owner(sender_id: SenderId) -> TenantId:
    if sender_id.tenant is None:
        raise NotFound("The platform's sender IDs are not decided on.")
    return sender_id.tenant


def _listed(status: Status, created_at: str, sender_id: str) -> Item:
    return {"listing_pk": f"SENDERS#{status.value}", "listing_sk": f"{created_at}#{sender_id}"}
