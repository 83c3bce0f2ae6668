"""Login: an e-mail address in use, who owns it, and what proves the owner.

| pk | sk | what |
|---|---|---|
| `LOGIN#<email>` | `LOGIN` | who owns the address, and the password's hash: all that a login needs to be judged |
"""

from dataclasses import dataclass

from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.errors import Conflict, InvalidCredentials
from mifumo.ids import TenantId, UserId
from mifumo.tables import Key
from mifumo.writes import Write

from .accounts import AccountsSettings
from .passwords import digest


class EmailTaken(Conflict):
    """Somebody has registered this address.

    This tells that an account exists, as anything would that lets its owner go on; the throttles keep it from telling
    much. Answers to a login tell nothing.
    """

    code = "email_taken"
    title = "This e-mail address has an account already"


@dataclass(frozen=True, slots=True)
class Login:
    """An address, and what proves its owner. The tenant is the one that they sign in to."""

    email: str
    user_id: UserId
    tenant_id: TenantId
    password_hash: str


def canonical(email: str) -> str:
    """Writes an address in the one form under which it is unique."""
    return email.strip().lower()


def key(email: str) -> Key:
    """Returns the key of the address, given in its canonical form."""
    return Key(f"LOGIN#{email}", "LOGIN")


def of(item: Item | None) -> Login | None:
    """Reads a login from its item."""
    if not item:
        return None
    return Login(item["email"], UserId(item["user_id"]), TenantId(item["tenant_id"]), item["password_hash"])


def read(email: str) -> Login | None:
    """Reads who owns an address, given in its canonical form."""
    return of(tables.get(_table(), key(email)))


def claim(login: Login, *, at: str) -> Write:
    """Gives an address to its owner; refuses with EmailTaken when it has one."""
    item = {
        **key(login.email)._asdict(),
        "email": login.email,
        "user_id": login.user_id,
        "tenant_id": login.tenant_id,
        "password_hash": login.password_hash,
        "changed_at": at,
    }
    taken = "Sign in with it, or register with another address."
    return writes.put(_table(), item, refused=lambda _: EmailTaken(taken))


def unchanged(login: Login) -> Write:
    """Holds a transaction to the password that was proven; refuses with InvalidCredentials once it is another."""
    return writes.check(
        _table(),
        key(login.email),
        condition="password_hash = :seen",
        values={":seen": login.password_hash},
        refused=lambda _: InvalidCredentials("The password was changed meanwhile: sign in with the new one."),
    )


def change_password(login: Login, password: str) -> Write:
    """Stores the hash of a new password; refuses with Conflict when it was changed since the login was read."""
    return store_hash(login, digest(password))


def store_hash(login: Login, password_hash: str) -> Write:
    """Stores a hash that was made; refuses with Conflict when another one was stored since the login was read."""
    return writes.update(
        _table(),
        key(login.email),
        "SET password_hash = :new, changed_at = :now",
        condition="password_hash = :old",
        values={":new": password_hash, ":old": login.password_hash, ":now": clock.stamp()},
        refused=lambda _: Conflict("The password was changed meanwhile: sign in with the new one."),
    )


def _table() -> str:
    return AccountsSettings.load().accounts_table
