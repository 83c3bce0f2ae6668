"""API keys through the door: shown once, bound by scopes, addresses and time, revoked everywhere within a minute."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.auth import api_keys
from functions.auth.api_keys import Wish
from functions.auth.doors.keys import NewKeyView
from mifumo import aws, clock, keys
from mifumo.callers import Principal
from mifumo.errors import ValidationFailed
from mifumo.ids import TenantId, UserId
from mifumo.modes import Mode
from mifumo.permissions import Role, Scope
from tests.auth.door import Answer, Door
from tests.builders import token

KEYS, TENANT = "/api/auth/keys/", "/api/tenant/members/"
WISH: dict[str, Any] = {"name": "Web shop", "mode": "live", "scopes": ["tenant:manage"]}


def make(door: Door, *, role: str = "owner", tenant: str = "t1", **wishes: Any) -> Answer:
    return door.call("POST", KEYS, {**WISH, **wishes}, token=token(role=role, tenant=tenant))


def stored() -> str:
    return json.dumps([aws.unmarshal(item) for item in aws.dynamodb().scan(TableName="access")["Items"]])


def test_a_key_is_shown_once_and_stored_as_a_hash(door: Door) -> None:
    made = make(door, name="Duka", expires_at="2099-01-01T00:00:00+03:00")
    assert made.status == 201
    key = made.body["key"]
    assert re.fullmatch(keys.FORM, key)
    assert (made.body["prefix"], made.body["last4"]) == ("mfk_live_", key[-4:])
    assert made.body["expires_at"] == "2098-12-31T21:00:00.000Z"
    (listed,) = door.call("GET", KEYS, token=token()).body["items"]
    assert listed == {name: value for name, value in made.body.items() if name != "key"}
    assert key not in stored()
    assert keys.digest(key) in stored()


def test_a_key_opens_what_its_scope_says_and_nothing_else(door: Door) -> None:
    key = make(door).body["key"]
    assert door.call("GET", TENANT, token=key).status == 200
    assert door.call("GET", KEYS, token=key).code == "forbidden"
    assert door.call("GET", "/api/auth/me/", token=key).code == "forbidden"
    other = make(door, scopes=["sms:read"]).body["key"]
    assert door.call("GET", TENANT, token=other).code == "forbidden"


def test_using_a_key_costs_one_read_cold_and_none_warm(door: Door) -> None:
    key = make(door).body["key"]
    keys.forget()
    door.call("GET", TENANT, token=key)
    door.call("GET", TENANT, token=key)
    assert door.wire.count("GetItem") == 0
    keys.forget()
    door.call("GET", TENANT, token=key)
    assert door.wire.count("GetItem") == 1


def test_when_a_key_was_used_last_is_told(door: Door) -> None:
    made = make(door)
    assert made.body["last_used_at"] is None
    door.call("GET", TENANT, token=made.body["key"])
    (listed,) = door.call("GET", KEYS, token=token()).body["items"]
    assert listed["last_used_at"] >= made.body["created_at"]


def test_a_revoked_key_stops_within_a_minute_and_stays_on_the_list(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    made, mine = make(door), token()
    key, path = made.body["key"], f"{KEYS}{made.body['id']}/"
    assert door.call("GET", TENANT, token=key).status == 200
    assert [door.call("DELETE", path, token=token()).status for _ in range(2)] == [204, 204]
    later = clock.epoch() + 60
    monkeypatch.setattr(clock, "epoch", lambda: later)
    refused = door.call("GET", TENANT, token=key)
    assert (refused.status, refused.code) == (401, "invalid_credentials")
    (listed,) = door.call("GET", KEYS, token=mine).body["items"]
    assert listed["revoked_at"]


def test_unknown_mistyped_expired_and_revoked_keys_are_refused_alike(door: Door) -> None:
    made = make(door, expires_at="2099-01-01T00:00:00Z")
    door.call("DELETE", f"{KEYS}{made.body['id']}/", token=token())
    good = make(door).body["key"]
    wrong = [made.body["key"], good[:-1] + ("a" if good[-1] != "a" else "b"), keys.mint(Mode.LIVE), "mfk_live_"]
    refusals = [door.call("GET", TENANT, token=key).body for key in wrong]
    assert all({**refusal, "request_id": ""} == {**refusals[0], "request_id": ""} for refusal in refusals)


def test_a_key_that_is_bound_to_addresses_works_from_those_alone(door: Door) -> None:
    key = make(door, allowed_ips=["196.41.32.0/24", "2001:db8::1"]).body["key"]
    assert door.call("GET", TENANT, token=key, ip="196.41.32.77").status == 200
    refused = door.call("GET", TENANT, token=key, ip="41.59.1.1")
    assert (refused.status, refused.code) == (403, "ip_not_allowed")


def test_a_key_of_another_tenant_is_not_there(door: Door) -> None:
    made = make(door)
    path = f"{KEYS}{made.body['id']}/"
    assert door.call("DELETE", path, token=token(tenant="t2")).status == 404
    assert door.call("DELETE", f"{KEYS}nonsense/", token=token()).status == 404
    assert door.call("GET", KEYS, token=token(tenant="t2")).body["items"] == []
    assert door.call("GET", TENANT, token=made.body["key"]).status == 200


@pytest.mark.parametrize(("method", "path"), [("POST", KEYS), ("GET", KEYS), ("DELETE", f"{KEYS}k/")])
def test_strangers_agents_and_support_manage_no_keys(door: Door, method: str, path: str) -> None:
    assert door.call(method, path, WISH, token=None).status == 401
    for role in ("agent", "support"):
        assert door.call(method, path, WISH, token=token(role=role)).status == 403


@pytest.mark.parametrize(
    ("wishes", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"mode": "prod"}, "/mode"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["sms:everything"]}, "/scopes"),
        ({"mode": "test", "scopes": ["billing:pay"]}, "/scopes"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "/expires_at"),
        ({"allowed_ips": ["somewhere"]}, "/allowed_ips/0"),
        ({"surplus": 1}, "/surplus"),
    ],
    ids=str,
)
def test_a_wish_that_cannot_be_met_names_its_field_and_makes_nothing(
    door: Door, wishes: dict[str, Any], pointer: str
) -> None:
    refused = make(door, **wishes)
    assert refused.status == 422
    assert any(error["pointer"].startswith(pointer) for error in refused.body["errors"]), refused.body
    assert door.call("GET", KEYS, token=token()).body["items"] == []


def test_nobody_gives_a_key_more_than_they_may_do() -> None:
    for role in Role:
        for scope in Scope:
            wish = api_keys.Wish("x", Mode.LIVE, frozenset({scope}))
            allowed = role in {Role.OWNER, Role.ADMIN, Role.STAFF} or scope in {Scope.SMS_SEND, Scope.SMS_READ}
            if role is Role.SUPPORT and scope is Scope.BILLING_READ:
                allowed = True
            try:
                api_keys._require_givable(role, wish)
            except ValidationFailed:
                assert not allowed, (role, scope)
            else:
                assert allowed, (role, scope)


def test_fifty_keys_are_the_most_however_many_are_asked_for_at_once(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "LIVE_MAX", 3)
    door.wire.take_turns()
    owner, wish = Principal(TenantId("t1"), UserId("u1"), Role.OWNER), Wish("x", Mode.LIVE, frozenset({Scope.SMS_READ}))

    def ask(_: int) -> bool:
        try:
            api_keys.create(owner, wish)
        except api_keys.TooManyKeys:
            return False
        return True

    # The noun, because a door answers one request at a time.
    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(ask, range(8))) == [False] * 5 + [True] * 3
    refused = make(door)
    assert (refused.status, refused.code) == (409, "too_many_keys")
    (first, *_) = door.call("GET", KEYS, token=token()).body["items"]
    assert door.call("DELETE", f"{KEYS}{first['id']}/", token=token()).status == 204
    assert make(door).status == 201


def test_making_and_revoking_stand_in_the_audit_log(door: Door) -> None:
    made = make(door)
    door.call("DELETE", f"{KEYS}{made.body['id']}/", token=token())
    entries = [aws.unmarshal(item) for item in aws.dynamodb().scan(TableName="audit")["Items"]]
    assert sorted((entry["action"], entry["target"]) for entry in entries) == [
        ("key.created", made.body["id"]),
        ("key.revoked", made.body["id"]),
    ]
    assert made.body["key"] not in json.dumps(entries)


def test_the_list_goes_on_page_by_page(door: Door) -> None:
    made = [make(door, name=f"Key {number}").body["id"] for number in range(3)]
    first = door.call("GET", KEYS, token=token(), query={"limit": "2"}).body
    second = door.call("GET", KEYS, token=token(), query={"limit": "2", "cursor": first["next"]}).body
    assert [item["id"] for item in [*first["items"], *second["items"]]] == made[::-1]


def test_a_closed_tenants_keys_end_together_and_nobody_elses(door: Door) -> None:
    mine = [make(door).body["key"] for _ in range(2)]
    others = make(door, tenant="t2").body["key"]
    assert api_keys.revoke_all(TenantId("t1")) == 2
    assert api_keys.revoke_all(TenantId("t1")) == 0
    keys.forget()
    assert [door.call("GET", TENANT, token=key).status for key in [*mine, others]] == [401, 401, 200]


def test_the_example_of_a_key_is_nobodys() -> None:
    example = NewKeyView.model_fields["key"].examples
    assert example
    assert not keys._well_formed(example[0])
