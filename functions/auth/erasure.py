"""Erasure: a person's account goes, with all that tells who they were; what they did keeps their id and no more.

The audit log and the ledger name people by user id alone, so neither is touched: the id leads to an empty item. Each
step is made once however often it is asked for, and memberships end first, so that whoever is cut off asks again with
the same access token.
"""

from dataclasses import replace

from mifumo import audit, clock, tables, tenants, writes
from mifumo.aws import Item
from mifumo.callers import Principal
from mifumo.errors import InvalidCredentials
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from mifumo.tables import Key
from mifumo.writes import Write

from . import contacts, credentials, logins, members, memberships, second_factor, tokens, users
from .accounts import AccountsSettings
from .heads import LastOwner
from .logins import Login
from .memberships import Member


def erase(caller: Principal, password: str, *, source_ip: str) -> None:
    """Erases the caller's account.

    Raises InvalidCredentials and Throttled as a login does, LastOwner while a tenant would be left without an owner,
    and Forbidden for platform staff, whom other staff remove first.
    """
    user = caller.person
    person, login, attempt = credentials.prove(user, password, source_ip=source_ip)
    held = _memberships(user, login)
    cleared = [member for member in held if _is_cleared(member.tenant)]
    living = [member for member in held if member not in cleared]
    for member in living:
        _require_another_owner(member)
    for member in cleared:
        memberships.leave_cleared(member)
    for member in living:
        members.remove(replace(caller, tenant_id=member.tenant, role=member.role), user)
    told = audit.entry_by(login.tenant_id, "user.erased", actor=user, target=user)
    writes.transact(
        attempt.forgive(),
        _login_gone(login),
        _emptied(person),
        *_numbers_gone(user, person),
        second_factor.forget(user),
        told,
    )
    # Last, when nobody can sign in any more: a session that was opened meanwhile ends as well.
    tokens.end_all(user, because="erased")


def _memberships(user: UserId, login: Login) -> list[Member]:
    # The login's own tenant as well: who joined before memberships were listed by user has no mirror of it.
    known = {*users.tenants_of(user), login.tenant_id}
    standing = tables.read(*(users.membership(user, tenant) for tenant in known))
    return [memberships.read(tenant, user) for tenant in sorted(known) if users.membership(user, tenant) in standing]


def _is_cleared(tenant: TenantId) -> bool:
    found = tenants.get(tenant, consistent=True)
    return found is not None and found.cleared_at != ""


def _require_another_owner(member: Member) -> None:
    """Refuses before anything has changed; the removal itself holds to it again."""
    counted = tables.get(AccountsSettings.load().accounts_table, users.heads_key(member.tenant, Role.OWNER))
    if member.owns and counted and counted["owners"] <= 1:
        raise LastOwner("Make somebody else an owner first, in each tenant that is yours alone.")


def _login_gone(login: Login) -> Write:
    return writes.delete(
        AccountsSettings.load().accounts_table,
        logins.key(login.email),
        condition="password_hash = :seen",
        values={":seen": login.password_hash},
        refused=lambda _: InvalidCredentials("The password was changed meanwhile: sign in with the new one."),
    )


def _emptied(person: Item) -> Write:
    """Puts an item of the id alone in the person's place: names and contacts go with the old one."""
    item = {
        **Key(person["pk"], person["sk"])._asdict(),
        "id": person["id"],
        "created_at": person["created_at"],
        "erased_at": clock.stamp(),
        **dict.fromkeys(("email", "phone", "first_name", "last_name"), ""),
    }
    return writes.put(
        AccountsSettings.load().accounts_table,
        item,
        condition="email = :email",
        values={":email": person["email"]},
        refused=lambda _: InvalidCredentials("The account was changed meanwhile: sign in again."),
    )


def _numbers_gone(user: UserId, person: Item) -> list[Write]:
    numbers = {person["phone"], person.get("pending_phone", "")} - {""}
    return [write for number in sorted(numbers) for write in contacts.give_up(user, number)]
