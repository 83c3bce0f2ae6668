"""Business: a tenant as one of its people sees it: which are mine, another of my own, and going over to one."""

from typing import NamedTuple

from mifumo import audit, clock, ids, tables, tenants, writes
from mifumo.callers import Principal
from mifumo.errors import Conflict, NotFound
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from mifumo.tenants import Status, Tenant

from . import entries, sessions, throttles, tokens, users
from .accounts import AccountsSettings
from .signin import SignedIn


class Mine(NamedTuple):
    """A tenant and what I am in it; a suspended member has a role and cannot go there."""

    tenant: Tenant
    role: Role
    status: str


def mine(caller: Principal) -> list[Mine]:
    """Lists the tenants that the caller is a member of, oldest first; the one at hand is always among them.

    Members from before memberships were found by user have no such item: the token names their tenant.
    """
    return of(caller.person, caller.tenant_id)


def of(user: UserId, *more: TenantId) -> list[Mine]:
    """Lists the tenants that a user is a member of, oldest first; looks into the given ones as well."""
    wanted = sorted({*more, *users.tenants_of(user)})
    members = {tenant: users.membership(user, tenant) for tenant in wanted}
    places = {tenant: tenants.place(tenant) for tenant in wanted}
    found = tables.read(*members.values(), *places.values())
    return [
        Mine(tenants.of(found[places[tenant]]), Role(found[member]["role"]), found[member]["status"])
        for tenant, member in members.items()
        if member in found and places[tenant] in found
    ]


def open_another(caller: Principal, name: str) -> Mine:
    """Makes another tenant, owned by the caller; it may send at once if they have verified a contact.

    Raises Throttled for too many.
    """
    writes.commit(throttles.of_account("tenants", caller.person).attempt())
    person = tables.get(AccountsSettings.load().accounts_table, users.key(caller.person)) or {}
    verified = "phone_verified_at" in person or "email_verified_at" in person
    made = TenantId(ids.new())
    writes.transact(
        tenants.put(made, name, verified=verified),
        *users.enrol(caller.person, made, Role.OWNER),
        audit.entry(caller, "tenant.opened", tenant=made, after={"name": name}),
    )
    now = clock.stamp()
    return Mine(Tenant(made, name, Status.ACTIVE, now, verified_at=now if verified else ""), Role.OWNER, "active")


def switch(caller: Principal, tenant: TenantId) -> SignedIn:
    """Opens a session in another of the caller's tenants; the one at hand stays good.

    Raises NotFound unless the caller is an active member there, SessionEnded when the session at hand has ended.
    """
    entry = entries.read(caller.person, tenant)
    if entry is None:
        raise NotFound("You are not a member of such a tenant.")
    user, business = entry.user, entry.tenant
    proof = sessions.still_open(caller.person, caller.session)
    issued, opened = tokens.start(user.id, tenant, user.role, proof=proof, enrolling=entry.enrolling)
    meanwhile = Conflict("Your membership changed meanwhile: try again.")
    writes.transact(*opened, users.still_active(user.id, tenant, user.role, refused=lambda _: meanwhile))
    return SignedIn(user, business, issued)
