"""Acceptance: whoever has an invitation's token looks at it, and joins: as a new user, or as the one they are.

What they become stands in the invitation and nowhere in what they send. Whoever has the token got it at the contact
that was invited, so a new user who gives that contact has proven it. Joining moves nobody: the session at hand stays
in its tenant, and the user switches when they want to.
"""

from typing import NamedTuple

from mifumo import audit, ids, tables, tenants, writes
from mifumo.aws import Item
from mifumo.callers import Principal
from mifumo.errors import Conflict, InvalidCredentials
from mifumo.ids import UserId
from mifumo.permissions import Role
from mifumo.tables import Key
from mifumo.tenants import AccessSettings, Tenant
from mifumo.writes import Write

from . import contacts, invitations, inviting, passwords, second_factor, sessions, throttles, tokens, users
from .accounts import AccountsSettings
from .businesses import Mine
from .contacts import Contact
from .invitation_tokens import InvitationInvalid
from .invitations import Invitation
from .signin import SignedIn
from .users import Person, Proven


class Offer(NamedTuple):
    """A good invitation, to what, and what its inviter is today."""

    invitation: Invitation
    tenant: Tenant
    giver: Role


def read(text: str) -> tuple[Offer, bool]:
    """Looks at the invitation of a token, and tells whether somebody has its contact already.

    Raises InvitationInvalid for any token that is not good, TenantSuspended or TenantClosed.
    """
    offer = _offer(text)[0]
    return offer, contacts.owner(offer.invitation.contact) is not None


def register(text: str, person: Person, *, password: str, source_ip: str) -> SignedIn:
    """Makes a user, what they were invited to be and a first session, or nothing.

    Raises as `read` does; EmailTaken, PhoneTaken for a number that was sent the link and is another account's,
    Throttled for too many attempts.
    """
    offer, _ = _offer(text)
    writes.commit(throttles.of_address("register", source_ip).attempt())
    writes.commit(throttles.of_account("register", person.email).attempt())
    invited, tenant = offer.invitation, offer.tenant
    proven = Proven(
        phone=invited.contact == Contact.phone(person.phone), email=invited.contact == Contact.email(person.email)
    )
    made = UserId(ids.new())
    user, joined = users.join(
        person,
        password_hash=passwords.digest(password),
        user=made,
        tenant=tenant.id,
        role=invited.role,
        proven=proven,
    )
    owned = [contacts.own(made, person.phone)] if proven.phone else []
    enrolling = second_factor.missing(None, invited.role, tenant)
    issued, opened = tokens.start(made, tenant.id, invited.role, proof=None, enrolling=enrolling)
    writes.transact(*_taken(offer, made), *joined, *owned, *opened)
    return SignedIn(user, tenant, issued)


def accept(caller: Principal, text: str) -> Mine:
    """Makes the caller what they were invited to be; raises as `read` does, and Conflict for a member.

    Raises SessionEnded when the session at hand has ended.
    """
    user = caller.person
    offer, found = _offer(text, also=user)
    invited, tenant = offer.invitation, offer.tenant
    if users.membership(user, tenant.id) in found:
        raise Conflict("You are a member of this tenant already.")
    writes.transact(
        *_taken(offer, user),
        *users.enrol(user, tenant.id, invited.role),
        sessions.still_open(user, caller.session),
        _still_there(user),
    )
    return Mine(tenant, invited.role, "active")


def _offer(text: str, *, also: UserId | None = None) -> tuple[Offer, dict[tuple[str, Key], Item]]:
    """Judges a token; returns what it offers, and what was read on the way: a user's membership if one is named.

    Whoever was removed or may no longer make somebody that, has invited nobody.
    """
    invited = invitations.presented(text)
    giving = users.membership(invited.inviter, invited.tenant)
    place = (AccessSettings.load().access_table, tenants.key(invited.tenant))
    found = tables.read(giving, place, *([users.membership(also, invited.tenant)] if also else []))
    giver = users.role_of(found.get(giving))
    if place not in found or giver is None or not inviting.may_give(giver, invited.role):
        raise InvitationInvalid
    return Offer(invited, tenants.require_able(tenants.of(found[place])), giver), found


def _taken(offer: Offer, user: UserId) -> list[Write]:
    """Spends the invitation: it comes first, so that whoever comes second is told that it is used."""
    invited, meanwhile = offer.invitation, Conflict("The tenant was suspended or closed meanwhile.")
    return [
        *invitations.spend(invited, user),
        tenants.still_active(invited.tenant, refused=lambda _: meanwhile),
        users.still_active(invited.inviter, invited.tenant, offer.giver, refused=lambda _: InvitationInvalid()),
        audit.entry_by(invited.tenant, "invitation.accepted", actor=user, target=invited.id),
    ]


def _still_there(user: UserId) -> Write:
    return writes.check(
        AccountsSettings.load().accounts_table,
        users.key(user),
        condition="attribute_exists(pk) AND attribute_not_exists(erased_at)",
        refused=lambda _: InvalidCredentials("This account is no longer active."),
    )
