"""Member: a person in a tenant, with a role and a standing; who may change them, and the owner who always stays.

| pk | sk | what |
|---|---|---|
| `T#<tenant>` | `MEMBER#<user>` | the membership; `users` makes it |
| `T#<tenant>` | `OWNERS` | active owners; taken from only while two are left, in the transaction that takes one away |

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
from mifumo.permissions import PLATFORM_ROLES, Role
from mifumo.tables import Key
from mifumo.writes import Write

from . import tokens, users
from .users import AccountsSettings

_PREFIX = "MEMBER#"
# The first try, and one after the owners of a tenant from before there was a count were counted.
_TRIES = 2


class Status(StrEnum):
    """A suspended member is on the list and gets in no more."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class LastOwner(Conflict):
    """The last active owner can be neither removed, suspended nor demoted: transfer the ownership first."""

    code = "last_owner"
    title = "A tenant needs an active owner"


class _Uncounted(Exception):
    """The tenant is from before its owners were counted."""


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
        return self.role is Role.OWNER and self.status is Status.ACTIVE


def page(tenant: TenantId, *, limit: int, cursor: str | None) -> tuple[list[Member], str | None]:
    """Reads a page of a tenant's members: one query, and batched reads of the people."""
    scope = f"members:{tenant}"
    found = tables.query(
        AccountsSettings.load().accounts_table,
        f"T#{tenant}",
        begins_with=_PREFIX,
        limit=limit,
        start=cursors.decode(cursor, scope=scope),
        consistent=True,
    )
    read = tables.read(*(_person(UserId(item["user_id"])) for item in found.items))
    people = {UserId(item["id"]): item for item in read.values()}
    listed = [_of(item, people.get(UserId(item["user_id"]), {})) for item in found.items]
    return listed, cursors.encode(found.last, scope=scope)


def read(tenant: TenantId, user: UserId) -> Member:
    """Reads a member; raises NotFound, also when the person is another tenant's."""
    place, person = users.membership(user, tenant), _person(user)
    found = tables.read(place, person)
    if place not in found:
        raise NotFound("There is no such member.")
    return _of(found[place], found.get(person, {}))


def change(caller: Principal, user: UserId, *, role: Role | None = None, status: Status | None = None) -> Member:
    """Gives a member another role or standing, and ends their sessions here.

    Raises NotFound, Forbidden for an admin on an owner, LastOwner, and Conflict when the member changed meanwhile.
    """
    before = read(caller.tenant_id, user)
    after = replace(before, role=role or before.role, status=status or before.status)
    _require_over(caller, before, after.role)
    if after == before:
        return before
    _move(
        before,
        lambda: [*_as_seen(caller, before), _changed(before, after), *_counted(before, after)],
        _told(caller, before, after),
    )
    tokens.end_all(user, because="membership changed", tenant=caller.tenant_id)
    return after


def remove(caller: Principal, user: UserId) -> None:
    """Takes a member out of the tenant, or oneself; raises as `change` does."""
    before = read(caller.tenant_id, user)
    if user != caller.user_id:
        _require_over(caller, before, before.role)
    elif before.role in PLATFORM_ROLES:
        raise Forbidden("Platform staff are removed by other staff.")
    gone = replace(before, status=Status.SUSPENDED)
    told = audit.entry(caller, "member.removed", target=user, before={"role": before.role.value})
    _move(before, lambda: [*_as_seen(caller, before), *_deleted(before), *_counted(before, gone)], [told])
    tokens.end_all(user, because="membership ended", tenant=caller.tenant_id)


def transfer(caller: Principal, user: UserId) -> Member:
    """Makes another active member an owner and the caller an admin, in one transaction."""
    giver, taker = read(caller.tenant_id, caller.person), read(caller.tenant_id, user)
    if not giver.owns:
        raise Forbidden("Only an owner can hand the ownership over.")
    if taker.status is not Status.ACTIVE or taker.role is Role.OWNER or taker.role in PLATFORM_ROLES:
        raise Conflict("Choose an active member who is not an owner.")
    after = replace(taker, role=Role.OWNER)
    told = audit.entry(
        caller, "ownership.transferred", target=user, before={"owner": giver.user}, after={"owner": user}
    )
    writes.transact(_changed(giver, replace(giver, role=Role.ADMIN)), _changed(taker, after), told)
    tokens.end_all(user, because="membership changed", tenant=caller.tenant_id)
    tokens.end_all(caller.person, because="membership changed", tenant=caller.tenant_id, but=caller.session)
    return after


def _require_over(caller: Principal, member: Member, role: Role) -> None:
    if {member.role, role} & PLATFORM_ROLES:
        raise Forbidden("Platform staff are not managed here.")
    if caller.role is Role.ADMIN and Role.OWNER in {member.role, role}:
        raise Forbidden("Only an owner may touch owners, or make one.")


def _move(before: Member, build: Callable[[], list[Write]], told: list[Write]) -> None:
    """Makes the change; where the owners were never counted, they are counted first."""
    for _ in range(_TRIES):
        try:
            return writes.transact(*build(), *told)
        except _Uncounted:
            _count_owners(before.tenant)
    raise Conflict("The owners changed meanwhile: try again.")


def _as_seen(caller: Principal, member: Member) -> list[Write]:
    """Holds a change to the caller's membership; what the caller changes of their own is held to it anyway."""
    if caller.user_id is None or caller.role is None or caller.user_id == member.user:
        return []
    changed = Forbidden("Your own membership has changed: refresh your token.")
    return [users.still_active(caller.user_id, caller.tenant_id, caller.role, refused=lambda _: changed)]


_NAMES = {"#role": "role", "#status": "status"}
_UNCHANGED = "#role = :role AND #status = :status"


def _changed(before: Member, after: Member) -> Write:
    return writes.update(
        *users.membership(before.user, before.tenant),
        "SET #role = :new_role, #status = :new_status",
        condition=_UNCHANGED,
        names=_NAMES,
        values={**_seen(before), ":new_role": after.role.value, ":new_status": after.status.value},
        refused=lambda _: Conflict("The member changed meanwhile: look again."),
    )


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
            condition="attribute_not_exists(pk) OR attribute_exists(pk)",
            refused=lambda _: meanwhile,
        ),
    ]


def _seen(member: Member) -> Item:
    return {":role": member.role.value, ":status": member.status.value}


def _counted(before: Member, after: Member) -> list[Write]:
    """Counts owners who come and go; the last one cannot go."""
    if before.owns == after.owns:
        return []
    if after.owns:
        return [users.one_more_owner(before.tenant)]
    return [
        writes.update(
            AccountsSettings.load().accounts_table,
            users.owners_key(before.tenant),
            "ADD owners :minus",
            condition="owners > :one",
            values={":minus": -1, ":one": 1},
            refused=lambda item: LastOwner("Make somebody else an owner first.") if item else _Uncounted(),
        )
    ]


def _count_owners(tenant: TenantId) -> None:
    """Writes the count for a tenant that has none; who writes it first is right, later changes add to it."""
    items = tables.query_all(
        AccountsSettings.load().accounts_table, f"T#{tenant}", begins_with=_PREFIX, consistent=True
    )
    owners = sum(_of(item, {}).owns for item in items)
    item = {**users.owners_key(tenant)._asdict(), "owners": owners}
    try:
        writes.commit(
            writes.put(AccountsSettings.load().accounts_table, item, refused=lambda _: Conflict("Counted meanwhile."))
        )
    except Conflict:
        return


def _told(caller: Principal, before: Member, after: Member) -> list[Write]:
    """Records what changed, each thing under its own name."""
    told = []
    if before.role is not after.role:
        told.append(
            audit.entry(
                caller,
                "member.role_changed",
                target=before.user,
                before={"role": before.role.value},
                after={"role": after.role.value},
            )
        )
    if before.status is not after.status:
        deed = "member.suspended" if after.status is Status.SUSPENDED else "member.reactivated"
        told.append(audit.entry(caller, deed, target=before.user))
    return told


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
