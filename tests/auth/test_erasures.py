"""Asking for a number to be forgotten: who may, what the slices are told, and that asking again is always safe."""

import json
from typing import Any

import pytest

from functions.auth.erasures import ErasureSettings
from mifumo import aws, clock, privacy, tables
from mifumo.audit import AuditSettings
from mifumo.ids import TenantId
from mifumo.privacy import Kind, Part, Step
from mifumo.tenants import AccessSettings
from tests.auth.door import Answer, Door
from tests.builders import token
from tests.steps import Steps
from tests.wire import Crash

ERASURES = "/api/tenant/erasures/"
PHONE, DIGITS = "0765 000 111", "255765000111"


@pytest.fixture
def queues(door: Door) -> list[Steps]:
    """What the slices that know numbers are told; nobody takes it here."""

    def nobody(*_: Any) -> None:
        raise AssertionError

    assert set(ErasureSettings.model_fields) == {
        f"{part.value}_privacy_queue_url" for part in privacy.PARTS[Kind.ERASURE]
    }
    return [Steps(part, nobody) for part in privacy.PARTS[Kind.ERASURE]]


def ask(door: Door, access: str | None, phone: Any = PHONE) -> Answer:
    return door.call("POST", ERASURES, {"phone": phone}, token=access)


def see(door: Door, access: str | None, erasure: str) -> Answer:
    return door.call("GET", f"{ERASURES}{erasure}/", token=access)


def done(told: dict[str, Any], part: Part) -> None:
    """Does what a worker does when nothing is left of the number."""
    privacy.advance(told, part, lambda _: privacy.After(), url="")


def told(queues: list[Steps]) -> list[dict[str, Any]]:
    return [body for queue in queues for body in queue.queued()]


def test_both_slices_are_told_the_number_and_the_request_holds_none(door: Door, queues: list[Steps]) -> None:
    owner = door.register()
    answer = ask(door, owner.access)
    assert answer.status == 202
    assert (answer.body["state"], answer.body["parts"]) == ("running", {"sms": "running", "billing": "running"})
    assert answer.body["done_at"] is None
    for queue in queues:
        (body,) = queue.queued()
        step = Step.of(body)
        assert (step.subject, step.tenant, step.id) == (DIGITS, owner.body["tenant"]["id"], answer.body["id"])
        assert queue.delays == [5], "the indexes know what was sent a moment ago"
    kept = [aws.unmarshal(item) for item in aws.dynamodb().scan(TableName=AccessSettings.load().access_table)["Items"]]
    assert [item["pk"] for item in kept if answer.body["id"] in item["sk"]] == [f"PRIVACY#{owner.body['tenant']['id']}"]
    assert "765000111" not in json.dumps(kept)


def test_it_is_done_when_every_slice_has_done_its_part(door: Door, queues: list[Steps]) -> None:
    owner = door.register()
    erasure = ask(door, owner.access).body["id"]
    sms, billing = told(queues)
    done(sms, Part.SMS)
    seen = see(door, owner.access, erasure)
    assert (seen.status, seen.body["state"], seen.body["parts"]["sms"]) == (200, "running", "done")
    done(billing, Part.BILLING)
    seen = see(door, owner.access, erasure)
    assert (seen.body["state"], seen.body["done_at"] >= seen.body["asked_at"]) == ("done", True)


def test_asking_again_starts_anew_under_the_same_id_and_ends_the_earlier_run(door: Door, queues: list[Steps]) -> None:
    owner = door.register()
    first = ask(door, owner.access)
    before = told(queues)
    again = ask(door, owner.access, "+255765000111")
    after = told(queues)
    assert (again.status, again.body["id"]) == (202, first.body["id"])
    assert {body["run"] for body in before}.isdisjoint(body["run"] for body in after)
    for body, part in zip(before, (Part.SMS, Part.BILLING), strict=True):
        done(body, part)
    assert see(door, owner.access, first.body["id"]).body["state"] == "running"
    for body, part in zip(after, (Part.SMS, Part.BILLING), strict=True):
        done(body, part)
    assert see(door, owner.access, first.body["id"]).body["state"] == "done"
    assert ask(door, owner.access).body["state"] == "running", "what was sent since then is to be forgotten as well"


def test_an_earlier_run_that_ends_while_a_new_one_begins_marks_nothing(door: Door, queues: list[Steps]) -> None:
    owner = door.register()
    erasure = ask(door, owner.access).body["id"]
    sms, _ = told(queues)

    def meanwhile(_: Step) -> privacy.After:
        ask(door, owner.access)
        return privacy.After()

    privacy.advance(sms, Part.SMS, meanwhile, url="")
    assert see(door, owner.access, erasure).body["parts"]["sms"] == "running"


def test_the_id_says_nothing_of_the_number_and_differs_between_tenants(door: Door, queues: list[Steps]) -> None:
    asha, juma = door.register(), door.register(email="juma@duka.example", phone="0754000111")
    assert ask(door, asha.access).body["id"] != ask(door, juma.access).body["id"]


def test_another_tenants_erasure_is_not_found(door: Door, queues: list[Steps]) -> None:
    asha, juma = door.register(), door.register(email="juma@duka.example", phone="0754000111")
    erasure = ask(door, asha.access).body["id"]
    for unknown in (erasure, "7zzzzzzzzzzzzzzzzzzzzzzzzz", "nonsense"):
        seen = see(door, juma.access, unknown)
        assert (seen.status, seen.code) == (404, "not_found")


@pytest.mark.parametrize("role", ["admin", "agent", "support"])
def test_only_an_owner_may_ask_and_look(door: Door, queues: list[Steps], role: str) -> None:
    assert ask(door, None).status == 401
    assert see(door, None, "7zzzzzzzzzzzzzzzzzzzzzzzzz").status == 401
    assert ask(door, token(role=role)).status == 403
    assert see(door, token(role=role), "7zzzzzzzzzzzzzzzzzzzzzzzzz").status == 403
    assert told(queues) == []


@pytest.mark.parametrize("phone", ["", "12345", "asha", "0222123456", 255765000111, None])
def test_what_is_no_mobile_number_is_refused_and_nobody_is_told(door: Door, queues: list[Steps], phone: Any) -> None:
    refused = ask(door, door.register().access, phone)
    assert (refused.status, refused.code) == (422, "validation_failed")
    assert [error["pointer"] for error in refused.body["errors"]] == ["/phone"]
    assert told(queues) == []


def test_a_number_of_another_country_may_be_forgotten_too(door: Door, queues: list[Steps]) -> None:
    assert ask(door, door.register().access, "+254 712 345 678").status == 202
    assert {body["subject"] for body in told(queues)} == {"254712345678"}


def test_the_deed_stands_in_the_audit_log_without_the_number(door: Door, queues: list[Steps]) -> None:
    owner = door.register()
    answer = ask(door, owner.access)
    entries = tables.query(AuditSettings.load().audit_table, f"T#{owner.body['tenant']['id']}", consistent=True).items
    (entry,) = [entry for entry in entries if entry["action"] == "number.erased"]
    assert (entry["target"], entry["actor"]) == (answer.body["id"], owner.body["user"]["id"])
    assert "765000111" not in json.dumps(entries)


def test_whoever_hears_that_a_slice_could_not_be_told_asks_again(
    door: Door, queues: list[Steps], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = door.register()
    monkeypatch.setattr(aws.sqs(), "send_message_batch", lambda **_: {"Failed": [{"Id": "0"}]})
    refused = ask(door, owner.access)
    assert (refused.status, refused.code, refused.body["retryable"]) == (503, "busy", True)
    monkeypatch.undo()
    assert ask(door, owner.access).status == 202
    assert len(told(queues)) == 2


def test_a_door_that_dies_anywhere_is_asked_again(door: Door, queues: list[Steps]) -> None:
    owner = door.register()
    for at in range(12):
        died = False
        for after in (False, True):
            door.wire.cut(at, after=after)
            try:
                door.call("POST", ERASURES, {"phone": PHONE}, token=owner.access)
            except Crash:
                died = True
            door.wire.mend()
            told(queues)
            answer = ask(door, owner.access)
            for body, part in zip(told(queues), (Part.SMS, Part.BILLING), strict=True):
                done(body, part)
            assert see(door, owner.access, answer.body["id"]).body["state"] == "done"
        if not died:
            assert at > 3
            return
    raise AssertionError("a dozen calls are too many")


def test_a_request_is_forgotten_after_two_years(door: Door, queues: list[Steps]) -> None:
    owner = door.register()
    tenant, erasure = TenantId(owner.body["tenant"]["id"]), ask(door, owner.access).body["id"]
    item = tables.get(AccessSettings.load().access_table, privacy.key(Kind.ERASURE, tenant, erasure))
    assert item is not None
    assert set(item) == {"pk", "sk", "run", "asked_at", "ttl"}
    assert round((item["ttl"] - clock.epoch()) / 86_400) == 730
