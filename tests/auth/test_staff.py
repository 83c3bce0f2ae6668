"""Staff: looking at tenants, and suspending them with a reason that the tenant can read."""

from typing import Any

import pytest

from mifumo import aws, tenants
from mifumo.audit import AuditSettings
from mifumo.ids import TenantId
from mifumo.tenants import TenantSuspended
from tests.auth.door import Door
from tests.builders import token

STAFF, SUPPORT = token(tenant="platform", user="s1", role="staff"), token(tenant="platform", user="s2", role="support")
REASON = {"reason": "Texts that pretend to come from a bank."}


def _deeds(tenant: str) -> list[Any]:
    items = [aws.unmarshal(item) for item in aws.dynamodb().scan(TableName=AuditSettings.load().audit_table)["Items"]]
    return [item for item in items if item["tenant_id"] == tenant and item["action"].startswith("tenant.")]


def test_a_suspended_tenant_reads_and_can_neither_send_nor_pay_until_it_is_reactivated(door: Door) -> None:
    entered = door.register()
    tenant = TenantId(entered.body["tenant"]["id"])
    path = f"/api/admin/auth/tenants/{tenant}/"
    suspended = door.call("POST", f"{path}suspend/", REASON, token=STAFF)
    assert (suspended.status, suspended.body["status"]) == (200, "suspended")
    assert suspended.body["suspended_because"] == REASON["reason"]
    assert door.me(entered.access).body["tenant"]["status"] == "suspended"
    with pytest.raises(TenantSuspended):
        tenants.require_able(tenants.get(tenant))
    assert door.call("POST", f"{path}suspend/", REASON, token=STAFF).status == 409
    assert door.call("POST", f"{path}reactivate/", REASON, token=STAFF).body["status"] == "active"
    assert tenants.require_able(tenants.get(tenant)).suspended_because == ""
    assert door.call("POST", f"{path}reactivate/", REASON, token=STAFF).status == 409
    assert sorted((deed["action"], deed["reason"]) for deed in _deeds(tenant)) == [
        ("tenant.reactivated", REASON["reason"]),
        ("tenant.suspended", REASON["reason"]),
    ]


def test_support_looks_at_a_tenant_and_its_members_and_suspends_nobody(door: Door) -> None:
    entered = door.register()
    path = f"/api/admin/auth/tenants/{entered.body['tenant']['id']}/"
    assert door.call("GET", path, token=SUPPORT).body["name"] == "Duka la Asha"
    assert [one["role"] for one in door.call("GET", f"{path}members/", token=SUPPORT).body["items"]] == ["owner"]
    assert door.call("POST", f"{path}suspend/", REASON, token=SUPPORT).status == 403
    assert _deeds(entered.body["tenant"]["id"]) == []


def test_a_tenants_own_people_and_strangers_get_nowhere(door: Door) -> None:
    entered = door.register()
    path = f"/api/admin/auth/tenants/{entered.body['tenant']['id']}/"
    for method, way in (("GET", ""), ("GET", "members/"), ("POST", "suspend/"), ("POST", "reactivate/")):
        body = REASON if method == "POST" else None
        assert door.call(method, path + way, body, token=entered.access).status == 403
        assert door.call(method, path + way, body).status == 401


def test_a_tenant_that_is_not_there_and_a_deed_without_a_reason_are_refused(door: Door) -> None:
    entered = door.register()
    for way in ("suspend/", "reactivate/"):
        assert door.call("POST", f"/api/admin/auth/tenants/none/{way}", REASON, token=STAFF).status == 404
        path = f"/api/admin/auth/tenants/{entered.body['tenant']['id']}/{way}"
        assert door.call("POST", path, {"reason": "  "}, token=STAFF).status == 422
    assert door.call("GET", "/api/admin/auth/tenants/none/", token=STAFF).status == 404
