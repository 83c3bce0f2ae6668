"""Contact: a phone number or an e-mail address, and whose it is.

| pk | sk | what |
|---|---|---|
| `PHONE#<digits>` | `OWNER` | who has proven the number while signed in: a reset by this number is theirs |
| `PHONE#<digits>` | `CLAIM#<user>` | who registered with it, proven or not |

A code proves who holds a phone, a session proves whose account it is. Who shows both owns the number here. Who shows
the code alone makes the account count as verified and gains nothing else: a mistyped number is a stranger's, and that
stranger must not be able to take the account over by a reset.
"""

from dataclasses import dataclass
from enum import StrEnum

from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.errors import Conflict
from mifumo.ids import UserId
from mifumo.phone import Msisdn
from mifumo.tables import Key
from mifumo.writes import Write

from . import logins, users
from .accounts import AccountsSettings

# More people than share one phone; who comes after them verifies while signed in.
_CLAIMS_MAX = 50


class Kind(StrEnum):
    """Where a code can go."""

    PHONE = "phone"
    EMAIL = "email"


class PhoneTaken(Conflict):
    """The number is proven and another account's: its owner is known, so nobody else gets it by asking."""

    code = "phone_taken"
    title = "Another account has verified this number"


@dataclass(frozen=True, slots=True)
class Contact:
    """A number in E.164 or an address in its canonical form."""

    kind: Kind
    value: str

    @classmethod
    def phone(cls, number: str) -> "Contact":
        """Makes a contact of a number in E.164."""
        return cls(Kind.PHONE, number)

    @classmethod
    def email(cls, address: str) -> "Contact":
        """Makes a contact of a canonical address."""
        return cls(Kind.EMAIL, address)

    @property
    def masked(self) -> str:
        """For whoever must not learn it: enough of it to know it again."""
        if self.kind is Kind.PHONE:
            return Msisdn(self.value).masked
        name, _, domain = self.value.partition("@")
        return f"{name[:1]}***@{domain}"


def owner_key(number: str) -> Key:
    """Returns the key that says who has proven a number."""
    return Key(f"PHONE#{Msisdn(number).digits}", "OWNER")


def owner(contact: Contact) -> UserId | None:
    """Finds whose account a reset by this contact is for: one read, whether or not there is one."""
    return _claimants(contact)[0] if contact.kind is Kind.PHONE else _by_address(contact)


def latest(contact: Contact) -> UserId | None:
    """Finds who gave this contact last when registering: one read, whether or not there is one."""
    return _claimants(contact)[1] if contact.kind is Kind.PHONE else _by_address(contact)


def everybody(contact: Contact) -> list[UserId]:
    """Lists who has given this contact: who has proven it first, then whoever came last."""
    if contact.kind is Kind.EMAIL:
        found = _by_address(contact)
        return [found] if found else []
    return list(dict.fromkeys(UserId(item["user_id"]) for item in _given(contact)))


def own(user: UserId, number: str) -> Write:
    """Makes the user the number's owner; refuses with PhoneTaken when it is somebody else's."""
    return writes.put(
        _table(),
        {**owner_key(number)._asdict(), "user_id": user, "proven_at": clock.stamp()},
        condition="attribute_not_exists(pk) OR user_id = :user",
        values={":user": user},
        refused=lambda _: PhoneTaken("Verify another number, or sign in to the account that has this one."),
    )


def give_up(user: UserId, number: str) -> list[Write]:
    """Lets go of a number that the user had: of the claim, and of the number itself if it was theirs."""
    held = tables.get(_table(), owner_key(number))
    keys = [users.claim_key(Msisdn(number).digits, user)]
    if held and held["user_id"] == user:
        keys.append(owner_key(number))
    return [
        writes.delete(
            _table(),
            key,
            condition="attribute_not_exists(pk) OR user_id = :user",
            values={":user": user},
            refused=lambda _: Conflict("The number changed hands meanwhile: try again."),
        )
        for key in keys
    ]


def _claimants(contact: Contact) -> tuple[UserId | None, UserId | None]:
    """Reads (who a reset is for, who registered last)."""
    found = _given(contact)
    claims = [item for item in found if item["sk"] != "OWNER"]
    last = max(claims, key=lambda item: str(item["claimed_at"]), default=None)
    latest_id = UserId(last["user_id"]) if last else None
    proven = [UserId(item["user_id"]) for item in found if item["sk"] == "OWNER"]
    return (proven[0] if proven else latest_id), latest_id


def _given(contact: Contact) -> list[Item]:
    """Reads who has given a number; newest first, so that the owner is on the page."""
    partition = owner_key(contact.value).pk
    return tables.query(_table(), partition, limit=_CLAIMS_MAX, newest_first=True, consistent=True).items


def _by_address(contact: Contact) -> UserId | None:
    login = logins.read(contact.value)
    return login.user_id if login else None


def _table() -> str:
    return AccountsSettings.load().accounts_table
