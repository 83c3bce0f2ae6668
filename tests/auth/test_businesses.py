"""Businesses: a person with several tenants, and tokens that each speak for one of them."""

from typing import Any

import pytest

from tests.auth.door import Answer, Door

TENANTS, SWITCH = "/api/auth/tenants/", "/api/auth/switch/"


def _another(door: Door, entered: Answer) -> Any:
    made = door.call("POST", TENANTS, {"business_name": "Duka la Pili"}, token=entered.access)
    assert made.status == 201, made.body
    return made.body


def _names(door: Door, token: str) -> set[tuple[str, str, str]]:
    items = door.call("GET", TENANTS, token=token).body["items"]
    return {(item["tenant"]["name"], item["role"], item["status"]) for item in items}


@pytest.mark.parametrize(("method", "path"), [("GET", TENANTS), ("POST", TENANTS), ("POST", SWITCH)])
def test_a_stranger_has_no_tenants(door: Door, method: str, path: str) -> None:
    assert door.call(method, path, {} if method == "POST" else None).status == 401


def test_another_business_is_owned_by_who_opens_it(door: Door) -> None:
    entered = door.register()
    made = _another(door, entered)
    assert (made["role"], made["tenant"]["status"], made["tenant"]["verified"]) == ("owner", "active", True)
    assert _names(door, entered.access) == {("Duka la Asha", "owner", "active"), ("Duka la Pili", "owner", "active")}


def test_a_business_without_a_name_is_not_made(door: Door) -> None:
    entered = door.register()
    assert door.call("POST", TENANTS, {"business_name": " "}, token=entered.access).status == 422
    assert len(_names(door, entered.access)) == 1


def test_t1_the_tenant_comes_from_the_token_whatever_the_host_says(door: Door) -> None:
    entered = door.register()
    other = door.register(email="other@duka.example", phone="0712345679", business_name="Another")
    spoofed = door.call(
        "GET", "/api/auth/me/", token=entered.access, headers={"Host": f"{other.body['tenant']['id']}.localhost"}
    )
    assert spoofed.body["tenant"] == entered.body["tenant"]


def test_t5_switching_gives_tokens_for_the_other_tenant_and_leaves_the_old_ones_alone(door: Door) -> None:
    entered = door.register()
    made = _another(door, entered)
    assert door.me(entered.access).body["tenant"]["name"] == "Duka la Asha"
    switched = door.call("POST", SWITCH, {"tenant_id": made["tenant"]["id"]}, token=entered.access)
    assert (switched.status, switched.body["tenant"]["name"]) == (200, "Duka la Pili")
    assert door.me(switched.access).body["tenant"]["name"] == "Duka la Pili"
    assert door.me(entered.access).body["tenant"]["name"] == "Duka la Asha"
    assert door.refresh(entered.refresh).status == 200
    assert door.refresh(switched.refresh).status == 200


def test_nobody_switches_to_a_tenant_that_is_not_theirs(door: Door) -> None:
    entered = door.register()
    other = door.register(email="other@duka.example", phone="0712345679", business_name="Another")
    for tenant in (other.body["tenant"]["id"], "no-such-tenant"):
        assert door.call("POST", SWITCH, {"tenant_id": tenant}, token=entered.access).status == 404
    assert len(_names(door, entered.access)) == 1


def test_a_session_that_has_ended_switches_nowhere(door: Door) -> None:
    entered = door.register()
    made = _another(door, entered)
    door.logout(entered.refresh)
    assert door.call("POST", SWITCH, {"tenant_id": made["tenant"]["id"]}, token=entered.access).status == 401
