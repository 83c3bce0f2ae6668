"""Inviting: ask somebody into the tenant, send the link again, take it back; who may do which of these for whom.

A tenant invites once it may send: then one of its contacts is verified, and who joins brings it nothing to verify.
"""

from collections.abc import Callable
from dataclasses import replace

from mifumo import audit, backoff, clock, ids, tables, tenants, writes
from mifumo.callers import Principal
from mifumo.errors import Busy, Conflict, Forbidden
from mifumo.ids import TenantId
from mifumo.permissions import PLATFORM_ROLES, RULES, Action, Role
from mifumo.tenants import Tenant
from mifumo.writes import Write

from . import delivery, invitations, logins, memberships, open_invitations, throttles, users
from .contacts import Contact, Kind
from .invitation_tokens import InvitationToken
from .invitations import Circle, Invitation, State
from .open_invitations import WrittenMeanwhile


def may_give(giver: Role | None, role: Role) -> bool:
    """Tells whether one who is this may make another that: an owner takes who may hand the ownership over."""
    if role in PLATFORM_ROLES:
        action = Action.STAFF_MANAGE
    else:
        action = Action.TENANT_TRANSFER if role is Role.OWNER else Action.MEMBERS_MANAGE
    return giver in RULES[action].roles


def invite(caller: Principal, contact: Contact, role: Role) -> Invitation:
    """Asks somebody into the caller's tenant and sends them the link.

    Raises Forbidden for a role that the caller cannot give, Conflict for a member's address, EmailNotAvailable,
    TooManyInvitations, Throttled, and what `tenants.require_able` raises.
    """
    tenant = _ready(caller, contact, role)
    _require_stranger(tenant.id, contact)
    made = Invitation(
        ids.new(), tenant.id, contact, role, caller.person, clock.stamp(), clock.after(invitations.GOOD_FOR_S)
    )
    what = {"role": role.value, "contact": contact.kind.value}
    return _send(
        caller, tenant, made, invitations.put, audit.entry(caller, "member.invited", target=made.id, after=what)
    )


def resend(caller: Principal, circle: Circle, invitation: str) -> Invitation:
    """Sends a new link, good for a week; the one before is good no more, and the caller is who invites now.

    Raises NotFound, Conflict when it was accepted or revoked, and as `invite` does.
    """
    before = invitations.find(caller.tenant_id, circle, invitation)
    tenant = _ready(caller, before.contact, before.role)
    again = replace(before, state=State.OPEN, inviter=caller.person, expires_at=clock.after(invitations.GOOD_FOR_S))
    return _send(caller, tenant, again, invitations.renew, audit.entry(caller, "invitation.resent", target=before.id))


def revoke(caller: Principal, circle: Circle, invitation: str) -> None:
    """Takes an invitation back.

    Raises NotFound, Forbidden as `invite` does, Conflict when it was accepted or revoked.
    """
    before = invitations.find(caller.tenant_id, circle, invitation)
    _require_may_give(caller, before.role)
    told = audit.entry(caller, "invitation.revoked", target=before.id)
    writes.transact(*invitations.revoke(before), *memberships.still_as_seen(caller), told)


def _ready(caller: Principal, contact: Contact, role: Role) -> Tenant:
    _require_may_give(caller, role)
    delivery.require_way(contact)
    return tenants.require_able(tenants.get(caller.tenant_id, consistent=True))


def _require_may_give(caller: Principal, role: Role) -> None:
    if not may_give(caller.role, role):
        raise Forbidden("Nobody invites somebody to be more than they may make them.")


def _require_stranger(tenant: TenantId, contact: Contact) -> None:
    """Raises Conflict for the address of a member; a number may be shared, so it says nothing."""
    if contact.kind is not Kind.EMAIL:
        return
    login = logins.read(contact.value)
    if login and tables.get(*users.membership(login.user_id, tenant)):
        raise Conflict("Somebody with this address is a member already.")


def _send(
    caller: Principal, tenant: Tenant, invitation: Invitation, write: Callable[[Invitation], Write], told: Write
) -> Invitation:
    """Makes the token, writes, and only then sends: a link that arrives is good, one that is lost is sent again."""
    token = InvitationToken.mint(tenant.id, invitation.id)
    sent = replace(invitation, digest=token.digest)
    _open(sent, [write(sent), *_counted(sent), *memberships.still_as_seen(caller), told])
    delivery.invite(sent.contact, token.text, business=tenant.name, role=sent.role, by=sent.inviter, until=sent.expires)
    return sent


def _open(sent: Invitation, others: list[Write]) -> None:
    """Writes an invitation along with the list of open ones, which others may be writing as well."""
    for _ in backoff.attempts():
        listed = open_invitations.opened(sent.tenant, sent.circle, sent.id, expires=sent.expires)
        try:
            return writes.transact(*others, listed)
        except WrittenMeanwhile:
            continue
    raise Busy


def _counted(sent: Invitation) -> list[Write]:
    """Counts a link against its contact, whom it may annoy, and against the tenant, for whom it costs nothing."""
    room = [throttles.of_tenant("invitations", sent.tenant), *throttles.of_contact("invitations", sent.contact.value)]
    return [throttle.attempt() for throttle in room]
