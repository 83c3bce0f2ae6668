"""Verification: a proven phone or address becomes one of its user's, and their tenants may send and pay."""

from mifumo import audit, clock, tables, tenants, writes
from mifumo.aws import Item
from mifumo.ids import TenantId
from mifumo.writes import Write

from . import contacts, delivery, logins, users
from .accounts import AccountsSettings
from .codes import CodeInvalid, Proof
from .contacts import Kind
from .logins import Login
from .wording import Letter

# Two writes for each tenant have to fit into one transaction, which takes a hundred.
_TENANTS_MAX = 45


def verify(proof: Proof) -> None:
    """Records what a code proved, in one transaction.

    Raises CodeInvalid when the contact is no longer the user's or the code was used meanwhile, PhoneTaken.
    """
    person = tables.get(_table(), users.key(proof.user))
    login = logins.read(person["email"]) if person else None
    if person is None or login is None:
        raise CodeInvalid
    record = _phone if proof.contact.kind is Kind.PHONE else _email
    # The code comes first: who used it up is told so, whatever else has changed since.
    writes.transact(proof.spend(), *record(proof, person), *_told(_tenants(login), proof))
    if proof.contact.value == person.get("pending_phone") and "phone_verified_at" in person:
        delivery.warn(Letter.PHONE_CHANGED, person, at=person["phone"])


def _phone(proof: Proof, person: Item) -> list[Write]:
    """A number on file is verified; with a session it becomes the user's own besides, and a new one comes in."""
    number, now_own = proof.contact.value, contacts.own(proof.user, proof.contact.value)
    if not proof.signed_in:
        return [_mark(proof, "SET phone_verified_at = :now", "phone = :value")]
    if number == person["phone"]:
        return [_mark(proof, "SET phone_verified_at = :now, recovery_phone_at = :now", "phone = :value"), now_own]
    changed = "SET phone = :value, phone_verified_at = :now, recovery_phone_at = :now REMOVE pending_phone"
    return [_mark(proof, changed, "pending_phone = :value"), now_own, *contacts.give_up(proof.user, person["phone"])]


def _email(proof: Proof, _: Item) -> list[Write]:
    return [_mark(proof, "SET email_verified_at = :now", "email = :value")]


def _mark(proof: Proof, expression: str, condition: str) -> Write:
    return writes.update(
        _table(),
        users.key(proof.user),
        expression,
        condition=condition,
        values={":now": clock.stamp(), ":value": proof.contact.value},
        refused=lambda _: CodeInvalid(),
    )


def _tenants(login: Login) -> list[TenantId]:
    """Lists the tenants that the user is in; where nothing says so, there is the one that they registered."""
    return users.tenants_of(login.user_id)[:_TENANTS_MAX] or [login.tenant_id]


def _told(theirs: list[TenantId], proof: Proof) -> list[Write]:
    """Each of the user's tenants has a verified contact now, and its log says whose."""
    return [
        write
        for tenant in theirs
        for write in (
            tenants.verify(tenant),
            audit.entry_by(tenant, "contact.verified", actor=proof.user, target=proof.contact.kind.value),
        )
    ]


def _table() -> str:
    return AccountsSettings.load().accounts_table
