"""Erasing an account: everything that tells who somebody was goes, what they did keeps an id, owners stay."""

import json
from typing import Any

import pytest

from functions.auth import memberships, users
from functions.auth.accounts import AccountsSettings
from mifumo import aws, tables, writes
from mifumo.errors import NotFound
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from tests.auth.door import PASSWORD, Answer, Door
from tests.wire import Crash

ERASE = "/api/auth/me/erase/"
PERSONAL = ("asha@duka.example", "712345678", '"Asha"', "Mrema")


def stored() -> list[dict[str, Any]]:
    """Everything in the slice's own table but the counters of failures."""
    items = aws.dynamodb().scan(TableName=AccountsSettings.load().accounts_table)["Items"]
    found = [aws.unmarshal(item) for item in items]
    kept = [item for item in found if not item["pk"].startswith(("THROTTLE#", "CODE"))]
    return sorted(kept, key=lambda item: (item["pk"], item["sk"]))


def joined(door: Door, second: str = "juma@duka.example") -> tuple[Answer, UserId, TenantId]:
    """Asha, whose tenant has Juma as a second owner."""
    asha = door.register()
    juma = door.register(email=second, phone="0754000111", first_name="Juma", last_name="Ally")
    tenant = TenantId(asha.body["tenant"]["id"])
    writes.transact(*users.enrol(UserId(juma.body["user"]["id"]), tenant, Role.OWNER))
    return asha, UserId(asha.body["user"]["id"]), tenant


def erase(door: Door, access: str | None, password: str = PASSWORD) -> Answer:
    return door.call("POST", ERASE, {"password": password}, token=access)


def assert_erased(user: UserId, tenant: TenantId) -> None:
    left = json.dumps(stored(), default=str)
    assert [told for told in PERSONAL if told in left] == []
    person = tables.get(AccountsSettings.load().accounts_table, users.key(user))
    assert person is not None
    assert set(person) == {"pk", "sk", "id", "created_at", "erased_at", "email", "phone", "first_name", "last_name"}
    assert person["id"] == user
    with pytest.raises(NotFound):
        memberships.read(tenant, user)


def test_nothing_tells_any_more_who_the_person_was(door: Door) -> None:
    asha, user, tenant = joined(door)
    before = json.dumps(stored(), default=str)
    assert all(told in before for told in PERSONAL)
    assert erase(door, asha.access).status == 204
    assert_erased(user, tenant)


def test_nobody_gets_in_as_that_person_again(door: Door) -> None:
    asha, _, _ = joined(door)
    second = door.login()
    erase(door, asha.access)
    assert door.login().status == 401
    assert door.refresh(asha.refresh).status == 401
    assert door.refresh(second.refresh).status == 401
    assert door.me(asha.access).status == 401
    assert erase(door, asha.access).status == 401


def test_the_address_and_the_number_are_free_for_a_new_account(door: Door) -> None:
    asha, user, _ = joined(door)
    erase(door, asha.access)
    again = door.register()
    assert again.status == 201
    assert again.body["user"]["id"] != user


def test_the_audit_log_keeps_the_id_alone(door: Door) -> None:
    asha, user, tenant = joined(door)
    erase(door, asha.access)
    entries = tables.query("audit", f"T#{tenant}", consistent=True).items
    (erased,) = [entry for entry in entries if entry["action"] == "user.erased"]
    assert (erased["actor"], erased["target"]) == (user, user)
    assert [entry["actor"] for entry in entries if entry["action"] == "member.removed"] == [user]
    assert [told for told in PERSONAL if told in json.dumps(entries, default=str)] == []


def test_the_last_owner_of_a_tenant_stays_and_nothing_has_changed(door: Door) -> None:
    asha = door.register()
    before = stored()
    answer = erase(door, asha.access)
    assert (answer.status, answer.code) == (409, "last_owner")
    assert stored() == before
    assert door.login().status == 200


def test_of_two_owners_the_second_cannot_follow_the_first(door: Door) -> None:
    asha, _, tenant = joined(door)
    juma = door.login(email="juma@duka.example")
    erase(door, asha.access)
    assert erase(door, juma.access).code == "last_owner"
    left = UserId(juma.body["user"]["id"])
    assert memberships.read(tenant, left).owns


def test_a_wrong_password_erases_nothing_and_counts_as_a_failed_login(door: Door) -> None:
    asha, _, _ = joined(door)
    before = stored()
    for _ in range(10):
        assert erase(door, asha.access, "not the password").status == 401
    assert erase(door, asha.access).status == 429
    assert stored() == before


def test_it_takes_a_person_and_a_password(door: Door) -> None:
    asha, _, _ = joined(door)
    assert erase(door, None).status == 401
    assert door.call("POST", ERASE, {}, token=asha.access).status == 422
    assert erase(door, asha.access, "").status == 422


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("from_the_end", range(1, 8))
def test_whoever_is_cut_off_at_a_write_asks_again_and_is_erased(door: Door, from_the_end: int, *, after: bool) -> None:
    asha, _, _ = joined(door)
    erase(door, asha.access)
    calls = door.wire.count()
    # The address is free again, and another second owner is there for the new tenant.
    asha, user, tenant = joined(door, second="neema@duka.example")
    door.wire.cut(calls - from_the_end, after=after)
    with pytest.raises(Crash):
        erase(door, asha.access)
    door.wire.mend()
    assert erase(door, asha.access).status in {204, 401}
    assert_erased(user, tenant)
    assert door.refresh(asha.refresh).status == 401
