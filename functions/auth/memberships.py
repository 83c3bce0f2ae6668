"""Membership: a person in a tenant, with a role and a standing, as it is listed, read and changed.

| pk | sk | what |
|---|---|---|
| `T#<tenant>` | `MEMBER#<user>` | the membership; `users` makes it, `heads` counts some |

Every change is held to the caller's own membership as well, so that whoever was removed a moment ago removes nobody
with a token that is still good.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from mifumo import audit, cursors, tables, writes
from mifumo.aws import Item
from mifumo.callers import Principal
from mifumo.errors import Conflict, Forbidden, NotFound
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from mifumo.tables import Key
from mifumo.writes import Write

from . import heads, users
from .accounts import AccountsSettings
from .heads import Uncounted

_PREFIX = "MEMBER#"
# The first try, and one after the heads of a tenant from before there was a count were counted.
_TRIES = 2
# Reads for one page of the list: who is not asked for is passed over.
_READS_MAX = 10


class Status(StrEnum):
    """A suspended member is on the list and gets in no more."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a tenant."""

    user: UserId
    tenant: TenantId
    role: Role
    status: Status
    joined_at: str
    email: str = ""
    phone: str = ""
    first_name: str = ""
    last_name: str = ""

    @property
    def owns(self) -> bool:
        """Tells whether this is an owner who can act."""
        return self.heads is Role.OWNER

    @property
    def heads(self) -> Role | None:
        """As which of the heads, who are counted, this is one who can act."""
        return self.role if self.role in users.HEADS and self.status is Status.ACTIVE else None


def page(
    tenant: TenantId, *, limit: int, cursor: str | None, among: frozenset[Role] = frozenset(Role)
) -> tuple[list[Member], str | None]:
    """Reads a page of a tenant's members who are one of these, and the cursor to go on."""
    scope = f"members:{tenant}:{'.'.join(sorted(among))}"
    found, last = listed(tenant, limit=limit, start=cursors.decode(cursor, scope=scope), among=among)
    return found, cursors.encode(last, scope=scope)


def listed(
    tenant: TenantId, *, limit: int, start: Item | None, among: frozenset[Role] = frozenset(Role)
) -> tuple[list[Member], Item | None]:
    """Reads a tenant's members who are one of these from a place on, and the people in batches."""
    items = list[Item]()
    for _ in range(_READS_MAX):
        found = tables.query(
            AccountsSettings.load().accounts_table,
            f"T#{tenant}",
            begins_with=_PREFIX,
            limit=limit - len(items),
            start=start,
            consistent=True,
        )
        items += [item for item in found.items if item["role"] in among]
        start = found.last
        if start is None or len(items) == limit:
            break
    read = tables.read(*(_person(UserId(item["user_id"])) for item in items))
    people = {UserId(item["id"]): item for item in read.values()}
    return [_of(item, people.get(UserId(item["user_id"]), {})) for item in items], start


def owners(tenant: TenantId) -> list[Item]:
    """Reads the people who own a tenant and can act, as they stand in their accounts."""
    table = AccountsSettings.load().accounts_table
    found = tables.query_all(table, f"T#{tenant}", begins_with=_PREFIX, consistent=True)
    owning = [one for one in (_of(item, {}) for item in found) if one.owns]
    return list(tables.read(*(_person(one.user) for one in owning)).values())


def read(tenant: TenantId, user: UserId) -> Member:
    """Reads a member; raises NotFound, also when the person is another tenant's."""
    place, person = users.membership(user, tenant), _person(user)
    found = tables.read(place, person)
    if place not in found:
        raise NotFound("There is no such member.")
    return _of(found[place], found.get(person, {}))


def change(caller: Principal, before: Member, after: Member, told: list[Write]) -> None:
    """Makes a member what they are to be; raises LastOwner, LastAdministrator, Forbidden for one who is none any more,
    and Conflict when the member changed meanwhile.
    """
    _move(before, lambda: [*_as_seen(caller, before), changed(before, after), *_counted(before, after)], told)


def end(caller: Principal, before: Member) -> None:
    """Takes a member out; raises as `change` does."""
    gone = replace(before, status=Status.SUSPENDED)
    told = audit.entry(caller, "member.removed", target=before.user, before={"role": before.role.value})
    _move(before, lambda: [*_as_seen(caller, before), *_deleted(before), *_counted(before, gone)], [told])


def leave_cleared(member: Member) -> None:
    """Takes a member out of a tenant that was cleared, the last owner too: nothing is left there to be owned."""
    told = audit.entry_by(member.tenant, "member.removed", actor=member.user, target=member.user)
    writes.transact(*_deleted(member), told)


def changed(before: Member, after: Member) -> Write:
    """Writes what a member is to be; refuses with Conflict when they are not what they were."""
    return writes.update(
        *users.membership(before.user, before.tenant),
        "SET #role = :new_role, #status = :new_status",
        condition=_UNCHANGED,
        names=_NAMES,
        values={**_seen(before), ":new_role": after.role.value, ":new_status": after.status.value},
        refused=lambda _: Conflict("The member changed meanwhile: look again."),
    )


def _move(before: Member, build: Callable[[], list[Write]], told: list[Write]) -> None:
    """Makes the change; where the heads were never counted, they are counted first."""
    for _ in range(_TRIES):
        try:
            return writes.transact(*build(), *told)
        except Uncounted:
            heads.count(before.tenant, before.role)
    raise Conflict("Who heads the tenant changed meanwhile: try again.")


def still_as_seen(caller: Principal) -> list[Write]:
    """Holds a deed to what the caller's token says that they are; refuses with Forbidden. A key is no member."""
    if caller.user_id is None or caller.role is None:
        return []
    meanwhile = Forbidden("Your own membership has changed: refresh your token.")
    return [users.still_active(caller.user_id, caller.tenant_id, caller.role, refused=lambda _: meanwhile)]


def _as_seen(caller: Principal, member: Member) -> list[Write]:
    """Holds a change to the caller's membership; what the caller changes of their own is held to it anyway."""
    return [] if caller.user_id == member.user else still_as_seen(caller)


_NAMES = {"#role": "role", "#status": "status"}
_UNCHANGED = "#role = :role AND #status = :status"


def _deleted(before: Member) -> list[Write]:
    table, key = users.membership(before.user, before.tenant)
    meanwhile = Conflict("The member changed meanwhile: look again.")
    return [
        writes.delete(
            table, key, condition=_UNCHANGED, names=_NAMES, values=_seen(before), refused=lambda _: meanwhile
        ),
        writes.delete(
            table,
            users.mirror_key(before.user, before.tenant),
            condition=writes.WHATEVER_STANDS,
            refused=writes.never,
        ),
    ]


def _counted(before: Member, after: Member) -> list[Write]:
    """Counts heads who come and go; the last one cannot go."""
    if before.heads is after.heads:
        return []
    gone = [heads.fewer(before.tenant, before.heads)] if before.heads else []
    return gone + ([users.one_more_head(before.tenant, after.heads)] if after.heads else [])


def _seen(member: Member) -> Item:
    return {":role": member.role.value, ":status": member.status.value}


def _person(user: UserId) -> tuple[str, Key]:
    return AccountsSettings.load().accounts_table, users.key(user)


def _of(item: Item, person: Item) -> Member:
    return Member(
        UserId(item["user_id"]),
        TenantId(item["tenant_id"]),
        Role(item["role"]),
        Status(item["status"]),
        item["joined_at"],
        person.get("email", ""),
        person.get("phone", ""),
        person.get("first_name", ""),
        person.get("last_name", ""),
    )
