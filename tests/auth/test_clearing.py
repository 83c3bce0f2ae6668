"""Clearing a tenant that can be reopened no more: when, what goes, what stays, and that a crash leaves nothing half."""

import json
from datetime import timedelta
from typing import Any

import pytest

from functions.auth import clearing, closings, sweep
from mifumo import aws, clock, privacy, settings, tables, tenants, writes
from mifumo.audit import AuditSettings
from mifumo.ids import TenantId
from mifumo.privacy import Kind, Part, Step
from mifumo.tenants import AccessSettings, Status
from tests.auth.door import PASSWORD, Answer, Door
from tests.builders import CONTEXT
from tests.steps import Steps
from tests.wire import Crash

KEY = {"name": "Till", "mode": "live", "scopes": ["sms:send"]}
_CONTEXT: Any = CONTEXT


class Travel:
    """Puts our clock forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead, real = timedelta(), clock.now
        monkeypatch.setattr(clock, "now", lambda: real() + self.ahead)


@pytest.fixture
def travel(monkeypatch: pytest.MonkeyPatch) -> Travel:
    """A clock that moves when a test says so."""
    return Travel(monkeypatch)


@pytest.fixture
def queues(door: Door) -> list[Steps]:
    """What the slices are told."""

    def nobody(*_: Any) -> None:
        raise AssertionError

    return [Steps(part, nobody) for part in privacy.PARTS[Kind.CLEARANCE]]


def run() -> int:
    cleared: int = sweep.handler({}, _CONTEXT)["cleared"]
    return cleared


def close(door: Door, entered: Answer) -> None:
    body = {"password": PASSWORD, "reason": "The shop has shut."}
    closed = door.call("POST", "/api/tenant/close/", body, token=entered.access)
    assert closed.status == 200, closed.body


def tenant_of(entered: Answer) -> TenantId:
    return TenantId(entered.body["tenant"]["id"])


def stored() -> list[dict[str, Any]]:
    """Everything in the table of tenants but the counters of requests."""
    items = map(aws.unmarshal, aws.dynamodb().scan(TableName=AccessSettings.load().access_table)["Items"])
    return [item for item in items if not item["pk"].startswith("RATE#")]


def deeds(tenant: TenantId) -> list[str]:
    items = tables.query(AuditSettings.load().audit_table, f"T#{tenant}", consistent=True).items
    return [item["action"] for item in items]


def test_it_is_cleared_once_when_it_can_be_reopened_no_more(door: Door, queues: list[Steps], travel: Travel) -> None:
    asha = door.register()
    tenant = tenant_of(asha)
    door.call("POST", "/api/auth/keys/", KEY, token=asha.access)
    close(door, asha)
    travel.ahead = timedelta(days=29)
    assert run() == 0
    travel.ahead = timedelta(days=30, minutes=1)
    assert run() == 1
    for queue in queues:
        (body,) = queue.queued()
        step = Step.of(body)
        assert (step.kind, step.tenant, step.subject) == (Kind.CLEARANCE, tenant, "")
        found = privacy.read(Kind.CLEARANCE, tenant, step.id)
        assert found is not None
        assert found.run == step.run
    left = json.dumps(stored(), default=str)
    assert [gone for gone in ("Duka la Asha", "Till", "APIKEY#", "CLOSINGS") if gone in left] == []
    kept = tenants.get(tenant)
    assert kept is not None
    assert (kept.name, kept.status) == ("", Status.CLOSED)
    assert deeds(tenant).count("tenant.cleared") == 1
    assert run() == 0
    assert [queue.queued() for queue in queues] == [[], []]


def test_members_can_still_come_in_and_erase_their_accounts(door: Door, queues: list[Steps], travel: Travel) -> None:
    asha = door.register()
    close(door, asha)
    travel.ahead = timedelta(days=31)
    run()
    travel.ahead = timedelta()  # tokens are judged by the machine's clock
    again = door.login()
    assert (again.status, again.body["tenant"]["name"], again.body["tenant"]["status"]) == (200, "", "closed")
    erased = door.call("POST", "/api/auth/me/erase/", {"password": PASSWORD}, token=again.access)
    assert erased.status == 204, erased.body
    assert door.login().status == 401
    assert deeds(tenant_of(asha))[-2:] == ["member.removed", "user.erased"]


def test_it_cannot_be_reopened_any_more(door: Door, queues: list[Steps], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANT_REOPEN_WITHIN_S", "0")
    settings.forget()
    asha = door.register()
    close(door, asha)
    assert run() == 1
    again = door.login()
    refused = door.call("POST", "/api/tenant/reopen/", token=again.access)
    assert (refused.status, refused.code) == (409, "conflict")


def test_one_that_was_reopened_is_left_alone_and_forgotten_by_the_list(
    door: Door, queues: list[Steps], travel: Travel
) -> None:
    asha = door.register()
    close(door, asha)
    assert door.call("POST", "/api/tenant/reopen/", token=door.login().access).status == 200
    assert [item for item in stored() if item["pk"] == "CLOSINGS"] == []
    close(door, door.login())
    assert len([item for item in stored() if item["pk"] == "CLOSINGS"]) == 1
    travel.ahead = timedelta(days=31)
    assert run() == 1


def test_a_closing_that_is_not_the_tenants_last_clears_nothing(door: Door, queues: list[Steps], travel: Travel) -> None:
    asha = door.register()
    tenant = tenant_of(asha)
    writes.commit(closings.add(tenant, clock.after(-5)))  # as a reopening leaves it that met another closing
    assert run() == 0
    assert [item for item in stored() if item["pk"] == "CLOSINGS"] == []
    assert [queue.queued() for queue in queues] == [[], []]
    kept = tenants.get(tenant)
    assert kept is not None
    assert kept.name == "Duka la Asha"


def test_another_tenant_and_its_keys_are_left_alone(door: Door, queues: list[Steps], travel: Travel) -> None:
    asha, juma = door.register(), door.register(email="juma@duka.example", phone="0754000111", business_name="Kwa Juma")
    door.call("POST", "/api/auth/keys/", KEY, token=juma.access)
    close(door, asha)
    travel.ahead = timedelta(days=31)
    assert run() == 1
    left = json.dumps(stored(), default=str)
    assert "Kwa Juma" in left
    assert "Till" in left


def test_one_broken_tenant_keeps_no_other_from_its_turn(
    door: Door, queues: list[Steps], travel: Travel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha, juma = door.register(), door.register(email="juma@duka.example", phone="0754000111")
    close(door, asha)
    close(door, juma)
    travel.ahead = timedelta(days=31)
    real = clearing.clear

    def broken(tenant: TenantId, until: str) -> bool:
        if tenant == tenant_of(asha):
            raise LookupError("broken")
        return real(tenant, until)

    monkeypatch.setattr(clearing, "clear", broken)
    assert run() == 1
    monkeypatch.undo()


def test_a_sweep_that_dies_anywhere_is_finished_by_the_next(door: Door, queues: list[Steps], travel: Travel) -> None:
    for at in range(30):
        died = []
        for after in (False, True):
            travel.ahead = timedelta()
            owner = door.register(email=f"o{at}-{after}@duka.example", phone=f"0754{at:03d}{int(after)}11")
            tenant = tenant_of(owner)
            door.call("POST", "/api/auth/keys/", KEY, token=owner.access)
            close(door, owner)
            travel.ahead = timedelta(days=31)
            door.wire.cut(at, after=after)
            try:
                run()
            except Crash:
                died.append(after)
            door.wire.mend()
            run()
            told = [Step.of(queue.queued()[-1]) for queue in queues]
            found = privacy.read(Kind.CLEARANCE, tenant, told[0].id)
            assert found is not None
            assert {step.run for step in told} == {found.run}
            assert [item for item in stored() if item["pk"] == "CLOSINGS"] == []
            assert deeds(tenant).count("tenant.cleared") == 1
            kept = tenants.get(tenant)
            assert kept is not None
            assert kept.name == ""
        if not died:
            return
    raise AssertionError("thirty calls are too many for one tenant")


def test_parts_are_told_in_the_request(door: Door, queues: list[Steps], travel: Travel) -> None:
    asha = door.register()
    close(door, asha)
    travel.ahead = timedelta(days=31)
    run()
    (sms,) = queues[0].queued()
    privacy.advance(sms, Part.SMS, lambda _: privacy.After(), url="")
    found = privacy.read(Kind.CLEARANCE, tenant_of(asha), sms["id"])
    assert found is not None
    assert found.parts == {Part.SMS: privacy.State.DONE, Part.BILLING: privacy.State.RUNNING}
