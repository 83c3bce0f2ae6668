"""Contact: a person whom a tenant texts, once for each number.

| pk | sk | what |
|---|---|---|
| `T#<tenant>#CONTACTS` | id | the contact; `listing` has it by name, `numbers` by number |

The id is derived from the number, so a number is there once however many enter it, and a contact's number never
changes: who has another one is another contact.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from functions.sms import messaging
from mifumo import clock, ids, tables, writes
from mifumo.aws import Item
from mifumo.errors import Conflict, NotFound
from mifumo.ids import TenantId
from mifumo.tables import Key, Page
from mifumo.writes import Write

from . import contact_words
from .attributes import name_of
from .contact_words import SORTED_BY
from .named import ChangedMeanwhile, folded


class ContactExists(Conflict):
    """The tenant has a contact with this number."""

    code = "contact_exists"
    title = "There is a contact with this number"


@dataclass(frozen=True, slots=True)
class Contact:
    """A person with a number. `groups` are the ids of those that the contact is in."""

    id: str
    tenant: TenantId
    digits: str
    name: str
    attributes: Mapping[str, str]
    tags: tuple[str, ...]
    groups: frozenset[str]
    version: int
    created_at: str
    updated_at: str


def of(item: Item) -> Contact:
    """Reads a contact from its item."""
    return Contact(
        id=item["sk"],
        tenant=TenantId(item["tenant"]),
        digits=item["digits"],
        name=item["name"],
        attributes={name_of(name): value for name, value in item["attributes"].items()},
        tags=tuple(item["tags"]),
        groups=frozenset(item.get("groups", ())),
        version=item["version"],
        created_at=item["created_at"],
        updated_at=item["updated_at"],
    )


def place(tenant: TenantId, contact: str) -> tuple[str, Key]:
    """Returns where a contact stands: read it along with others."""
    return messaging.table(), Key(partition(tenant), contact)


def read(tenant: TenantId, contact: str) -> Contact:
    """Reads a contact; raises NotFound, also when it is another tenant's."""
    item = tables.get(*place(tenant, contact)) if ids.valid(contact) else None
    if item is None:
        raise NotFound("You have no such contact.")
    return of(item)


def of_number(tenant: TenantId, digits: str) -> str:
    """Returns the id that the contact with a number has."""
    return ids.derived("contact", tenant, digits)


def create(
    tenant: TenantId, digits: str, *, name: str, attributes: Mapping[str, str], tags: tuple[str, ...]
) -> Contact:
    """Makes a contact; raises ContactExists."""
    item, made = new(tenant, digits, name=name, attributes=attributes, tags=tags)
    writes.transact(*made)
    return of(item)


def new(
    tenant: TenantId, digits: str, *, name: str, attributes: Mapping[str, str], tags: tuple[str, ...]
) -> tuple[Item, list[Write]]:
    """Makes a contact, and what writes it; refuses with ContactExists."""
    now, contact = clock.stamp(), of_number(tenant, digits)
    table, key = place(tenant, contact)
    item = {
        **key._asdict(),
        "tenant": tenant,
        "digits": digits,
        "name": name,
        "attributes": dict(attributes),
        "tags": list(tags),
        "version": 1,
        "created_at": now,
        "updated_at": now,
        "listing_pk": partition(tenant),
        "listing_sk": _by_name(name, contact),
        "number_pk": partition(tenant),
        "number_sk": digits,
    }
    made = writes.put(table, item, refused=lambda _: ContactExists(f"Change it: its id is {contact}."))
    return item, [made, *contact_words.renamed(tenant, contact, before="", after=name)]


def change(
    tenant: TenantId,
    contact: str,
    *,
    version: int,
    name: str | None,
    attributes: Mapping[str, str] | None,
    tags: tuple[str, ...] | None,
) -> Contact:
    """Changes what is given of a contact that has this version; raises NotFound and ChangedMeanwhile."""
    before = read(tenant, contact)
    if before.version != version:
        raise _moved()
    after = replace(
        before,
        name=before.name if name is None else name,
        attributes=before.attributes if attributes is None else attributes,
        tags=before.tags if tags is None else tags,
        version=version + 1,
        updated_at=clock.stamp(),
    )
    writes.transact(*changed(before, name=after.name, attributes=after.attributes, tags=after.tags))
    return after


def changed(before: Contact, *, name: str, attributes: Mapping[str, str], tags: tuple[str, ...]) -> list[Write]:
    """Changes a contact that still has the version it was read with; refuses with ChangedMeanwhile."""
    table, key = place(before.tenant, before.id)
    update = writes.update(
        table,
        key,
        "SET #name = :name, #attributes = :attributes, tags = :tags, #version = :after, updated_at = :now, "
        "listing_sk = :by_name",
        condition="#version = :seen",
        names={"#name": "name", "#attributes": "attributes", "#version": "version"},
        values={
            ":name": name,
            ":attributes": dict(attributes),
            ":tags": list(tags),
            ":seen": before.version,
            ":after": before.version + 1,
            ":now": clock.stamp(),
            ":by_name": _by_name(name, before.id),
        },
        refused=lambda _: _moved(),
    )
    return [update, *contact_words.renamed(before.tenant, before.id, before=before.name, after=name)]


def gone(before: Contact) -> list[Write]:
    """Deletes a contact that is as it was read, and in the groups that it was in; refuses with ChangedMeanwhile."""
    table, key = place(before.tenant, before.id)
    same = "#groups = :groups" if before.groups else "attribute_not_exists(#groups)"
    deleted = writes.delete(
        table,
        key,
        condition=f"#version = :seen AND {same}",
        names={"#groups": "groups", "#version": "version"},
        values={":seen": before.version, **({":groups": set(before.groups)} if before.groups else {})},
        refused=lambda _: ChangedMeanwhile("Read it again: it was not deleted."),
    )
    return [deleted, *contact_words.renamed(before.tenant, before.id, before=before.name, after="")]


def by_name(tenant: TenantId, prefix: str, *, limit: int, start: Item | None) -> Page:
    """Reads a page of the contacts whose name begins so, in order of name."""
    table, begins = messaging.table(), folded(prefix)
    page = tables.query(
        table, partition(tenant), index="listing", begins_with=begins[:SORTED_BY], limit=limit, start=start
    )
    return Page([item for item in page.items if folded(item["name"]).startswith(begins)], page.last)


def by_word(tenant: TenantId, prefix: str, *, limit: int, start: Item | None) -> Page:
    """Reads a page of the contacts with a word in their name, not the first, from which on it begins so: a query, and
    a read for each hundred of its finds.
    """
    begins = folded(prefix)
    page = contact_words.page(tenant, begins, limit=limit, start=start)
    found = several(tenant, [word["contact"] for word in page.items])
    led = [found[word["contact"]] for word in page.items if _leads(word, found, begins)]
    return Page(led, page.last)


def _leads(word: Item, found: Mapping[str, Item], begins: str) -> bool:
    contact = found.get(word["contact"])
    return contact is not None and contact_words.leads(word, contact["name"], begins)


def by_number(tenant: TenantId, prefix: str, *, limit: int, start: Item | None) -> Page:
    """Reads a page of the contacts whose number begins so, in order of number: a query, and a read of its finds."""
    table = messaging.table()
    page = tables.query(table, partition(tenant), index="numbers", begins_with=prefix, limit=limit, start=start)
    found = several(tenant, [item["sk"] for item in page.items])
    return Page([found[item["sk"]] for item in page.items if item["sk"] in found], page.last)


def several(tenant: TenantId, wanted: list[str]) -> dict[str, Item]:
    """Reads contacts by their ids; those that are not there, or are no ids, are not in the answer."""
    found = tables.read(*(place(tenant, contact) for contact in wanted if ids.valid(contact)))
    return {key.sk: item for (_, key), item in found.items()}


def _moved() -> ChangedMeanwhile:
    return ChangedMeanwhile("Read it again: your change was not made.")


def _by_name(name: str, contact: str) -> str:
    return f"{folded(name)[:SORTED_BY]}#{contact}"


def partition(tenant: TenantId) -> str:
    """Returns where a tenant's contacts are."""
    return f"T#{tenant}#CONTACTS"
