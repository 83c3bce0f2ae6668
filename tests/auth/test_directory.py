"""The platform's directory: which tenants there are, who has an address or a number, and that looking is recorded."""

from typing import Any

import pytest

from functions.auth import contacts, directory, users
from mifumo import audit, aws, clock, tenants, writes
from mifumo.audit import AuditSettings
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from tests.auth.door import Answer, Door
from tests.builders import token
from tests.wire import Crash

STAFF = token(tenant="platform", user="s1", role="staff")
SUPPORT = token(tenant="platform", user="s2", role="support")
TENANTS, USERS = "/api/admin/auth/tenants/", "/api/admin/auth/users/"


def listed(door: Door, **query: str) -> Answer:
    return door.call("GET", TENANTS, token=SUPPORT, query=query)


def names(door: Door, **query: str) -> list[str]:
    """Reads every page; returns the names in the order they came."""
    found, cursor = [], None
    for _ in range(20):
        page = listed(door, **query, **({"cursor": cursor} if cursor else {})).body
        found += [item["name"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            return found
    raise AssertionError("the pages do not end")


def opened(*wanted: str) -> list[TenantId]:
    """Makes tenants, one after the other."""
    for name in wanted:
        writes.commit(tenants.put(TenantId(name.lower()), name))
    return [TenantId(name.lower()) for name in wanted]


def looks() -> list[Any]:
    items = [aws.unmarshal(item) for item in aws.dynamodb().scan(TableName=AuditSettings.load().audit_table)["Items"]]
    return sorted((item for item in items if item["action"] == "user.looked_up"), key=lambda item: str(item["target"]))


def look(door: Door, access: str | None = STAFF, **query: str) -> Answer:
    return door.call("GET", USERS, token=access, query=query)


# --- tenants ---


@pytest.fixture
def spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a second pass between any two stamps, so that newest first is one order."""
    ticks = iter(range(10, 60))
    monkeypatch.setattr(clock, "stamp", lambda *_: f"2026-01-31T08:00:{next(ticks)}.000Z")


@pytest.mark.usefixtures("spread")
def test_tenants_are_listed_newest_first_and_each_once_however_long_the_pages(door: Door) -> None:
    opened("A", "B", "C", "D", "E")
    for limit in ("1", "2", "4", "5", "6"):
        assert names(door, limit=limit) == ["E", "D", "C", "B", "A"], limit
    full = listed(door, limit="5").body
    assert full["next"] is None
    assert full["items"][0].keys() >= {"id", "name", "status", "verified", "created_at", "suspended_because"}


@pytest.mark.usefixtures("spread")
def test_tenants_of_a_status_are_listed_by_what_they_are_now(door: Door) -> None:
    _, b, c, _ = opened("A", "B", "C", "D")
    for tenant in (b, c):
        writes.commit(tenants.suspend(tenant, reason="Fraud."))
    for limit in ("1", "2", "3"):
        assert names(door, status="suspended", limit=limit) == ["C", "B"], limit
        assert names(door, status="active", limit=limit) == ["D", "A"], limit
        assert names(door, status="closed", limit=limit) == []
    writes.commit(tenants.reactivate(b))
    assert names(door, status="suspended") == ["C"]


@pytest.mark.usefixtures("spread")
def test_a_page_looks_through_so_many_tenants_and_says_where_to_go_on(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    (a, *_) = opened(*"ABCDEFG")
    writes.commit(tenants.suspend(a, reason="Fraud."))
    monkeypatch.setattr(directory, "_TENANTS_A_QUERY", 2)
    monkeypatch.setattr(directory, "_QUERIES_MAX", 2)
    first = listed(door, status="suspended")
    assert first.body["items"] == []
    assert first.body["next"] is not None
    assert door.wire.count("Query") == 2
    assert names(door, status="suspended") == ["A"]


def test_a_registered_business_is_listed_under_the_name_that_it_has_now(door: Door) -> None:
    asha = door.register()
    assert names(door) == ["Duka la Asha"]
    assert door.call("PATCH", "/api/tenant/", {"version": 0, "name": "Duka Jipya"}, token=asha.access).status == 200
    assert names(door) == ["Duka Jipya"]


def test_a_status_that_is_none_and_a_cursor_of_another_list_are_refused(door: Door) -> None:
    opened("A", "B")
    assert listed(door, status="asleep").status == 422
    cursor = listed(door, limit="1").body["next"]
    other = listed(door, limit="1", status="active", cursor=cursor)
    assert (other.status, other.body["errors"][0]["code"]) == (422, "cursor_invalid")


# --- users ---


def test_staff_find_a_person_by_the_whole_address_or_number_with_all_their_tenants(door: Door) -> None:
    asha = door.register()
    user = UserId(asha.body["user"]["id"])
    second = TenantId("second")
    writes.commit(tenants.put(second, "Duka la pili"))
    writes.transact(*users.enrol(user, second, Role.AGENT))
    for query in ({"email": " Asha@Duka.example"}, {"phone": "0712 345 678"}):
        found = look(door, **query)
        (known,) = found.body["items"]
        assert (found.status, found.body["next"]) == (200, None)
        assert known["id"] == user
        assert (known["email"], known["phone"]) == ("asha@duka.example", "+255712345678")
        assert (known["phone_verified"], known["email_verified"]) == (True, True)
        assert sorted((one["tenant_name"], one["role"], one["status"]) for one in known["tenants"]) == [
            ("Duka la Asha", "owner", "active"),
            ("Duka la pili", "agent", "active"),
        ]


def test_support_sees_an_address_and_a_number_masked(door: Door) -> None:
    door.register()
    found = look(door, SUPPORT, email="asha@duka.example")
    (known,) = found.body["items"]
    assert (known["email"], known["phone"]) == ("a***@duka.example", "+255712***678")
    assert "asha@" not in str(found.body)


def test_looking_is_recorded_by_the_id_of_who_was_found_and_never_by_the_address(door: Door) -> None:
    asha = door.register()
    look(door, SUPPORT, phone="0712345678")
    (told,) = looks()
    assert (told["target"], told["actor"], told["tenant_id"]) == (asha.body["user"]["id"], "s2", "platform")
    assert told["listing_pk"] == audit.STAFF
    assert not [text for text in ("712345678", "asha@") if text in str(told)]


def test_nobody_found_is_an_empty_page_and_recorded_too(door: Door) -> None:
    for query in ({"email": "nobody@duka.example"}, {"phone": "0712999999"}):
        found = look(door, **query)
        assert (found.status, found.body["items"]) == (200, [])
    assert [told["target"] for told in looks()] == ["", ""]


def test_of_several_people_with_one_number_who_has_verified_it_comes_first(door: Door) -> None:
    ids = []
    for index in range(3):
        made = door.register(email=f"mtu{index}@duka.example", ip=f"196.41.35.{index}")
        ids.append(made.body["user"]["id"])
    unproven = [item["id"] for item in look(door, phone="0712345678").body["items"]]
    assert sorted(unproven) == sorted(ids)
    writes.commit(contacts.own(UserId(ids[0]), "+255712345678"))
    proven = [item["id"] for item in look(door, phone="0712345678").body["items"]]
    assert (proven[0], sorted(proven)) == (ids[0], sorted(ids))
    assert len(looks()) == 6


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ({}, "query:email", "one_of_two"),
        ({"email": "a@b.example", "phone": "0712345678"}, "query:email", "one_of_two"),
        ({"phone": "07123"}, "query:phone", "too_short"),
        ({"phone": "+254712345678"}, "query:phone", "foreign_not_allowed"),
    ],
)
def test_what_is_no_whole_address_or_number_is_refused_and_not_recorded(
    door: Door, query: dict[str, str], pointer: str, code: str
) -> None:
    refused = look(door, **query)
    (error,) = refused.body["errors"]
    assert (refused.status, error["pointer"], error["code"]) == (422, pointer, code)
    assert looks() == []


@pytest.mark.parametrize("after", [False, True])
def test_nobody_is_shown_before_the_look_is_recorded(door: Door, *, after: bool) -> None:
    door.register()
    look(door, email="asha@duka.example")
    calls, before = list(door.wire.calls), len(looks())
    recorded = calls.index("TransactWriteItems")
    for at in range(recorded + 1):
        door.wire.cut(at, after=after)
        with pytest.raises(Crash):
            look(door, email="asha@duka.example")
        door.wire.mend()
    assert len(looks()) - before == after


def test_a_tenants_own_people_their_keys_and_strangers_find_nothing(door: Door) -> None:
    asha = door.register()
    wish = {"name": "Till", "mode": "live", "scopes": ["tenant:manage"]}
    key = door.call("POST", "/api/auth/keys/", wish, token=asha.access).body["key"]
    for path, query in ((TENANTS, {}), (USERS, {"email": "asha@duka.example"})):
        assert door.call("GET", path, token=asha.access, query=query).status == 403
        assert door.call("GET", path, token=key, query=query).status == 403
        assert door.call("GET", path, query=query).status == 401
    assert looks() == []
