"""Member: one of a tenant's own people; who may change whom, leave, and hand the ownership over."""

from dataclasses import replace

from mifumo import audit, writes
from mifumo.callers import Principal
from mifumo.errors import Conflict, Forbidden
from mifumo.ids import UserId
from mifumo.permissions import PLATFORM_ROLES, Role
from mifumo.writes import Write

from . import memberships, tokens
from .memberships import Member, Status


def change(caller: Principal, user: UserId, *, role: Role | None = None, status: Status | None = None) -> Member:
    """Gives a member another role or standing, and ends their sessions here.

    Raises NotFound, Forbidden for an admin on an owner, LastOwner, and Conflict when the member changed meanwhile.
    """
    before = memberships.read(caller.tenant_id, user)
    after = replace(before, role=role or before.role, status=status or before.status)
    _require_over(caller, before, after.role)
    if after == before:
        return before
    move(caller, before, after, _told(caller, before, after))
    return after


def remove(caller: Principal, user: UserId) -> None:
    """Takes a member out of the tenant, or oneself; raises as `change` does."""
    before = memberships.read(caller.tenant_id, user)
    if user != caller.user_id:
        _require_over(caller, before, before.role)
    elif before.role in PLATFORM_ROLES:
        raise Forbidden("Platform staff are removed by other staff.")
    end(caller, before)


def move(caller: Principal, before: Member, after: Member, told: list[Write]) -> None:
    """Makes a member what they are to be, and ends their sessions here; raises as `memberships.change` does."""
    memberships.change(caller, before, after, told)
    tokens.end_all(before.user, because="membership changed", tenant=before.tenant)


def end(caller: Principal, before: Member) -> None:
    """Takes a member out, and ends their sessions here; raises as `memberships.end` does."""
    memberships.end(caller, before)
    tokens.end_all(before.user, because="membership ended", tenant=before.tenant)


def transfer(caller: Principal, user: UserId) -> Member:
    """Makes another active member an owner and the caller an admin, in one transaction."""
    giver, taker = memberships.read(caller.tenant_id, caller.person), memberships.read(caller.tenant_id, user)
    if not giver.owns:
        raise Forbidden("Only an owner can hand the ownership over.")
    if taker.status is not Status.ACTIVE or taker.role is Role.OWNER or taker.role in PLATFORM_ROLES:
        raise Conflict("Choose an active member who is not an owner.")
    after = replace(taker, role=Role.OWNER)
    told = audit.entry(
        caller, "ownership.transferred", target=user, before={"owner": giver.user}, after={"owner": user}
    )
    writes.transact(
        memberships.changed(giver, replace(giver, role=Role.ADMIN)), memberships.changed(taker, after), told
    )
    tokens.end_all(user, because="membership changed", tenant=caller.tenant_id)
    tokens.end_all(caller.person, because="membership changed", tenant=caller.tenant_id, but=caller.session)
    return after


def _require_over(caller: Principal, member: Member, role: Role) -> None:
    if {member.role, role} & PLATFORM_ROLES:
        raise Forbidden("Platform staff are not managed here.")
    if caller.role is Role.ADMIN and Role.OWNER in {member.role, role}:
        raise Forbidden("Only an owner may touch owners, or make one.")


def _told(caller: Principal, before: Member, after: Member) -> list[Write]:
    """Records what changed, each thing under its own name."""
    told = [role_changed(caller, before, after.role)] if before.role is not after.role else []
    if before.status is not after.status:
        deed = "member.suspended" if after.status is Status.SUSPENDED else "member.reactivated"
        told.append(audit.entry(caller, deed, target=before.user))
    return told


def role_changed(caller: Principal, before: Member, role: Role) -> Write:
    """Records that somebody is something else now."""
    return audit.entry(
        caller,
        "member.role_changed",
        target=before.user,
        before={"role": before.role.value},
        after={"role": role.value},
    )
