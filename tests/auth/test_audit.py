"""The audit log over HTTP: each tenant its own, staff all, newest first, nobody's staff by name."""

import json
from typing import Any

import pytest

from mifumo import audit, clock, writes
from mifumo.callers import Principal
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from tests.auth.door import Door
from tests.builders import token

OWN, ALL = "/api/tenant/audit/", "/api/admin/auth/audit/"
OWNER = token()
STAFF = token(tenant="labs", user="s1", role="staff")
_ASHA = Principal(TenantId("t1"), UserId("u1"), Role.OWNER)
_KEY = Principal(TenantId("t1"), key_id="k1")
_STAFF = Principal(TenantId("labs"), UserId("s1"), Role.STAFF)


def did(caller: Principal, action: str, **more: Any) -> str:
    entry = audit.entry(caller, action, **more)
    writes.commit(entry)
    return entry.key.sk


@pytest.fixture
def log(door: Door) -> list[str]:
    """Five deeds in t1, oldest first, one of them a key's and one staff's; and one of another tenant."""
    made = [
        did(_ASHA, "member.invited", target="i1"),
        did(_KEY, "sender_id.requested", target="x1"),
        did(
            _STAFF, "tenant.suspended", tenant=TenantId("t1"), target="t1", reason="Spam", after={"status": "suspended"}
        ),
        did(_ASHA, "member.removed", target="u2"),
        did(Principal(TenantId("t1"), UserId("u9"), Role.ADMIN), "member.suspended", target="u3"),
    ]
    did(Principal(TenantId("t2"), UserId("u7"), Role.OWNER), "key.created", target="k7")
    door.wire.clear()
    return sorted(made)


def listed(door: Door, path: str = OWN, caller: str = OWNER, **query: str) -> list[str]:
    answer = door.call("GET", path, token=caller, query=query)
    assert answer.status == 200, answer.body
    return [item["action"] for item in answer.body["items"]]


def test_nobody_reads_it_without_a_token_nor_as_an_agent(door: Door) -> None:
    for path in (OWN, ALL):
        assert door.call("GET", path).status == 401
        assert door.call("GET", path, token=token(role="agent")).status == 403
    for role in ("owner", "admin"):
        assert door.call("GET", ALL, token=token(role=role)).status == 403


def test_a_tenant_sees_its_own_deeds_newest_first_and_no_others(door: Door, log: list[str]) -> None:
    answer = door.call("GET", OWN, token=OWNER)
    assert [item["id"] for item in answer.body["items"]] == log[::-1]
    assert answer.body["next"] is None
    assert door.wire.count("Query") == 1
    assert listed(door, caller=token(tenant="t2")) == ["key.created"]
    assert listed(door, caller=token(tenant="t3")) == []


def test_a_tenant_sees_that_staff_acted_but_not_who(door: Door, log: list[str]) -> None:
    assert log
    (entry,) = door.call("GET", OWN, token=OWNER, query={"action": "tenant."}).body["items"]
    assert entry["actor"] == {"id": None, "kind": "platform"}
    assert (entry["role"], entry["reason"], entry["after"]) == ("staff", "Spam", {"status": "suspended"})
    assert entry["ip"] is None
    assert '"s1"' not in json.dumps(door.call("GET", OWN, token=OWNER).body)
    assert listed(door, actor="s1") == []


def test_a_person_and_a_key_are_told_apart(door: Door, log: list[str]) -> None:
    assert log
    items = door.call("GET", OWN, token=OWNER).body["items"]
    actors = {item["action"]: item["actor"] for item in items}
    assert actors["sender_id.requested"] == {"id": "k1", "kind": "key"}
    assert actors["member.removed"] == {"id": "u1", "kind": "user"}


def test_staff_see_what_staff_did_anywhere_and_any_tenants_whole_log(door: Door, log: list[str]) -> None:
    (entry,) = door.call("GET", ALL, token=STAFF).body["items"]
    assert (entry["tenant_id"], entry["actor"]) == ("t1", {"id": "s1", "kind": "platform"})
    whole = door.call("GET", ALL, token=STAFF, query={"tenant": "t1"}).body["items"]
    assert [item["id"] for item in whole] == log[::-1]
    assert listed(door, ALL, STAFF, tenant="t2") == ["key.created"]
    assert listed(door, ALL, STAFF, actor="s1") == ["tenant.suspended"]
    assert listed(door, ALL, token(role="support", tenant="labs"), tenant="nobody") == []


def test_it_is_filtered_by_the_beginning_of_the_action_and_by_the_actor(door: Door, log: list[str]) -> None:
    assert log
    assert sorted(listed(door, action="member.")) == ["member.invited", "member.removed", "member.suspended"]
    assert sorted(listed(door, actor="u1")) == ["member.invited", "member.removed"]
    assert listed(door, actor="key:k1") == ["sender_id.requested"]
    assert listed(door, action="member.", actor="u9") == ["member.suspended"]


def test_a_range_of_time_is_read_by_the_key(door: Door, log: list[str]) -> None:
    hour_ago, hour_ahead = clock.after(-3600), clock.after(3600)
    assert len(listed(door, **{"from": hour_ago, "to": hour_ahead})) == len(log)
    assert listed(door, **{"from": hour_ahead}) == []
    assert listed(door, to=hour_ago) == []
    assert listed(door, **{"from": "1950-01-01T00:00:00Z", "to": "1960-01-01T00:00:00Z"}) == []
    answer = door.call("GET", OWN, token=OWNER, query={"from": hour_ahead, "to": hour_ago})
    assert (answer.status, answer.body["errors"][0]["code"]) == (422, "range_empty")
    assert door.call("GET", OWN, token=OWNER, query={"from": "yesterday"}).status == 422
    assert door.call("GET", OWN, token=OWNER, query={"from": "2026-01-31T08:15:30"}).status == 422


@pytest.mark.parametrize(("path", "caller"), [(OWN, OWNER), (ALL, STAFF)])
def test_pages_join_without_a_gap_or_a_double(door: Door, log: list[str], path: str, caller: str) -> None:
    for number in range(3):
        did(_STAFF, f"tenant.reactivated{number}", tenant=TenantId("t1"))
    seen, query = [], {"limit": "1", "action": "tenant."}
    for _ in range(4):
        body = door.call("GET", path, token=caller, query=query).body
        seen += [item["action"] for item in body["items"]]
        query = {**query, "cursor": body["next"] or ""}
    assert log
    assert sorted(seen) == ["tenant.reactivated0", "tenant.reactivated1", "tenant.reactivated2", "tenant.suspended"]
    assert query["cursor"] == ""


def test_a_cursor_is_of_no_use_to_another_tenant_or_list(door: Door, log: list[str]) -> None:
    assert log
    cursor = door.call("GET", OWN, token=OWNER, query={"limit": "1"}).body["next"]
    assert door.call("GET", OWN, token=token(tenant="t2"), query={"cursor": cursor}).status == 422
    assert door.call("GET", ALL, token=STAFF, query={"cursor": cursor, "tenant": "t1"}).status == 422


def test_a_rare_entry_is_looked_for_in_bounded_steps(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.auth.records._ENTRIES_A_QUERY", 2)
    monkeypatch.setattr("functions.auth.records._QUERIES_MAX", 2)
    did(_ASHA, "tenant.renamed")
    for _ in range(5):
        did(_ASHA, "member.invited")
    first = door.call("GET", OWN, token=OWNER, query={"action": "tenant."})
    assert door.wire.count("Query") == 2
    assert first.body["next"]
    found, cursor = first.body["items"], first.body["next"]
    while cursor:
        body = door.call("GET", OWN, token=OWNER, query={"action": "tenant.", "cursor": cursor}).body
        found, cursor = found + body["items"], body["next"]
    assert [item["action"] for item in found] == ["tenant.renamed"]
