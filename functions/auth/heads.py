"""Heads: how many active owners a tenant has, and administrators the platform; the last of them stays.

| pk | sk | what |
|---|---|---|
| `T#<tenant>` | `OWNERS`, `STAFF` | the count; taken from while two are left, in the transaction that takes one away |
"""

from mifumo import tables, writes
from mifumo.errors import Conflict
from mifumo.ids import TenantId
from mifumo.permissions import Role
from mifumo.writes import Write

from . import users
from .accounts import AccountsSettings


class LastOwner(Conflict):
    """The last active owner can be neither removed, suspended nor demoted: transfer the ownership first."""

    code = "last_owner"
    title = "A tenant needs an active owner"


class LastAdministrator(Conflict):
    """The last active administrator of the platform can be neither removed nor demoted: invite another one first."""

    code = "last_administrator"
    title = "The platform needs an active administrator"


class Uncounted(Exception):
    """The tenant is from before its heads were counted."""


def fewer(tenant: TenantId, role: Role) -> Write:
    """Counts one head less; refuses with LastOwner or LastAdministrator, or Uncounted where there is no count."""
    last: Conflict = LastOwner("Make somebody else an owner first.")
    if role is Role.STAFF:
        last = LastAdministrator("Make somebody else an administrator first.")
    return writes.update(
        AccountsSettings.load().accounts_table,
        users.heads_key(tenant, role),
        f"ADD {users.HEADS[role]} :minus",
        condition=f"{users.HEADS[role]} > :one",
        values={":minus": -1, ":one": 1},
        refused=lambda item: last if item else Uncounted(),
    )


def count(tenant: TenantId, role: Role) -> None:
    """Writes the count for a tenant that has none; who writes it first is right, later changes add to it."""
    table = AccountsSettings.load().accounts_table
    items = tables.query_all(table, f"T#{tenant}", begins_with="MEMBER#", consistent=True)
    active = sum(users.role_of(item) is role for item in items)
    item = {**users.heads_key(tenant, role)._asdict(), users.HEADS[role]: active}
    try:
        writes.commit(writes.put(table, item, refused=lambda _: Conflict("Counted meanwhile.")))
    except Conflict:
        return
