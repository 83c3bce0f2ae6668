"""Staff: the platform's own people, in the tenant of those who manage them; whom no tenant's members reach.

Administrators invite, change and remove each other and support; one administrator always stays.
"""

from dataclasses import replace

from mifumo import ids
from mifumo.callers import Principal
from mifumo.errors import NotFound
from mifumo.ids import UserId
from mifumo.permissions import PLATFORM_ROLES, Role

from . import members, memberships
from .memberships import Member


def page(caller: Principal, *, limit: int, cursor: str | None) -> tuple[list[Member], str | None]:
    """Reads a page of the platform's people, and of nobody else in their tenant."""
    return memberships.page(caller.tenant_id, limit=limit, cursor=cursor, among=PLATFORM_ROLES)


def change(caller: Principal, user: UserId, role: Role) -> Member:
    """Makes one of the platform's people an administrator or support, and ends their sessions.

    Raises NotFound for anybody else, LastAdministrator, and Conflict when they changed meanwhile.
    """
    before = _read(caller, user)
    after = replace(before, role=role)
    if after == before:
        return before
    members.move(caller, before, after, [members.role_changed(caller, before, role)])
    return after


def remove(caller: Principal, user: UserId) -> None:
    """Takes one of the platform's people out, or oneself; their sessions end. Raises as `change` does."""
    members.end(caller, _read(caller, user))


def _read(caller: Principal, user: UserId) -> Member:
    if ids.valid(user):
        found = memberships.read(caller.tenant_id, user)
        if found.role in PLATFORM_ROLES:
            return found
    raise NotFound("There is nobody like this among the platform's people.")
