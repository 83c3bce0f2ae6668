"""Credentials: a new password, by a code or by the current one. Either way every session ends.

Nobody is signed in by it: whoever sets a password shows that they know it by signing in.
"""

from mifumo import audit, tables, writes
from mifumo.aws import Item
from mifumo.errors import InvalidCredentials, ValidationFailed
from mifumo.ids import UserId
from mifumo.writes import Write

from . import codes, delivery, logins, passwords, tokens, users
from .accounts import AccountsSettings
from .attempts import Attempt
from .codes import CodeInvalid, Purpose
from .contacts import Contact
from .logins import Login
from .passwords import WeakPassword
from .wording import Letter


def reset(contact: Contact, code: str, password: str, *, source_ip: str) -> UserId:
    """Sets a new password for the account that a code was sent for; returns whose it is.

    Raises CodeInvalid, CodesLocked, Throttled, ValidationFailed for a password made of what is known of the user.
    Every path costs one hash, as it is made before anything is known.
    """
    password_hash = passwords.digest(password)
    proof = codes.prove(Purpose.RESET_PASSWORD, contact, code, caller=None, source_ip=source_ip)
    person, login = _account(proof.user)
    if login is None:
        raise CodeInvalid
    _require_strong(password, person)
    _replace(login, password_hash, "password.reset", proof.spend())
    delivery.warn_owner(Letter.PASSWORD_CHANGED, person)
    return login.user_id


def change(user: UserId, current: str, password: str, *, source_ip: str) -> None:
    """Sets a new password for a user who knows the current one.

    Raises InvalidCredentials for a wrong one, which counts as a failed login; Throttled when there were too many.
    """
    person, login, attempt = prove(user, current, source_ip=source_ip)
    _require_strong(password, person)
    _replace(login, passwords.digest(password), "password.changed", attempt.forgive())
    delivery.warn_owner(Letter.PASSWORD_CHANGED, person)


def prove(user: UserId, current: str, *, source_ip: str) -> tuple[Item, Login, Attempt]:
    """Lets a user show that they know their password; returns person, login, and the attempt, to be forgiven.

    Raises InvalidCredentials for a wrong one, which counts as a failed login; Throttled when there were too many.
    """
    person, login = _account(user)
    if login is None:
        raise InvalidCredentials("This account is no longer active.")
    attempt = Attempt.at(login.email, source_ip=source_ip, wrong="The current password or the code is wrong.")
    return person, attempt.prove(attempt.read(), login, current), attempt


def _account(user: UserId) -> tuple[Item, Login | None]:
    person = tables.get(_table(), users.key(user)) or {}
    return person, logins.read(person.get("email", "-"))


def _require_strong(password: str, person: Item) -> None:
    known = [person[name] for name in ("email", "phone", "first_name", "last_name")]
    try:
        passwords.require_strong(password, about=known)
    except WeakPassword as weak:
        raise ValidationFailed.of("/password", weak.reason, weak.detail) from weak


def _replace(login: Login, password_hash: str, action: str, proven: Write) -> None:
    """Stores the hash if the login is still as it was read, and ends what was opened with the old password.

    Sessions end before it, so that a crash in between leaves none of them, and after it, for one opened meanwhile.
    """
    told = audit.entry_by(login.tenant_id, action, actor=login.user_id, target=login.user_id)
    tokens.end_all(login.user_id, because=action)
    writes.transact(proven, logins.store_hash(login, password_hash), told)
    tokens.end_all(login.user_id, because=action)


def _table() -> str:
    return AccountsSettings.load().accounts_table
