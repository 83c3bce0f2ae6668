"""Directory: what the platform's people find: tenants, newest first, and who has an address or a number."""

from dataclasses import dataclass
from typing import Any

from mifumo import audit, tables, tenants, writes
from mifumo.aws import Item
from mifumo.callers import Principal
from mifumo.ids import UserId
from mifumo.tables import Page
from mifumo.tenants import AccessSettings, Status

from . import businesses, contacts, users
from .accounts import AccountsSettings
from .businesses import Mine
from .contacts import Contact

# A request looks through at most so many tenants for those of a status; the next one goes on from there.
_TENANTS_A_QUERY, _QUERIES_MAX = 250, 4
# As many people as share one number in earnest; each costs two reads.
_PEOPLE_MAX = 20


@dataclass(frozen=True, slots=True)
class Known:
    """A person with the tenants that they are in."""

    id: UserId
    email: str
    phone: str
    first_name: str
    last_name: str
    phone_verified: bool
    email_verified: bool
    created_at: str
    places: list[Mine]


def tenants_page(status: Status | None, *, limit: int, start: Item | None) -> Page:
    """Reads a page of all tenants, newest first, or of those in a status."""
    found: list[Item] = []
    for _ in range(_QUERIES_MAX):
        page = tables.query(
            AccessSettings.load().access_table,
            tenants.LISTED,
            index="listing",
            # One more than is shown tells whether there are more.
            limit=_TENANTS_A_QUERY if status else limit - len(found) + 1,
            newest_first=True,
            start=start,
        )
        for item in page.items:
            if status and item["status"] != status:
                continue
            if len(found) == limit:
                return Page(found, _place(found[-1]))
            found.append(item)
        start = page.last
        if start is None:
            return Page(found, None)
    return Page(found, start)


def look_up(caller: Principal, contact: Contact) -> list[Known]:
    """Finds who has given a contact; that the caller looked is recorded, by the ids of those who were found."""
    people = _people(contacts.everybody(contact)[:_PEOPLE_MAX])
    found = [str(person["id"]) for person in people]
    writes.transact(*(audit.entry(caller, "user.looked_up", target=user) for user in found or [""]))
    return [_known(person) for person in people]


def _people(wanted: list[UserId]) -> list[Item]:
    places = [(AccountsSettings.load().accounts_table, users.key(user)) for user in wanted]
    found = tables.read(*places)
    return [found[place] for place in places if place in found]


def _known(person: dict[str, Any]) -> Known:
    user = UserId(person["id"])
    return Known(
        id=user,
        email=person["email"],
        phone=person["phone"],
        first_name=person["first_name"],
        last_name=person["last_name"],
        phone_verified="phone_verified_at" in person,
        email_verified="email_verified_at" in person,
        created_at=person["created_at"],
        places=businesses.of(user),
    )


def _place(item: Item) -> Item:
    return {name: item[name] for name in ("pk", "sk", "listing_pk", "listing_sk")}
