"""A tenant's settings: who sees and who changes them, what is refused, and that of two changes one is made."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.auth import tenant_settings, users
from mifumo import aws, tables, tenants, writes
from mifumo.audit import AuditSettings
from mifumo.callers import Principal
from mifumo.errors import AppError
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from mifumo.tenants import AccessSettings
from tests.auth.door import Answer, Door
from tests.builders import token
from tests.wire import Crash

PATH = "/api/tenant/"
HOURS = {"from": "21:00", "to": "07:00", "time_zone": "Africa/Dar_es_Salaam"}
ALL: dict[str, Any] = {
    "name": "Duka Jipya",
    "default_sender_id": "Quantum",
    "quiet_hours": HOURS,
    "daily_cap": 5000,
    "batch_credit_cap": 9000,
    "foreign_countries": ["KE", "UG"],
    "require_second_factor": True,
    "refund_undelivered": True,
}
UNSET: dict[str, Any] = {
    "default_sender_id": None,
    "quiet_hours": None,
    "daily_cap": None,
    "batch_credit_cap": None,
    "foreign_countries": [],
    "require_second_factor": False,
    "refund_undelivered": False,
}


def see(door: Door, access: str | None) -> Answer:
    return door.call("GET", PATH, token=access)


def change(door: Door, access: str | None, version: int = 0, **fields: Any) -> Answer:
    return door.call("PATCH", PATH, {"version": version, **fields}, token=access)


def tenant_of(entered: Answer) -> TenantId:
    return TenantId(entered.body["tenant"]["id"])


def deeds(tenant: TenantId) -> list[Any]:
    items = [aws.unmarshal(item) for item in aws.dynamodb().scan(TableName=AuditSettings.load().audit_table)["Items"]]
    names = {"tenant.renamed", "tenant.settings_changed"}
    return sorted(
        (item for item in items if item["tenant_id"] == tenant and item["action"] in names), key=lambda item: item["sk"]
    )


def enrolled(door: Door, tenant: TenantId, role: Role) -> str:
    """Makes Juma a member in a role; returns his token for the tenant."""
    juma = door.register(email=f"{role}@duka.example", phone="0754000111", ip=f"196.41.34.{len(role)}")
    writes.transact(*users.enrol(UserId(juma.body["user"]["id"]), tenant, role))
    return door.call("POST", "/api/auth/switch/", {"tenant_id": tenant}, token=juma.access).access


def test_a_new_tenant_has_set_nothing(door: Door) -> None:
    asha = door.register()
    seen = see(door, asha.access)
    assert seen.status == 200
    assert seen.body == {
        "id": tenant_of(asha),
        "name": "Duka la Asha",
        "status": "active",
        "verified": True,
        "version": 0,
        **UNSET,
    }


def test_what_an_owner_sets_is_seen_kept_and_told_with_what_it_was(door: Door) -> None:
    asha = door.register()
    changed = change(door, asha.access, **ALL)
    assert changed.status == 200
    assert changed.body.items() >= {**ALL, "version": 1}.items()
    assert see(door, asha.access).body == changed.body
    assert door.me(asha.access).body["tenant"]["name"] == "Duka Jipya"
    renamed, settings = sorted(deeds(tenant_of(asha)), key=lambda deed: str(deed["action"]))
    assert (renamed["before"], renamed["after"]) == ({"name": "Duka la Asha"}, {"name": "Duka Jipya"})
    chosen = {name: value for name, value in ALL.items() if name != "name"}
    assert (settings["before"], settings["after"]) == (dict.fromkeys(chosen), chosen)
    assert {deed["target"] for deed in (renamed, settings)} == {tenant_of(asha)}


def test_what_is_left_out_stays_and_null_sets_back(door: Door) -> None:
    asha = door.register()
    assert change(door, asha.access, **ALL).status == 200
    assert change(door, asha.access, 1, daily_cap=9).body.items() >= {**ALL, "daily_cap": 9, "version": 2}.items()
    cleared = change(door, asha.access, 2, **dict.fromkeys(UNSET))
    assert cleared.body.items() >= {**UNSET, "name": "Duka Jipya", "version": 3}.items()
    told = [deed for deed in deeds(tenant_of(asha)) if deed["before"].get("daily_cap") == 9]
    assert [deed["after"]["daily_cap"] for deed in told] == [None]
    stored = tables.get(AccessSettings.load().access_table, tenants.key(tenant_of(asha)))
    assert stored is not None
    assert stored["preferences"] == {}


def test_the_second_factor_stands_under_its_name_where_signing_in_looks_for_it(door: Door) -> None:
    asha = door.register()
    assert change(door, asha.access, require_second_factor=True).status == 200
    stored = tables.get(AccessSettings.load().access_table, tenants.key(tenant_of(asha)))
    assert stored is not None
    assert stored["preferences"] == {"require_second_factor": True}


def test_what_changes_nothing_is_answered_and_not_recorded(door: Door) -> None:
    asha = door.register()
    assert change(door, asha.access, daily_cap=None, name="Duka la Asha").body["version"] == 0
    assert deeds(tenant_of(asha)) == []
    assert door.wire.count("TransactWriteItems", "UpdateItem") == 0


def test_a_change_of_what_was_read_too_long_ago_is_refused_and_changes_nothing(door: Door) -> None:
    asha = door.register()
    assert change(door, asha.access, daily_cap=5).status == 200
    for version in (0, 2):
        stale = change(door, asha.access, version, daily_cap=6)
        assert (stale.status, stale.code) == (409, "settings_changed")
    assert see(door, asha.access).body["daily_cap"] == 5


def test_countries_are_read_in_either_case_once_and_tanzania_is_always_among_them(door: Door) -> None:
    asha = door.register()
    changed = change(door, asha.access, foreign_countries=["ug", "KE", "TZ", "UG"])
    assert changed.body["foreign_countries"] == ["KE", "UG"]


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({}, "body", "nothing_to_change"),
        ({"name": None}, "/name", "name_missing"),
        ({"name": "  "}, "/name", "string_too_short"),
        ({"name": "Duka\n2"}, "/name", "text_unprintable"),
        ({"default_sender_id": "TwelveLetter"}, "/default_sender_id", "string_too_long"),
        ({"daily_cap": 0}, "/daily_cap", "greater_than_equal"),
        ({"daily_cap": 1_000_000_001}, "/daily_cap", "less_than_equal"),
        ({"foreign_countries": ["KENYA"]}, "/foreign_countries/0", "country_unknown"),
        ({"foreign_countries": ["ZZ"]}, "/foreign_countries/0", "country_unknown"),
        ({"quiet_hours": {"from": "21:00"}}, "/quiet_hours/to", "missing"),
        ({"quiet_hours": {**HOURS, "to": "24:00"}}, "/quiet_hours/to", "string_pattern_mismatch"),
        ({"quiet_hours": {**HOURS, "to": "21:00"}}, "/quiet_hours", "quiet_hours_empty"),
        ({"quiet_hours": {**HOURS, "from": "08:05", "to": "08:00"}}, "/quiet_hours", "quiet_hours_too_long"),
        ({"quiet_hours": {**HOURS, "from": "00:10", "to": "23:30"}}, "/quiet_hours", "quiet_hours_too_long"),
        ({"quiet_hours": {**HOURS, "time_zone": "Mars/Olympus"}}, "/quiet_hours/time_zone", "time_zone_unknown"),
        ({"quiet_hours": {**HOURS, "zone": "UTC"}}, "/quiet_hours/zone", "extra_forbidden"),
        ({"refund": True}, "/refund", "extra_forbidden"),
    ],
)
def test_what_cannot_be_set_is_refused_with_the_reason(
    door: Door, fields: dict[str, Any], pointer: str, code: str
) -> None:
    asha = door.register()
    refused = change(door, asha.access, **fields)
    assert refused.status == 422
    assert [(error["pointer"], error["code"]) for error in refused.body["errors"]] == [(pointer, code)]
    assert see(door, asha.access).body["version"] == 0
    assert deeds(tenant_of(asha)) == []


def test_a_change_without_the_version_that_was_read_is_refused(door: Door) -> None:
    asha = door.register()
    refused = door.call("PATCH", PATH, {"daily_cap": 5}, token=asha.access)
    assert (refused.status, refused.body["errors"][0]["pointer"]) == (422, "/version")


def test_strangers_see_nothing_and_agents_see_and_change_nothing(door: Door) -> None:
    asha = door.register()
    agent = enrolled(door, tenant_of(asha), Role.AGENT)
    assert (see(door, None).status, change(door, None, daily_cap=5).status) == (401, 401)
    assert see(door, agent).body["name"] == "Duka la Asha"
    assert (change(door, agent, daily_cap=5).status, change(door, agent, daily_cap=5).code) == (403, "forbidden")
    assert see(door, asha.access).body["version"] == 0


def test_another_tenants_owner_changes_their_own(door: Door) -> None:
    asha = door.register()
    juma = door.register(email="juma@duka.example", phone="0754000111", business_name="Duka la Juma")
    assert change(door, juma.access, daily_cap=5).body["id"] == tenant_of(juma)
    assert see(door, asha.access).body["daily_cap"] is None
    nobodys = token(tenant="nobody", role="owner")
    assert (see(door, nobodys).status, change(door, nobodys, daily_cap=5).status) == (404, 404)


def test_only_an_owner_says_whether_members_need_a_second_factor(door: Door) -> None:
    asha = door.register()
    admin = enrolled(door, tenant_of(asha), Role.ADMIN)
    assert change(door, admin, daily_cap=5, require_second_factor=True).status == 403
    assert change(door, admin, daily_cap=5, require_second_factor=False).body["version"] == 1
    assert change(door, asha.access, 1, require_second_factor=True).status == 200
    assert change(door, admin, 2, require_second_factor=None).status == 403
    assert see(door, admin).body["require_second_factor"] is True


def test_a_key_of_the_scope_sees_and_changes_all_but_what_is_an_owners(door: Door) -> None:
    asha = door.register()

    def key(scope: str) -> str:
        wish = {"name": scope, "mode": "live", "scopes": [scope]}
        return str(door.call("POST", "/api/auth/keys/", wish, token=asha.access).body["key"])

    managing, sending = key("tenant:manage"), key("sms:send")
    assert change(door, managing, daily_cap=5).body["daily_cap"] == 5
    assert see(door, managing).body["version"] == 1
    assert change(door, managing, 1, require_second_factor=True).status == 403
    assert (see(door, sending).status, change(door, sending, 1, daily_cap=6).status) == (403, 403)
    assert deeds(tenant_of(asha))[0]["actor"].startswith("key:")


def test_an_admin_who_was_removed_a_moment_ago_changes_nothing(door: Door) -> None:
    asha = door.register()
    admin = enrolled(door, tenant_of(asha), Role.ADMIN)
    member = door.call("GET", "/api/tenant/members/", token=asha.access).body["items"]
    juma = next(one["id"] for one in member if one["role"] == "admin")
    assert door.call("DELETE", f"/api/tenant/members/{juma}/", token=asha.access).status == 204
    assert change(door, admin, daily_cap=5).status == 403
    assert see(door, asha.access).body["version"] == 0


def test_of_many_changes_at_once_one_is_made_and_recorded(door: Door) -> None:
    asha = door.register()
    owner = Principal(tenant_of(asha), UserId(asha.body["user"]["id"]), Role.OWNER)
    door.wire.take_turns()

    def one(cap: int) -> str:
        try:
            return str(tenant_settings.change(owner, version=0, name=None, wanted={"daily_cap": cap}).settings_version)
        except AppError as refusal:
            return refusal.code

    with ThreadPoolExecutor(8) as threads:
        outcomes = sorted(threads.map(one, range(1, 17)))
    assert outcomes == ["1", *["settings_changed"] * 15]
    (told,) = deeds(tenant_of(asha))
    assert see(door, asha.access).body["daily_cap"] == told["after"]["daily_cap"]


@pytest.mark.parametrize("after", [False, True])
def test_whoever_is_cut_off_finds_all_of_the_change_or_none(door: Door, *, after: bool) -> None:
    asha = door.register()
    assert change(door, asha.access, daily_cap=1).status == 200
    for at in range(door.wire.count()):
        version = see(door, asha.access).body["version"]
        door.wire.cut(at, after=after)
        with pytest.raises(Crash):
            change(door, asha.access, version, daily_cap=100 + at, name=f"Duka {at}")
        door.wire.mend()
        now = see(door, asha.access).body
        made = now["version"] > version
        assert (now["daily_cap"] == 100 + at, now["name"] == f"Duka {at}") == (made, made)
        told = [deed for deed in deeds(tenant_of(asha)) if 100 + at == deed["after"].get("daily_cap")]
        assert len(told) == made
