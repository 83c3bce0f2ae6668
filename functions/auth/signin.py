"""Signing in: register and log in, each counted, proven and written so that it happens whole or not at all.

A login is one read of what judges it (the address's item and both counters), one hash, one read of who came in, one
transaction.
"""

from typing import NamedTuple

from mifumo import ids, tenants, writes
from mifumo.errors import InvalidCredentials
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from mifumo.settings import Settings
from mifumo.tenants import Status, Tenant
from mifumo.writes import Write

from . import entries, logins, passwords, throttles, tokens, users
from .attempts import Attempt
from .logins import Login
from .tokens import Tokens
from .users import Person, User

_WRONG = "The e-mail address, the password or the code is wrong."


class RegistrationSettings(Settings):
    """Whether those who register count as verified: on a laptop nobody has to fetch a code from a simulator."""

    contacts_preverified: bool


class SignedIn(NamedTuple):
    """Who came in, into what, with which tokens."""

    user: User
    tenant: Tenant
    tokens: Tokens


def register(person: Person, *, password: str, business_name: str, source_ip: str) -> SignedIn:
    """Makes a user, their tenant, their ownership and a first session, or nothing.

    Raises EmailTaken for an address in use, Throttled for too many attempts.
    """
    writes.commit(throttles.of_address("register", source_ip).attempt())
    writes.commit(throttles.of_account("register", person.email).attempt())
    verified = RegistrationSettings.load().contacts_preverified
    tenant_id, password_hash = TenantId(ids.new()), passwords.digest(password)
    user, joined = users.join(
        person, password_hash=password_hash, user=UserId(ids.new()), tenant=tenant_id, role=Role.OWNER
    )
    issued, opened = tokens.start(user.id, tenant_id, user.role, proof=None)
    writes.transact(*joined, tenants.put(tenant_id, business_name, verified=verified), *opened)
    since = user.created_at if verified else ""
    return SignedIn(user, Tenant(tenant_id, business_name, Status.ACTIVE, user.created_at, verified_at=since), issued)


def login(email: str, password: str, *, second_factor: str | None, source_ip: str) -> SignedIn:
    """Lets a user in.

    Raises InvalidCredentials, in the same words and after the same work, for an unknown address, a wrong password and
    a wrong second factor; SecondFactorRequired when that alone is missing.
    """
    attempt, key = Attempt.at(email, source_ip=source_ip, wrong=_WRONG), logins.key(email)
    found = attempt.read(key)
    known = attempt.prove(found, logins.of(found.get(key)), password)
    entry = entries.read(known.user_id, known.tenant_id)
    if entry is None:
        raise InvalidCredentials("This account is no longer active.")
    spent = attempt.spend(entry.factor, second_factor, tenant=entry.tenant.id)
    issued, opened = tokens.start(
        entry.user.id, entry.tenant.id, entry.user.role, proof=_proof(known, password), enrolling=entry.enrolling
    )
    writes.transact(*opened, attempt.forgive(), *spent)
    return SignedIn(entry.user, entry.tenant, issued)


def _proof(known: Login, password: str) -> Write:
    """Holds the transaction to the password that was proven; a hash with outdated parameters is made anew."""
    if passwords.outdated(known.password_hash):
        return logins.change_password(known, password)
    return logins.unchanged(known)
