"""Signing in: register and log in, each counted, proven and written so that it happens whole or not at all.

A login is one read of what judges it (the address's item and both counters), one hash, one read of who came in, one
transaction. Failures alone are counted, and an answer is given only after its own conditional write: parallel guesses
get no more answers than guesses one by one.
"""

from typing import NamedTuple

from mifumo import ids, tables, tenants, writes
from mifumo.errors import InvalidCredentials
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from mifumo.settings import Settings
from mifumo.tenants import Status, Tenant

from . import passwords, throttles, tokens, users
from .throttles import Throttle
from .tokens import Tokens
from .users import AccountsSettings, Login, Person, User


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


def login(email: str, password: str, *, source_ip: str) -> SignedIn:
    """Lets a user in.

    Raises InvalidCredentials, in the same words and after the same work, for an unknown address and a wrong password.
    """
    address, account = throttles.of_address("login", source_ip), throttles.of_account("login", email)
    known = _judge(email, address, account)
    proven = passwords.matches(password, known.password_hash if known else None)
    if known is None or not proven:
        writes.transact(address.attempt(), account.attempt())
        raise InvalidCredentials("The e-mail address or the password is wrong.")
    return _enter(known, password, account)


def _judge(email: str, address: Throttle, account: Throttle) -> Login | None:
    """Reads what a login is judged by; raises Throttled before anything is hashed."""
    table = AccountsSettings.load().accounts_table
    found = tables.read((table, address.key), (table, account.key), (table, users.login_key(email)))
    for throttle in (address, account):
        throttle.require_room(found.get((table, throttle.key)))
    return users.login_of(found.get((table, users.login_key(email))))


def _enter(known: Login, password: str, account: Throttle) -> SignedIn:
    entered = users.read(known.user_id, known.tenant_id)
    if entered is None:
        raise InvalidCredentials("This account is no longer active.")
    user, tenant = entered
    renewed = passwords.outdated(known.password_hash)
    proof = users.change_password(known, password) if renewed else users.unchanged(known)
    issued, opened = tokens.start(user.id, tenant.id, user.role, proof=proof)
    writes.transact(*opened, account.forgive())
    return SignedIn(user, tenant, issued)
