"""Sender IDs: asked for by tenants, decided by staff, usable at once when approved, and nobody else's."""

from typing import Any

import pytest

from mifumo import tables
from mifumo.ids import TenantId
from tests.builders import token
from tests.sms.world import World

STAFF = token(tenant="labs", user="staff", role="staff")
ASK = {"purpose": "Taarifa za miamala kwa wateja", "sample": "Ndugu mteja, muamala wako umekamilika."}
PATH = "/api/sms/sender-ids/"


def ask(world: World, name: str = "Quantum", **options: object) -> tuple[int, dict[str, object]]:
    return world.call("POST", PATH, {"name": name, **ASK}, **options)


def decide(
    world: World, sender_id: object, verb: str, reason: str | None = None, **options: object
) -> tuple[int, dict]:  # type: ignore[type-arg]
    body = {"reason": reason} if reason else None
    return world.call("POST", f"/api/admin/sms/sender-ids/{sender_id}/{verb}/", body, **{"token": STAFF, **options})


def test_an_approved_name_is_listed_and_sends_in_the_case_it_was_approved_with(world: World) -> None:
    status, made = ask(world)
    assert (status, made["status"], made["kind"]) == (201, "pending", "own")
    assert (
        world.call("POST", "/api/sms/send/", {"sender_id": "Quantum", "text": "x", "recipients": ["0712000010"]})[0]
        == 403
    )

    assert decide(world, made["id"], "approve")[1]["status"] == "approved"
    _, batch = world.call("POST", "/api/sms/send/", {"sender_id": "QUANTUM", "text": "x", "recipients": ["0712000010"]})
    assert batch["sender_id"] == "Quantum"
    world.work()
    assert world.beem.log()[-1]["source_addr"] == "Quantum"
    assert "Quantum" in world.call("GET", "/api/sms/capability/")[1]["sender_ids"]


def test_changes_are_asked_for_made_and_approved(world: World) -> None:
    _, made = ask(world)
    status, changed = decide(world, made["id"], "request-changes", "Attach a business registration.")
    assert (status, changed["status"], changed["reason"]) == (
        200,
        "changes_requested",
        "Attach a business registration.",
    )
    status, again = ask(world, "QuanTum")
    assert (status, again["status"], again["id"], again["name"]) == (201, "pending", made["id"], "QuanTum")
    assert decide(world, made["id"], "approve")[0] == 200


def test_a_rejected_name_can_be_asked_for_again_and_an_approval_taken_back(world: World) -> None:
    _, made = ask(world)
    decide(world, made["id"], "approve")
    assert decide(world, made["id"], "reject", "The brand's owner complained.")[1]["status"] == "rejected"
    assert "Quantum" not in world.call("GET", "/api/sms/capability/")[1]["sender_ids"]
    assert ask(world)[0] == 201


def test_the_same_decision_twice_changes_nothing(world: World) -> None:
    _, made = ask(world)
    first = decide(world, made["id"], "approve")
    second = decide(world, made["id"], "approve")
    assert first[0] == second[0] == 200
    assert second[1]["status"] == "approved"


@pytest.mark.parametrize("verb", ["approve", "reject", "request-changes"])
def test_only_staff_decide(world: World, verb: str) -> None:
    _, made = ask(world)
    for role in ("owner", "admin", "agent"):
        status, problem = decide(world, made["id"], verb, "Because I say so", token=token(role=role))
        assert (status, problem["code"]) == (403, "forbidden")
    assert decide(world, made["id"], verb, "x" * 10, token=None)[0] == 401
    _, page = world.call("GET", PATH)
    assert page["items"][-1]["status"] == "pending"


@pytest.mark.parametrize("verb", ["reject", "request-changes"])
def test_a_refusal_needs_a_reason(world: World, verb: str) -> None:
    _, made = ask(world)
    assert decide(world, made["id"], verb)[0] == 422


def test_an_agent_does_not_ask_for_names(world: World) -> None:
    assert ask(world, token=token(role="agent"))[0] == 403


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("Quantum", 201, None),
        ("Duka La Juma", 422, "format"),
        ("ab", 422, "format"),
        ("0712345678", 422, "format"),
        ("-abc-", 422, "format"),
        ("Mif!umo", 422, "format"),
        ("mifumo", 409, "reserved"),
        ("Taarifa-SMS", 409, "reserved"),
    ],
)
def test_names_are_checked_before_they_are_asked_for(world: World, name: str, status: int, reason: str | None) -> None:
    _, found = world.call("GET", "/api/sms/sender-ids/availability/", query={"name": name})
    assert (found["available"], found["reason"]) == (reason is None, reason)
    assert ask(world, name)[0] == status


def test_a_name_is_one_tenants_alone_whatever_the_case_of_its_letters(world: World) -> None:
    world.fund(10, tenant=TenantId("t2"))
    other = token(tenant="t2")
    _, mine = ask(world)
    _, theirs = ask(world, "QUANTUM", token=other)
    assert decide(world, mine["id"], "approve")[0] == 200
    status, problem = decide(world, theirs["id"], "approve")
    assert (status, problem["code"]) == (409, "sender_id_taken")
    _, found = world.call("GET", "/api/sms/sender-ids/availability/", query={"name": "quantum"}, token=other)
    assert (found["available"], found["reason"]) == (False, "taken")
    body = {"sender_id": "Quantum", "text": "x", "recipients": ["0712000010"]}
    assert world.call("POST", "/api/sms/send/", body, token=other)[0] == 403


def test_a_pending_name_cannot_be_asked_for_twice(world: World) -> None:
    ask(world)
    status, problem = ask(world, "QUANTUM")
    assert (status, problem["code"]) == (409, "sender_id_taken")


def test_staff_page_through_what_waits_and_an_unknown_id_is_not_found(world: World) -> None:
    made = {str(ask(world, f"Name{n}")[1]["id"]) for n in range(3)}
    seen, cursor = set(), None
    for _ in range(3):
        query = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        _, page = world.call("GET", "/api/admin/sms/sender-ids/", query=query, token=STAFF)
        seen |= {item["id"] for item in page["items"]}
        cursor = page["next"]
    assert seen == made
    assert decide(world, "00000000000000000000000000", "approve")[0] == 404


def test_the_list_shows_the_packages_names_first_and_only_the_tenants_own(world: World) -> None:
    ask(world)
    _, page = world.call("GET", PATH)
    assert [item["kind"] for item in page["items"]] == ["platform"] * 4 + ["own"]
    _, theirs = world.call("GET", PATH, token=token(tenant="t2"))
    assert [item["name"] for item in theirs["items"]] == ["Taarifa-SMS"]


def log(tenant: str = "t1") -> list[dict[str, Any]]:
    entries = tables.query("audit", f"T#{tenant}", consistent=True).items
    return sorted(entries, key=lambda entry: str(entry["at"]))


def test_asking_and_each_decision_stand_in_the_tenants_audit_log(world: World) -> None:
    _, made = ask(world)
    decide(world, made["id"], "request-changes", "Attach a registration.", headers={"x-request-id": "request-17"})
    ask(world)
    decide(world, made["id"], "approve")
    decide(world, made["id"], "approve")  # the same again is no deed
    decide(world, made["id"], "reject", "The brand's owner complained.")
    told = sorted((entry["action"], entry["actor"], entry["role"], entry["target"]) for entry in log())
    assert told == sorted(
        [
            ("sender_id.requested", "u1", "owner", made["id"]),
            ("sender_id.changes_requested", "staff", "staff", made["id"]),
            ("sender_id.requested", "u1", "owner", made["id"]),
            ("sender_id.approved", "staff", "staff", made["id"]),
            ("sender_id.rejected", "staff", "staff", made["id"]),
        ]
    )
    (asked_for,) = [entry for entry in log() if entry["action"] == "sender_id.changes_requested"]
    assert (asked_for["before"]["status"], asked_for["after"]["status"]) == ("pending", "changes_requested")
    assert (asked_for["reason"], asked_for["request_id"]) == ("Attach a registration.", "request-17")
    assert log("labs") == []


def test_what_was_refused_leaves_no_audit_entry(world: World) -> None:
    world.fund(10, tenant=TenantId("t2"))
    _, mine = ask(world)
    _, theirs = ask(world, "QUANTUM", token=token(tenant="t2"))
    decide(world, mine["id"], "approve")
    assert decide(world, theirs["id"], "approve")[0] == 409
    assert ask(world, "quantum")[0] == 409
    assert [entry["action"] for entry in log("t2")] == ["sender_id.requested"]
    assert len(log()) == 2


def test_a_deed_and_its_entry_are_made_in_one_step_or_not_at_all(world: World) -> None:
    world.wire.clear()
    _, made = ask(world)
    assert world.wire.count("TransactWriteItems") == 1
    assert world.wire.count("PutItem") == 0
    world.wire.clear()
    decide(world, made["id"], "approve")
    assert world.wire.count("TransactWriteItems") == 1
    assert world.wire.count("PutItem") == 0
