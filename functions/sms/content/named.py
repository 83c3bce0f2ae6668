"""Named: a thing of a tenant with a name that no other of its kind there has, and a version: templates and groups.

| pk | sk | what |
|---|---|---|
| `T#<tenant>#<KIND>` | `ID#<id>` | the thing |
| `T#<tenant>#<KIND>` | `NAME#<name>` | which thing has the name, whatever the case of its letters |

Both are written in one transaction, so a name is given once however many ask for it.
"""

from dataclasses import dataclass

from functions.sms import messaging
from mifumo import clock, ids, tables, writes
from mifumo.aws import Item
from mifumo.errors import Conflict, NotFound
from mifumo.ids import TenantId
from mifumo.tables import Key, Page
from mifumo.writes import Write


class NameTaken(Conflict):
    """The tenant has another thing of this kind with the same name."""

    code = "name_taken"
    title = "This name is taken"


class ChangedMeanwhile(Conflict):
    """Somebody else has changed it since it was read: read it again and say what is to be changed."""

    code = "changed_meanwhile"
    title = "It has changed meanwhile"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of things: what it is called in keys and in refusals."""

    key: str
    word: str

    def partition(self, tenant: TenantId) -> str:
        """Returns where a tenant's things of this kind are."""
        return f"T#{tenant}#{self.key}"

    def place(self, tenant: TenantId, thing: str) -> Key:
        """Returns where a thing stands."""
        return Key(self.partition(tenant), f"ID#{thing}")

    def _name_place(self, tenant: TenantId, name: str) -> Key:
        return Key(self.partition(tenant), f"NAME#{folded(name)}")

    def read(self, tenant: TenantId, thing: str) -> Item:
        """Reads a thing; raises NotFound, also when it is another tenant's."""
        item = tables.get(messaging.table(), self.place(tenant, thing)) if ids.valid(thing) else None
        if item is None:
            raise self.missing()
        return item

    def page(self, tenant: TenantId, *, limit: int, start: Item | None) -> Page:
        """Reads a page of a tenant's things, newest first."""
        return tables.query(
            messaging.table(), self.partition(tenant), begins_with="ID#", limit=limit, newest_first=True, start=start
        )

    def made(self, tenant: TenantId, name: str, fields: Item) -> tuple[Item, list[Write]]:
        """Makes a thing, and what writes it; refuses with NameTaken."""
        now, thing = clock.stamp(), ids.new()
        item = {
            **self.place(tenant, thing)._asdict(),
            "id": thing,
            "tenant": tenant,
            "name": name,
            "version": 1,
            "created_at": now,
            "updated_at": now,
            **fields,
        }
        return item, [
            writes.put(messaging.table(), item, refused=lambda _: NameTaken()),
            self._named(tenant, name, thing),
        ]

    def changed(self, before: Item, name: str, fields: Item, *, version: int) -> tuple[Item, list[Write]]:
        """Changes a thing that has this version; refuses with ChangedMeanwhile and NameTaken."""
        tenant, thing = TenantId(before["tenant"]), before["id"]
        told = {**fields, "name": name, "version": version + 1, "updated_at": clock.stamp()}
        assigned = ", ".join(f"#{field} = :{field}" for field in told)
        update = writes.update(
            messaging.table(),
            self.place(tenant, thing),
            f"SET {assigned}",
            condition="#version = :seen",
            names={f"#{field}": field for field in told},
            values={":seen": version, **{f":{field}": value for field, value in told.items()}},
            refused=lambda _: ChangedMeanwhile("Read it again: your change was not made."),
        )
        if folded(name) == folded(before["name"]):
            return {**before, **told}, [update]
        moved = [self._named(tenant, name, thing), self._unnamed(tenant, before["name"], thing)]
        return {**before, **told}, [update, *moved]

    def gone(self, before: Item, *, also: str = "", values: Item | None = None) -> list[Write]:
        """Deletes a thing as it was read, and sets its name free; refuses with ChangedMeanwhile.

        `also` is what has to be true of it besides.
        """
        tenant, thing = TenantId(before["tenant"]), before["id"]
        deleted = writes.delete(
            messaging.table(),
            self.place(tenant, thing),
            condition=f"#version = :seen AND {also}" if also else "#version = :seen",
            names={"#version": "version"},
            values={":seen": before["version"], **(values or {})},
            refused=lambda _: ChangedMeanwhile("Read it again: it was not deleted."),
        )
        return [deleted, self._unnamed(tenant, before["name"], thing)]

    def missing(self) -> NotFound:
        """Refuses what is not there."""
        return NotFound(f"You have no such {self.word}.")

    def _named(self, tenant: TenantId, name: str, thing: str) -> Write:
        item = {**self._name_place(tenant, name)._asdict(), "id": thing}
        return writes.put(
            messaging.table(), item, refused=lambda _: NameTaken(f"You have a {self.word} of this name already.")
        )

    def _unnamed(self, tenant: TenantId, name: str, thing: str) -> Write:
        return writes.delete(
            messaging.table(),
            self._name_place(tenant, name),
            condition="id = :id",
            values={":id": thing},
            refused=lambda _: ChangedMeanwhile("Read it again: somebody has just renamed it."),
        )


def folded(name: str) -> str:
    """Returns by what names are compared and put in order: no case, no doubled space."""
    return " ".join(name.casefold().split())
