"""Groups: who may keep them, who is in them whatever happens at once, and a send to all of them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.sms.content import contacts, groups
from mifumo import tables
from mifumo.callers import Principal
from mifumo.errors import AppError
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from tests.builders import token
from tests.sms.world import TENANT, World
from tests.wire import Crash

PATH = "/api/sms/groups/"
CALLER = Principal(TENANT, UserId("u1"), Role.OWNER)


def made(world: World, name: str = "Wholesale") -> str:
    status, body = world.call("POST", PATH, {"name": name})
    assert status == 201, body
    group: str = body["id"]
    return group


def people(count: int, first: int = 0) -> list[str]:
    """Makes contacts; returns their ids."""
    numbers = [f"255712{number:06d}" for number in range(first, first + count)]
    return [contacts.create(TENANT, digits, name="", attributes={}, tags=()).id for digits in numbers]


def joined(world: World, group: str, *wanted: str) -> Any:
    status, body = world.call("POST", f"{PATH}{group}/members/", {"contact_ids": list(wanted)})
    assert status == 200, body
    return body


def members(world: World, group: str) -> set[str]:
    """Reads the members, and sees that group, member rows and contacts agree about them."""
    _, page = world.call("GET", f"{PATH}{group}/members/", query={"limit": "250"})
    listed = {item["id"] for item in page["items"]}
    table = contacts.place(TENANT, "x")[0]
    rows = {item["sk"] for item in tables.query_all(table, f"T#{TENANT}#GROUP#{group}", consistent=True)}
    everybody = [contacts.of(item) for item in tables.query_all(table, f"T#{TENANT}#CONTACTS", consistent=True)]
    assert rows == listed == {one.id for one in everybody if group in one.groups}
    assert groups.read(TENANT, group).members == len(rows)
    return listed


def every_call(group: str, contact: str) -> list[tuple[str, str, Any]]:
    return [
        ("GET", PATH, None),
        ("POST", PATH, {"name": "Another"}),
        ("GET", f"{PATH}{group}/", None),
        ("GET", f"{PATH}{group}/members/", None),
        ("POST", f"{PATH}{group}/members/", {"contact_ids": [contact]}),
        ("PATCH", f"{PATH}{group}/", {"version": 1, "name": "Other"}),
        ("DELETE", f"{PATH}{group}/members/{contact}/", None),
        ("DELETE", f"{PATH}{group}/", None),
    ]


def test_a_stranger_does_nothing_with_groups(world: World) -> None:
    for method, path, body in every_call(made(world), people(1)[0]):
        status, problem = world.call(method, path, body, token=None)
        assert (status, problem["code"]) == (401, "unauthenticated"), path


def test_an_agent_reads_groups_and_changes_none(world: World) -> None:
    group, (contact,) = made(world), people(1)
    for method, path, body in every_call(group, contact):
        status, _ = world.call(method, path, body, token=token(role="agent"))
        assert status == (200 if method == "GET" else 403), path
    assert members(world, group) == set()


def test_another_tenants_group_is_not_found_nor_sent_to_nor_joined(world: World) -> None:
    group, (contact,) = made(world), people(1)
    joined(world, group, contact)
    other = token(tenant="t2")
    world.fund(10, tenant=TenantId("t2"))
    for method, path, body in every_call(group, contact)[2:]:
        assert world.call(method, path, body, token=other)[0] == 404, path
    _, theirs = world.call("POST", PATH, {"name": "Wholesale"}, token=other)
    status, problem = world.call("POST", f"{PATH}{theirs['id']}/members/", {"contact_ids": [contact]}, token=other)
    assert (status, problem["errors"][0]["code"]) == (422, "unknown_contact")
    body = {"sender_id": "INFO", "text": "Habari", "group_id": group}
    status, problem = world.call("POST", "/api/sms/send/", body, token=other)
    assert (status, problem["errors"][0]["pointer"]) == (422, "/group_id")
    assert members(world, group) == {contact}


def test_a_group_is_made_renamed_filled_emptied_and_deleted(world: World) -> None:
    group, (one, two) = made(world), people(2)
    assert world.call("POST", PATH, {"name": "wholesale"})[1]["code"] == "name_taken"
    assert joined(world, group, one, two, one) == {"added": 2, "already": 1}
    assert joined(world, group, one) == {"added": 0, "already": 1}
    status, renamed = world.call("PATCH", f"{PATH}{group}/", {"version": 1, "name": "Retail"})
    assert (status, renamed["name"], renamed["members"], renamed["version"]) == (200, "Retail", 2, 2)
    assert world.call("PATCH", f"{PATH}{group}/", {"version": 1, "name": "Late"})[1]["code"] == "changed_meanwhile"
    assert world.call("DELETE", f"{PATH}{group}/members/{one}/")[0] == 204
    assert world.call("DELETE", f"{PATH}{group}/members/{one}/")[0] == 404
    assert members(world, group) == {two}
    assert [item["id"] for item in world.call("GET", PATH)[1]["items"]] == [group]
    assert world.call("DELETE", f"{PATH}{group}/")[0] == 204
    assert world.call("DELETE", f"{PATH}{group}/")[0] == 404
    assert contacts.read(TENANT, two).groups == frozenset()
    made(world, "Retail")


def test_a_contact_that_is_deleted_leaves_its_groups(world: World) -> None:
    first, second, (one, two) = made(world), made(world, "Second"), people(2)
    joined(world, first, one, two)
    joined(world, second, one)
    assert world.call("DELETE", f"/api/sms/contacts/{one}/")[0] == 204
    assert (members(world, first), members(world, second)) == ({two}, set())


def test_contacts_that_are_not_there_are_named_and_nobody_is_put_in(world: World) -> None:
    group, (one,) = made(world), people(1)
    body = {"contact_ids": [one, "nobody", "01jd8x6q5v7w9y2k4m6p8r0t1a", ""]}
    status, problem = world.call("POST", f"{PATH}{group}/members/", body)
    assert status == 422
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [
        ("/contact_ids/1", "unknown_contact"),
        ("/contact_ids/2", "unknown_contact"),
        ("/contact_ids/3", "unknown_contact"),
    ]
    assert members(world, group) == set()


def test_a_group_and_a_contact_have_their_limits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MEMBERS_MAX", 2)
    monkeypatch.setattr(groups, "_GROUPS_A_CONTACT_MAX", 1)
    group, (one, two, three) = made(world), people(3)
    joined(world, group, one, two)
    status, problem = world.call("POST", f"{PATH}{group}/members/", {"contact_ids": [three]})
    assert (status, problem["errors"][0]["code"]) == (422, "group_full")
    assert "`campaign`" in problem["errors"][0]["detail"]
    status, problem = world.call("POST", f"{PATH}{made(world, 'Second')}/members/", {"contact_ids": [one]})
    assert (status, problem["errors"][0]["code"]) == (422, "too_many_groups")
    assert members(world, group) == {one, two}


def sent(world: World, group: str, key: str = "", **more: Any) -> tuple[int, Any]:
    body = {"sender_id": "INFO", "text": "Habari", "group_id": group, **more}
    return world.call("POST", "/api/sms/send/", body, headers={"Idempotency-Key": key} if key else {})


def test_a_send_to_a_group_goes_to_whoever_is_in_it_less_those_that_opted_out(world: World) -> None:
    group, ids = made(world), people(3)
    joined(world, group, *ids)
    world.call("POST", "/api/sms/opt-outs/", {"phone": "0712000001"})
    status, batch = sent(world, group)
    assert (status, batch["accepted"], batch["price"]) == (202, 2, 2)
    assert [(row["recipient"], row["code"]) for row in batch["refused"]] == [("+255712000001", "opted_out")]
    world.settle_down()
    assert sorted(world.sent_to()) == ["255712000000", "255712000002"]


def test_a_send_to_a_group_reads_its_members_by_one_query(world: World) -> None:
    group = made(world)
    for first in range(0, 120, 60):
        joined(world, group, *people(60, first))
    world.send("0713000000")  # keys are cached from here on
    world.wire.clear()
    status, batch = sent(world, group)
    assert (status, batch["accepted"]) == (202, 120)
    assert world.wire.calls == ["Query", "BatchGetItem", "TransactWriteItems", "SendMessageBatch"]


def test_a_repeat_meets_its_batch_though_the_group_has_changed_or_gone(world: World) -> None:
    group, (one, two) = made(world), people(2)
    joined(world, group, one)
    _, first = sent(world, group, key="k")
    joined(world, group, two)
    assert sent(world, group, key="k")[1]["id"] == first["id"]
    assert sent(world, group, key="k", text="Other")[1]["code"] == "idempotency_key_reused"
    world.call("DELETE", f"{PATH}{group}/")
    status, again = sent(world, group, key="k")
    assert (status, again["id"], again["accepted"]) == (202, first["id"], 1)
    assert world.wallet() == (4_999, 1)


def test_an_empty_group_no_group_or_recipients_beside_it_are_refused(world: World) -> None:
    group = made(world)
    for wanted in (group, "nobody", "", "x" * 5_000):
        status, problem = sent(world, wanted)
        assert (status, problem["errors"][0]["pointer"]) == (422, "/group_id")
    status, problem = sent(world, group, recipients=["0712000010"])
    assert (status, problem["errors"][0]["code"]) == (422, "too_much")
    assert world.wallet() == (5_000, 0)


def test_joining_that_was_cut_off_is_finished_by_the_same_request_and_nobody_is_half_in(world: World) -> None:
    group, ids = made(world), people(60)
    for at, after in [(2, False), (2, True), (2, False)]:
        world.wire.cut(at, after=after)
        with pytest.raises(Crash):
            groups.add(TENANT, group, ids)
        world.wire.mend()
        assert len(members(world, group)) in {0, 49}
    groups.add(TENANT, group, ids)
    assert members(world, group) == set(ids)


def test_a_deletion_that_was_cut_off_is_finished_by_the_same_request(world: World) -> None:
    group, ids = made(world), people(60)
    groups.add(TENANT, group, ids)
    world.wire.cut(2, after=True)
    with pytest.raises(Crash):
        groups.delete(CALLER, group)
    world.wire.mend()
    assert len(members(world, group)) == 11
    groups.delete(CALLER, group)
    assert world.call("GET", f"{PATH}{group}/")[0] == 404
    assert all(contacts.read(TENANT, one).groups == frozenset() for one in ids)


def test_joining_leaving_and_deleting_at_once_leaves_group_rows_and_contacts_agreeing(world: World) -> None:
    group, ids = made(world), people(6)
    groups.add(TENANT, group, ids[:3])
    world.wire.take_turns()

    def quietly(deed: Any, *arguments: Any) -> None:
        try:
            deed(*arguments)
        except AppError:
            return

    with ThreadPoolExecutor(8) as threads:
        deeds = [threads.submit(quietly, groups.add, TENANT, group, ids) for _ in range(3)]
        deeds += [threads.submit(quietly, groups.remove, TENANT, group, one) for one in ids[:2]]
        deeds += [threads.submit(quietly, groups.delete_contact, CALLER, one) for one in ids[2:4]]
        for deed in deeds:
            deed.result()
    assert members(world, group) <= set(ids)


DEEDS = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "delete", "make"]), st.sets(st.integers(0, 4), min_size=1)), max_size=8
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(DEEDS)
def test_after_any_deeds_the_members_are_those_that_joined_and_did_not_leave(
    world: World, deeds: list[tuple[str, set[int]]]
) -> None:
    group = groups.create(CALLER, f"G{len(world.call('GET', PATH, query={'limit': '250'})[1]['items'])}").id
    ids = [contacts.of_number(TENANT, f"25571200000{n}") for n in range(5)]
    inside: set[str] = set()
    for deed, numbers in deeds:
        for number in numbers:
            one = ids[number]
            try:
                match deed:
                    case "make":
                        contacts.create(TENANT, f"25571200000{number}", name="", attributes={}, tags=())
                    case "add":
                        groups.add(TENANT, group, [one])
                        inside.add(one)
                    case "remove":
                        groups.remove(TENANT, group, one)
                        inside.remove(one)
                    case _:
                        groups.delete_contact(CALLER, one)
                        inside.discard(one)
            except AppError:
                continue
    assert members(world, group) == inside
