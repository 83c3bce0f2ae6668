"""Closing a tenant: who may, what it ends, what still works, and that a crash in between ends no less."""

from datetime import timedelta
from typing import Any

import pytest

from functions.auth import sessions, users
from mifumo import aws, clock, tenants, writes
from mifumo.audit import AuditSettings
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from mifumo.tenants import AccessSettings, TenantClosed
from tests.auth.door import PASSWORD, Answer, Door
from tests.builders import token
from tests.wire import Crash

CLOSE, REOPEN = "/api/tenant/close/", "/api/tenant/reopen/"
KEY = {"name": "Till", "mode": "live", "scopes": ["sms:send"]}


def close(door: Door, access: str | None, password: str = PASSWORD) -> Answer:
    return door.call("POST", CLOSE, {"password": password, "reason": "The shop has shut."}, token=access)


def tenant_of(entered: Answer) -> TenantId:
    return TenantId(entered.body["tenant"]["id"])


def deeds(tenant: TenantId) -> list[Any]:
    items = [aws.unmarshal(item) for item in aws.dynamodb().scan(TableName=AuditSettings.load().audit_table)["Items"]]
    return sorted(item["action"] for item in items if item["tenant_id"] == tenant and "tenant." in item["action"])


def live_lookups() -> list[Any]:
    items = aws.dynamodb().scan(TableName=AccessSettings.load().access_table)["Items"]
    return [item for item in map(aws.unmarshal, items) if item["pk"].startswith("KEY#")]


def test_a_closed_tenant_reads_and_can_neither_send_nor_pay_until_it_is_reopened(door: Door) -> None:
    asha = door.register()
    closed = close(door, asha.access)
    assert (closed.status, closed.body["status"]) == (200, "closed")
    assert clock.parse(closed.body["reopen_until"]) > clock.now() + timedelta(days=29)
    with pytest.raises(TenantClosed):
        tenants.require_able(tenants.get(tenant_of(asha)))
    assert door.refresh(asha.refresh).status == 401
    again = door.login()
    assert door.me(again.access).body["tenant"]["status"] == "closed"
    reopened = door.call("POST", REOPEN, token=again.access)
    assert (reopened.body["status"], reopened.body["reopen_until"]) == ("active", None)
    assert tenants.require_able(tenants.get(tenant_of(asha))).reopen_until == ""
    assert deeds(tenant_of(asha)) == ["tenant.closed", "tenant.reopened"]


def test_closing_ends_members_sessions_here_and_no_others_and_every_key(door: Door) -> None:
    asha = door.register()
    juma = door.register(email="juma@duka.example", phone="0754000111")
    member = UserId(juma.body["user"]["id"])
    writes.transact(*users.enrol(member, tenant_of(asha), Role.AGENT))
    switched = door.call("POST", "/api/auth/switch/", {"tenant_id": tenant_of(asha)}, token=juma.access)
    assert switched.status == 200
    assert door.call("POST", "/api/auth/keys/", KEY, token=asha.access).status == 201
    assert len(live_lookups()) == 1
    assert close(door, asha.access).status == 200
    assert tenant_of(asha) not in {session.tenant for session in sessions.all_open(member)}
    assert list(sessions.all_open(UserId(asha.body["user"]["id"]))) == []
    assert live_lookups() == []


@pytest.mark.parametrize("role", ["admin", "agent", "support"])
def test_nobody_but_an_owner_closes_or_reopens(door: Door, role: str) -> None:
    asha = door.register()
    lesser = token(tenant=tenant_of(asha), user=asha.body["user"]["id"], role=role)
    for access, status in ((lesser, 403), (None, 401)):
        assert close(door, access).status == status
        assert door.call("POST", REOPEN, token=access).status == status
    assert door.me(asha.access).body["tenant"]["status"] == "active"


def test_a_wrong_password_and_a_missing_reason_close_nothing(door: Door) -> None:
    asha = door.register()
    assert close(door, asha.access, "not the password").status == 401
    assert door.call("POST", CLOSE, {"password": PASSWORD, "reason": " "}, token=asha.access).status == 422
    assert door.me(asha.access).body["tenant"]["status"] == "active"
    assert deeds(tenant_of(asha)) == []


def test_closing_and_reopening_do_not_lift_a_suspension(door: Door) -> None:
    asha = door.register()
    writes.commit(tenants.suspend(tenant_of(asha), reason="Fraud."))
    assert close(door, asha.access).status == 409
    assert door.call("POST", REOPEN, token=asha.access).status == 409
    assert door.me(asha.access).body["tenant"]["status"] == "suspended"


def test_what_is_open_or_was_closed_too_long_ago_is_not_reopened(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    asha = door.register()
    assert door.call("POST", REOPEN, token=asha.access).status == 409
    monkeypatch.setenv("TENANT_REOPEN_WITHIN_S", "0")
    assert close(door, asha.access).status == 200
    assert door.call("POST", REOPEN, token=door.login().access).status == 409
    assert tenants.get(tenant_of(asha)).status == "closed"  # type: ignore[union-attr]


@pytest.mark.parametrize("after", [False, True])
def test_whoever_is_cut_off_at_any_call_asks_again_and_everything_has_ended(door: Door, *, after: bool) -> None:
    asha = door.register()
    assert door.call("POST", "/api/auth/keys/", KEY, token=asha.access).status == 201
    assert close(door, asha.access).status == 200
    calls = door.wire.count()
    for at in range(calls):
        email = f"asha{at}@duka.example"
        asha = door.register(email=email, phone=f"07120000{at:02}", ip=f"196.41.33.{at}")
        assert door.call("POST", "/api/auth/keys/", KEY, token=asha.access).status == 201
        door.wire.cut(at, after=after)
        with pytest.raises(Crash):
            close(door, asha.access)
        door.wire.mend()
        assert close(door, asha.access).status == 200
        assert tenants.get(tenant_of(asha)).status == "closed"  # type: ignore[union-attr]
        assert deeds(tenant_of(asha)) == ["tenant.closed"]
        assert list(sessions.all_open(UserId(asha.body["user"]["id"]))) == []
        assert live_lookups() == []
