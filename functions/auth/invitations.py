"""Invitation: somebody is asked into a tenant, by phone or by e-mail, to be one thing there; good once, for a week.

| pk | sk | what |
|---|---|---|
| `T#<tenant>` | `INVITATION#<id>` | who was asked to be what, by whom, and the digest of the token while it is open |
| `T#<tenant>` | `STAFF_INVITATION#<id>` | the same, of the platform's people: nothing of a tenant's own reaches these |
"""

import hmac
from dataclasses import dataclass
from enum import StrEnum

from mifumo import clock, cursors, ids, tables, writes
from mifumo.aws import Item
from mifumo.errors import Conflict, NotFound
from mifumo.ids import TenantId, UserId
from mifumo.permissions import PLATFORM_ROLES, Role
from mifumo.tables import Key
from mifumo.writes import Write

from . import open_invitations
from .accounts import AccountsSettings
from .contacts import Contact, Kind
from .invitation_tokens import InvitationInvalid, InvitationToken

GOOD_FOR_S = 7 * 24 * 3600
# Who was asked stays on the list for a week more; then the contact is nobody's business here.
_KEPT_S = 7 * 24 * 3600


class Circle(StrEnum):
    """Whom an invitation makes one of: each circle has a list of its own."""

    MEMBERS = "INVITATION"
    STAFF = "STAFF_INVITATION"


class State(StrEnum):
    """An open invitation can be accepted until it expires."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody who was asked into a tenant."""

    id: str
    tenant: TenantId
    contact: Contact
    role: Role
    inviter: UserId
    created_at: str
    expires_at: str
    state: State = State.OPEN
    digest: str = ""
    accepted_by: str = ""

    @property
    def circle(self) -> Circle:
        """Whom it makes one of."""
        return Circle.STAFF if self.role in PLATFORM_ROLES else Circle.MEMBERS

    @property
    def expires(self) -> int:
        """When it expires, in seconds since 1970."""
        return clock.epoch(clock.parse(self.expires_at))


def page(tenant: TenantId, circle: Circle, *, limit: int, cursor: str | None) -> tuple[list[Invitation], str | None]:
    """Reads a page of a tenant's invitations, newest first, and the cursor to go on."""
    scope = f"invitations:{circle}:{tenant}"
    found = tables.query(
        AccountsSettings.load().accounts_table,
        f"T#{tenant}",
        begins_with=f"{circle}#",
        limit=limit,
        newest_first=True,
        start=cursors.decode(cursor, scope=scope),
        consistent=True,
    )
    return [_of(item) for item in found.items], cursors.encode(found.last, scope=scope)


def find(tenant: TenantId, circle: Circle, invitation: str) -> Invitation:
    """Reads an invitation; raises NotFound, also for another tenant's or another circle's."""
    item = tables.get(*_place(tenant, circle, invitation)) if ids.valid(invitation) else None
    if item is None:
        raise NotFound("There is no such invitation.")
    return _of(item)


def presented(text: str) -> Invitation:
    """Finds the invitation that a token is of; raises InvitationInvalid for any token that is not good."""
    token = InvitationToken.parse(text)
    if token is None:
        raise InvitationInvalid
    found = tables.read(*(_place(token.tenant, circle, token.invitation) for circle in Circle))
    known = next(map(_of, found.values()), None)
    right = hmac.compare_digest(known.digest if known else "", token.digest)
    if known is None or not right or known.state is not State.OPEN:
        raise InvitationInvalid
    return known


def put(made: Invitation) -> Write:
    """Writes a new invitation."""
    table, key = _place(made.tenant, made.circle, made.id)
    item = {
        **key._asdict(),
        "id": made.id,
        "tenant_id": made.tenant,
        "kind": made.contact.kind.value,
        "contact": made.contact.value,
        "role": made.role.value,
        "inviter": made.inviter,
        "created_at": made.created_at,
        "expires_at": made.expires_at,
        "state": made.state.value,
        "digest": made.digest,
        "ttl": made.expires + _KEPT_S,
    }
    return writes.put(table, item, refused=lambda _: Conflict("The invitation exists."))


def renew(again: Invitation) -> Write:
    """Gives an invitation its new token, time and inviter; refuses with Conflict when it is no longer open."""
    return _turn(
        again,
        "SET digest = :digest, inviter = :inviter, expires_at = :expires_at, #ttl = :ttl",
        {
            ":digest": again.digest,
            ":inviter": again.inviter,
            ":expires_at": again.expires_at,
            ":ttl": again.expires + _KEPT_S,
        },
        {"#ttl": "ttl"},
    )


def revoke(before: Invitation) -> list[Write]:
    """Makes an open invitation good no more; refuses with Conflict when it was accepted or revoked."""
    revoked = _turn(before, "SET #state = :revoked REMOVE digest", {":revoked": State.REVOKED.value}, {})
    return [revoked, open_invitations.closed(before.tenant, before.circle, before.id)]


def spend(invitation: Invitation, user: UserId) -> list[Write]:
    """Uses an invitation up for a user; refuses with InvitationInvalid when it was used or changed meanwhile."""
    spent = writes.update(
        *_place(invitation.tenant, invitation.circle, invitation.id),
        "SET #state = :accepted, accepted_by = :user REMOVE digest",
        condition="digest = :digest AND #state = :open AND expires_at > :now",
        names={"#state": "state"},
        values={
            ":accepted": State.ACCEPTED.value,
            ":user": user,
            ":digest": invitation.digest,
            ":open": State.OPEN.value,
            ":now": clock.stamp(),
        },
        refused=lambda _: InvitationInvalid(),
    )
    return [spent, open_invitations.closed(invitation.tenant, invitation.circle, invitation.id)]


def _turn(invitation: Invitation, expression: str, values: Item, names: dict[str, str]) -> Write:
    return writes.update(
        *_place(invitation.tenant, invitation.circle, invitation.id),
        expression,
        condition="#state = :open",
        names={"#state": "state", **names},
        values={":open": State.OPEN.value, **values},
        refused=lambda _: Conflict("The invitation was accepted or revoked."),
    )


def _place(tenant: TenantId, circle: Circle, invitation: str) -> tuple[str, Key]:
    return AccountsSettings.load().accounts_table, Key(f"T#{tenant}", f"{circle}#{invitation}")


def _of(item: Item) -> Invitation:
    state = State(item["state"])
    return Invitation(
        id=item["id"],
        tenant=TenantId(item["tenant_id"]),
        contact=Contact(Kind(item["kind"]), item["contact"]),
        role=Role(item["role"]),
        inviter=UserId(item["inviter"]),
        created_at=item["created_at"],
        expires_at=item["expires_at"],
        state=State.EXPIRED if state is State.OPEN and item["expires_at"] <= clock.stamp() else state,
        digest=item.get("digest", ""),
        accepted_by=item.get("accepted_by", ""),
    )
