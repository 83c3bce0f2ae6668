"""User: a person, and what they are in a tenant.

| pk | sk | what |
|---|---|---|
| `U#<user>` | `USER` | the person |
| `PHONE#<digits>` | `CLAIM#<user>` | who registered with this number; `contacts` says whose it is |
| `T#<tenant>` | `MEMBER#<user>` | the role; listed by tenant |
| `U#<user>` | `MEMBER#<tenant>` | that there is such a membership; listed by user |
| `T#<tenant>` | `OWNERS`, `STAFF` | how many active owners, or administrators of the platform, there are |
"""

from dataclasses import dataclass
from enum import StrEnum

from mifumo import clock, tables, tenants, writes
from mifumo.aws import Item
from mifumo.errors import Conflict
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from mifumo.phone import Msisdn
from mifumo.settings import Settings
from mifumo.tables import Key
from mifumo.tenants import Tenant
from mifumo.writes import Write

from . import logins
from .accounts import AccountsSettings
from .logins import Login

TIME_ZONE = "Africa/Dar_es_Salaam"


_MIRROR = "MEMBER#"
# Of whom one has to stay, so that they are counted: under which name.
HEADS = {Role.OWNER: "owners", Role.STAFF: "staff"}


class PreverifiedSettings(Settings):
    """Whether the contacts of those who join count as verified: on a laptop, where no phone receives their codes."""

    contacts_preverified: bool = False


class Language(StrEnum):
    """What the platform writes in."""

    ENGLISH = "en"
    SWAHILI = "sw"


@dataclass(frozen=True, slots=True)
class Person:
    """Who registers."""

    email: str
    phone: Msisdn
    first_name: str
    last_name: str


@dataclass(frozen=True, slots=True)
class Proven:
    """Which contacts somebody who joins has shown to be theirs; passwords can be reset by such a phone."""

    phone: bool = False
    email: bool = False

    @property
    def attributes(self) -> list[str]:
        """The person's attributes that say since when."""
        phone = ["phone_verified_at", "recovery_phone_at"] if self.phone else []
        return phone + (["email_verified_at"] if self.email else [])


@dataclass(frozen=True, slots=True)
class User:
    """A member of a tenant."""

    id: UserId
    email: str
    phone: str
    first_name: str
    last_name: str
    role: Role
    created_at: str
    phone_verified: bool = False
    email_verified: bool = False
    pending_phone: str = ""
    language: Language = Language.ENGLISH
    time_zone: str = TIME_ZONE


_NOTHING = Proven()


def join(
    person: Person,
    *,
    password_hash: str,
    user: UserId,
    tenant: TenantId,
    role: Role,
    proven: Proven = _NOTHING,
) -> tuple[User, list[Write]]:
    """Makes a user and their membership; the writes refuse with EmailTaken when the address is in use."""
    now = clock.stamp()
    if PreverifiedSettings.load().contacts_preverified:
        proven = Proven(phone=True, email=True)
    made = User(
        user,
        person.email,
        person.phone,
        person.first_name,
        person.last_name,
        role,
        now,
        phone_verified=proven.phone,
        email_verified=proven.email,
    )
    return made, [
        logins.claim(Login(person.email, user, tenant, password_hash), at=now),
        _put(
            key(user),
            id=user,
            email=person.email,
            phone=str(person.phone),
            first_name=person.first_name,
            last_name=person.last_name,
            created_at=made.created_at,
            **dict.fromkeys(proven.attributes, now),
        ),
        _put(claim_key(person.phone.digits, user), user_id=user, claimed_at=made.created_at),
        *enrol(user, tenant, role),
    ]


def enrol(user: UserId, tenant: TenantId, role: Role) -> list[Write]:
    """Makes the user a member: found by tenant and by user, and counted if an owner; refuses with Conflict."""
    now = clock.stamp()
    ids_of_both = {"user_id": user, "tenant_id": tenant, "joined_at": now}
    member = {**_member_key(tenant, user)._asdict(), **ids_of_both, "role": role.value, "status": "active"}
    return [
        writes.put(AccountsSettings.load().accounts_table, member, refused=lambda _: Conflict("A member already.")),
        writes.put(
            AccountsSettings.load().accounts_table,
            {**mirror_key(user, tenant)._asdict(), **ids_of_both},
            condition=writes.WHATEVER_STANDS,
            refused=writes.never,
        ),
        *([one_more_head(tenant, role)] if role in HEADS else []),
    ]


def one_more_head(tenant: TenantId, role: Role) -> Write:
    """Counts one more active head of this role."""
    return writes.update(
        AccountsSettings.load().accounts_table,
        heads_key(tenant, role),
        f"ADD {HEADS[role]} :one",
        condition=writes.WHATEVER_STANDS,
        values={":one": 1},
        refused=writes.never,
    )


def read(user: UserId, tenant: TenantId) -> tuple[User, Tenant] | None:
    """Reads a user and the tenant in one call; None unless the user is an active member."""
    return found_in(tables.read(*places(user, tenant)), user, tenant)


def places(user: UserId, tenant: TenantId) -> list[tuple[str, Key]]:
    """Lists where the user, the membership and the tenant stand: read them along with something else."""
    person = (AccountsSettings.load().accounts_table, key(user))
    return [person, membership(user, tenant), tenants.place(tenant)]


def found_in(found: dict[tuple[str, Key], Item], user: UserId, tenant: TenantId) -> tuple[User, Tenant] | None:
    """Makes a user and the tenant of what was read at their places; None unless the user is an active member."""
    person, member, business = (found.get(place) for place in places(user, tenant))
    role = role_of(member)
    if person is None or business is None or role is None:
        return None
    return _user_of(person, role), tenants.of(business)


def membership(user: UserId, tenant: TenantId) -> tuple[str, Key]:
    """Returns where it stands what the user is in the tenant: read it along with something else."""
    return AccountsSettings.load().accounts_table, _member_key(tenant, user)


def tenants_of(user: UserId) -> list[TenantId]:
    """Lists the tenants that the user was made a member of; one from before these were listed by user is not there."""
    table = AccountsSettings.load().accounts_table
    found = tables.query_all(table, f"U#{user}", begins_with=_MIRROR, consistent=True)
    return [TenantId(item["tenant_id"]) for item in found]


def still_active(user: UserId, tenant: TenantId, role: Role, *, refused: writes.Refusal) -> Write:
    """Holds a transaction to an active membership with this role."""
    return writes.check(
        *membership(user, tenant),
        condition="#role = :role AND #status = :active",
        names={"#role": "role", "#status": "status"},
        values={":role": role.value, ":active": "active"},
        refused=refused,
    )


def role_of(member: Item | None) -> Role | None:
    """Reads the role of an active member; None for anybody else."""
    return Role(member["role"]) if member and member["status"] == "active" else None


def _user_of(person: Item, role: Role) -> User:
    return User(
        UserId(person["id"]),
        person["email"],
        person["phone"],
        person["first_name"],
        person["last_name"],
        role,
        person["created_at"],
        phone_verified="phone_verified_at" in person,
        email_verified="email_verified_at" in person,
        pending_phone=person.get("pending_phone", ""),
        language=Language(person.get("language", Language.ENGLISH)),
        time_zone=person.get("time_zone", TIME_ZONE),
    )


def claim_key(digits: str, user: UserId) -> Key:
    """Returns the key that says who registered with a number."""
    return Key(f"PHONE#{digits}", f"CLAIM#{user}")


def key(user: UserId) -> Key:
    """Returns the key of the person."""
    return Key(f"U#{user}", "USER")


def mirror_key(user: UserId, tenant: TenantId) -> Key:
    """Returns the key by which a membership is found from the user."""
    return Key(f"U#{user}", f"{_MIRROR}{tenant}")


def heads_key(tenant: TenantId, role: Role) -> Key:
    """Returns the key of the count of active heads of this role."""
    return Key(f"T#{tenant}", HEADS[role].upper())


def _member_key(tenant: TenantId, user: UserId) -> Key:
    return Key(f"T#{tenant}", f"MEMBER#{user}")


def _put(where: Key, **attributes: str) -> Write:
    item = {**where._asdict(), **attributes}
    return writes.put(
        AccountsSettings.load().accounts_table,
        item,
        refused=lambda _: Conflict("Register again: this was made for somebody else meanwhile."),
    )
