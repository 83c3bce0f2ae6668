"""Inviting, as tests do it: who invites, the link that goes out, and who comes in by it."""

import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from functions.auth import users
from functions.auth.accounts import AccountsSettings
from functions.auth.users import Person
from mifumo import aws, tables, tenants, writes
from mifumo.aws import Item
from mifumo.callers import Principal
from mifumo.errors import AppError
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from mifumo.phone import Msisdn
from mifumo.tables import Key
from tests.auth.door import PASSWORD, Answer, Door, notices
from tests.builders import token

MEMBERS, INVITATIONS = "/api/tenant/members/", "/api/tenant/invitations/"
READ, REGISTER, ACCEPT = (f"/api/auth/invitations/{what}/" for what in ("read", "register", "accept"))
JUMA = {
    "email": "juma@duka.example",
    "first_name": "Juma",
    "last_name": "Ally",
    "phone": "0712999888",
    "password": PASSWORD,
}


def link() -> str:
    """Returns the token of the last link that went out."""
    found = re.search(r"/invitations/(mfi_\S+)\Z", notices()[-1]["text"])
    assert found
    return found[1]


@dataclass
class Business:
    """A tenant with one person of each role who was put there, not invited."""

    door: Door
    tenant: str
    people: dict[Role, str] = field(default_factory=dict)

    @classmethod
    def open(cls, door: Door, *roles: Role, number: int = 0) -> "Business":
        """Makes a verified tenant."""
        tenant = TenantId(f"01jd8x6q5v7w9y2k4m6p8r0t{number:02}")
        writes.commit(tenants.put(tenant, "Duka la Asha", verified=True))
        made = cls(door, tenant)
        for place, role in enumerate(roles):
            made.join(role, f"01jd8x6q5v7w9y2k4m6p8r{number:02}{place:02}")
        return made

    def join(self, role: Role, user: str) -> None:
        """Puts somebody in."""
        person = Person(f"{user}@duka.example", Msisdn(f"+2557120{user[-4:]}0"), "Asha", "Mrema")
        _, joined = users.join(person, password_hash="x", user=UserId(user), tenant=TenantId(self.tenant), role=role)
        writes.transact(*joined)
        self.people.setdefault(role, user)

    def call(self, method: str, path: str, body: Any = None, *, role: Role = Role.OWNER, **more: Any) -> Answer:
        """Calls as the person of that role."""
        access = token(tenant=self.tenant, user=self.people[role], role=role.value)
        return self.door.call(method, path, body, token=access, **more)

    def principal(self, role: Role = Role.OWNER) -> Principal:
        """Returns the person of that role as the nouns know them."""
        return Principal(TenantId(self.tenant), UserId(self.people[role]), role)

    def invite(self, role: str = "agent", *, by: Role = Role.OWNER, **contact: str) -> Answer:
        """Invites Juma's phone, or another contact."""
        return self.call("POST", MEMBERS, {"role": role, **(contact or {"phone": JUMA["phone"]})}, role=by)

    def link(self, role: str = "agent", *, by: Role = Role.OWNER, **contact: str) -> str:
        """Invites, and returns the token that was sent."""
        answer = self.invite(role, by=by, **contact)
        assert answer.status == 202, answer.body
        return link()

    def members(self) -> dict[str, str]:
        """Reads what everybody is."""
        found = tables.query_all(
            AccountsSettings.load().accounts_table, f"T#{self.tenant}", begins_with="MEMBER#", consistent=True
        )
        return {item["user_id"]: item["role"] for item in found}

    def listed(self, sk: str = "INVITATIONS") -> set[str]:
        """Reads which invitations count as open."""
        item = tables.get(AccountsSettings.load().accounts_table, Key(f"T#{self.tenant}", sk)) or {"listed": {}}
        return set(item["listed"])

    def turn(self, role: Role, attribute: str, value: str) -> None:
        """Changes a membership, as others do meanwhile."""
        table, key = users.membership(UserId(self.people[role]), TenantId(self.tenant))
        aws.dynamodb().update_item(
            TableName=table,
            Key=aws.marshal(key._asdict()),
            UpdateExpression="SET #it = :value",
            ExpressionAttributeNames={"#it": attribute},
            ExpressionAttributeValues=aws.marshal({":value": value}),
        )


def register(door: Door, text: str, **changes: str) -> Answer:
    """Registers Juma by a link."""
    return door.call("POST", REGISTER, {**JUMA, "token": text, **changes})


def read(door: Door, text: str) -> Answer:
    """Looks at a link."""
    return door.call("POST", READ, {"token": text})


def accept(door: Door, text: str, access: str | None) -> Answer:
    """Accepts as somebody who is signed in."""
    return door.call("POST", ACCEPT, {"token": text}, token=access)


def deeds(tenant: str) -> list[Item]:
    """Reads the tenant's log, sessions left out."""
    items = tables.query_all(os.environ["AUDIT_TABLE"], f"T#{tenant}", consistent=True)
    return [item for item in items if not item["action"].startswith("session")]


def at_once(door: Door, count: int, deed: Callable[[int], str]) -> list[str]:
    """Runs a deed in parallel; returns what each run said, or the name of what it was refused with."""
    door.wire.take_turns()
    barrier, said = threading.Barrier(count), list[str]()

    def run(number: int) -> None:
        barrier.wait()
        try:
            said.append(deed(number))
        except AppError as refusal:
            said.append(type(refusal).__name__)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said
