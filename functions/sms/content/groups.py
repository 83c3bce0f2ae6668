"""Group: contacts that a tenant texts together, a thousand at most.

| pk | sk | what |
|---|---|---|
| `T#<tenant>#GROUPS` | `ID#<group>`, `NAME#<name>` | the group and its name, as `named` has them |
| `T#<tenant>#GROUP#<group>` | contact's id | a member, with its number: one query is all that a send needs |

A member, the number of members and the list of groups in the contact change in one transaction; so who is deleted is
in no group, and a count is right without counting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from functions.sms import messaging
from mifumo import audit, ids, tables, writes
from mifumo.aws import Item
from mifumo.callers import Principal
from mifumo.errors import AppError, FieldError, NotFound, ValidationFailed
from mifumo.ids import TenantId
from mifumo.tables import Key, Page
from mifumo.writes import Write

from . import contacts
from .contacts import Contact
from .named import ChangedMeanwhile, Kind

KIND = Kind("GROUPS", "group")
MEMBERS_MAX = 1_000
# A contact leaves all of them in one transaction.
_GROUPS_A_CONTACT_MAX = 20
# Two writes each, and one for the group: below the hundred of a transaction.
_TOGETHER_MAX = 49

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Group:
    """Contacts under a name."""

    id: str
    name: str
    members: int
    version: int
    created_at: str
    updated_at: str


def of(item: Item) -> Group:
    """Reads a group from its item."""
    return Group(item["id"], item["name"], item["members"], item["version"], item["created_at"], item["updated_at"])


def read(tenant: TenantId, group: str) -> Group:
    """Reads a tenant's group; raises NotFound."""
    return of(KIND.read(tenant, group))


def page(tenant: TenantId, *, limit: int, start: Item | None) -> Page:
    """Reads a page of a tenant's groups, newest first."""
    return KIND.page(tenant, limit=limit, start=start)


def create(caller: Principal, name: str) -> Group:
    """Makes a group of nobody; raises NameTaken."""
    item, made = KIND.made(caller.tenant_id, name, {"members": 0})
    writes.transact(*made, audit.entry(caller, "group.created", target=item["id"], after={"name": name}))
    return of(item)


def rename(caller: Principal, group: str, name: str, *, version: int) -> Group:
    """Gives a group another name; raises NotFound, ChangedMeanwhile and NameTaken."""
    after, changed = KIND.changed(KIND.read(caller.tenant_id, group), name, {}, version=version)
    writes.transact(*changed, audit.entry(caller, "group.renamed", target=group, after={"name": name}))
    return of(after)


def delete(caller: Principal, group: str) -> None:
    """Lets all members go, then deletes the group; one that was cut off in between is deleted by a second call."""
    tenant = caller.tenant_id
    KIND.read(tenant, group)
    for some in _parts([item["sk"] for item in _members(tenant, group)]):
        writes.transact(
            _counted(tenant, group, -len(some)),
            *(write for contact in some for write in _left(tenant, group, contact)),
        )
    emptied = KIND.read(tenant, group)
    deed = audit.entry(caller, "group.deleted", target=group, before={"name": emptied["name"]})
    writes.transact(*KIND.gone(emptied, also="members = :none", values={":none": 0}), deed)


def add(tenant: TenantId, group: str, wanted: Sequence[str]) -> int:
    """Puts contacts into a group; returns how many were not in it. Raises NotFound and ValidationFailed.

    What was cut off is done by the same call again.
    """
    before = read(tenant, group)
    found = contacts.several(tenant, list(wanted))
    if errors := [*_misfits(wanted, found, group)]:
        raise ValidationFailed("Not all of these contacts can be put into a group.", errors=tuple(errors))
    fresh = [contacts.of(found[one]) for one in dict.fromkeys(wanted) if group not in found[one].get("groups", ())]
    if before.members + len(fresh) > MEMBERS_MAX:
        raise _full()
    for some in _parts(fresh):
        joined = (write for contact in some for write in _joined(contact, group))
        writes.transact(_counted(tenant, group, len(some)), *joined)
    return len(fresh)


def remove(tenant: TenantId, group: str, contact: str) -> None:
    """Takes a contact out of a group; raises NotFound when it is not in it."""
    read(tenant, group)
    contacts.read(tenant, contact)
    writes.transact(*_left(tenant, group, contact), _counted(tenant, group, -1))


def delete_contact(caller: Principal, contact: str) -> None:
    """Deletes a contact and takes it out of its groups; raises NotFound and ChangedMeanwhile."""
    before = contacts.read(caller.tenant_id, contact)
    writes.transact(*without(before), audit.entry(caller, "contact.deleted", target=contact))


def without(before: Contact) -> list[Write]:
    """Deletes a contact as it was read, and takes it out of its groups; refuses with ChangedMeanwhile."""
    left = [
        write
        for group in sorted(before.groups)
        for write in (_forgotten(before.tenant, group, before.id), _counted(before.tenant, group, -1))
    ]
    return [*contacts.gone(before), *left]


def member_page(tenant: TenantId, group: str, *, limit: int, start: Item | None) -> tuple[list[Contact], Item | None]:
    """Reads a page of a group's members; raises NotFound."""
    read(tenant, group)
    page = tables.query(messaging.table(), partition(tenant, group), limit=limit, start=start, consistent=True)
    found = contacts.several(tenant, [item["sk"] for item in page.items])
    return [contacts.of(found[item["sk"]]) for item in page.items if item["sk"] in found], page.last


def numbers(tenant: TenantId, group: str) -> list[str]:
    """Reads the numbers of a group's members; raises NotFound for a group that is not there, or is empty."""
    found = [f"+{item['digits']}" for item in _members(tenant, group)]
    if not found:
        raise _nobody()
    return found


def everybody(tenant: TenantId, group: str) -> list[Contact]:
    """Reads a group's members with all that is known of them, a hundred a read; raises NotFound as `numbers` does."""
    members = [item["sk"] for item in _members(tenant, group)]
    found = contacts.several(tenant, members)
    if not found:
        raise _nobody()
    return [contacts.of(found[one]) for one in members if one in found]


def _members(tenant: TenantId, group: str) -> list[Item]:
    if not ids.valid(group):
        return []
    options = {"limit": MEMBERS_MAX, "consistent": True}
    return list(tables.query_all(messaging.table(), partition(tenant, group), pages_max=2, **options))


def _misfits(wanted: Sequence[str], found: dict[str, Item], group: str) -> list[FieldError]:
    errors = []
    for index, contact in enumerate(wanted):
        groups = found.get(contact, {}).get("groups", ())
        if contact not in found:
            errors.append(FieldError(f"/contact_ids/{index}", "unknown_contact", "You have no such contact."))
        elif group not in groups and len(groups) >= _GROUPS_A_CONTACT_MAX:
            detail = f"This contact is in {_GROUPS_A_CONTACT_MAX} groups: take it out of one first."
            errors.append(FieldError(f"/contact_ids/{index}", "too_many_groups", detail))
    return errors


def _joined(contact: Contact, group: str) -> list[Write]:
    item = {"pk": partition(contact.tenant, group), "sk": contact.id, "digits": contact.digits}
    table, key = contacts.place(contact.tenant, contact.id)
    told = writes.update(
        table,
        key,
        "ADD #groups :group",
        condition="attribute_exists(pk) AND (attribute_not_exists(#groups) OR size(#groups) < :max)",
        names={"#groups": "groups"},
        values={":group": {group}, ":max": _GROUPS_A_CONTACT_MAX},
        refused=lambda _: _moved(),
    )
    return [writes.put(messaging.table(), item, refused=lambda _: _moved()), told]


def _left(tenant: TenantId, group: str, contact: str) -> list[Write]:
    table, key = contacts.place(tenant, contact)
    told = writes.update(
        table,
        key,
        "DELETE #groups :group",
        condition="contains(#groups, :one)",
        names={"#groups": "groups"},
        values={":group": {group}, ":one": group},
        refused=lambda _: _moved(),
    )
    return [_forgotten(tenant, group, contact), told]


def _forgotten(tenant: TenantId, group: str, contact: str) -> Write:
    key = Key(partition(tenant, group), contact)
    return writes.delete(messaging.table(), key, refused=lambda _: NotFound("This contact is not in the group."))


def _counted(tenant: TenantId, group: str, more: int) -> Write:
    return writes.update(
        messaging.table(),
        KIND.place(tenant, group),
        "ADD members :more",
        condition="attribute_exists(pk) AND members <= :room",
        values={":more": more, ":room": MEMBERS_MAX - more},
        refused=lambda item: _full() if item else KIND.missing(),
    )


def _nobody() -> NotFound:
    return NotFound("You have no such group, or nobody is in it.")


def _full() -> AppError:
    detail = (
        f"A group has at most {MEMBERS_MAX:,} members. To text more at once, upload a file of them with the purpose "
        "`campaign`: the export of contacts is one."
    )
    return ValidationFailed.of("/contact_ids", "group_full", detail)


def _moved() -> ChangedMeanwhile:
    return ChangedMeanwhile("A contact or its groups have changed: send it again.")


def _parts(items: list[Value]) -> list[list[Value]]:
    return [items[first : first + _TOGETHER_MAX] for first in range(0, len(items), _TOGETHER_MAX)]


def partition(tenant: TenantId, group: str) -> str:
    """Returns where the members of a group are."""
    return f"T#{tenant}#GROUP#{group}"
