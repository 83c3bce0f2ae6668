"""A send that names no sender ID: it goes under the tenant's own default, while that may be used, or not at all."""

from typing import Any

import pytest

from mifumo.ids import TenantId
from tests.builders import token
from tests.sms.world import World

BODY: dict[str, Any] = {"text": "Habari", "recipients": ["0712000010"]}


@pytest.fixture(params=[False, True], ids=["sent", "rehearsed"])
def body(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A send and its rehearsal, which answers alike."""
    return {**BODY, "dry_run": request.param}


def test_a_send_without_a_sender_id_goes_under_the_default_in_its_approved_form(
    world: World, body: dict[str, Any]
) -> None:
    world.prefer(default_sender_id="info")
    status, batch = world.call("POST", "/api/sms/send/", body)
    assert (status, batch["sender_id"]) == (200 if body["dry_run"] else 202, "INFO")


def test_what_the_request_names_goes_before_the_default(world: World, body: dict[str, Any]) -> None:
    world.prefer(default_sender_id="INFO")
    _, batch = world.call("POST", "/api/sms/send/", {**body, "sender_id": "Taarifa-SMS"})
    assert batch["sender_id"] == "Taarifa-SMS"


@pytest.mark.parametrize("given", [{}, {"sender_id": None}])
def test_without_either_the_field_is_named_and_what_to_do_and_nothing_is_held(
    world: World, body: dict[str, Any], given: dict[str, Any]
) -> None:
    status, problem = world.call("POST", "/api/sms/send/", {**body, **given})
    (error,) = problem["errors"]
    assert (status, error["pointer"], error["code"]) == (422, "/sender_id", "missing")
    assert "PATCH /api/tenant/" in error["detail"]
    assert world.wallet() == (5_000, 0)


@pytest.mark.parametrize("name", ["Quantum", "MIFUMO"])
def test_a_default_that_may_not_be_used_when_it_is_sent_is_refused(
    world: World, body: dict[str, Any], name: str
) -> None:
    world.prefer(default_sender_id=name)
    status, problem = world.call("POST", "/api/sms/send/", body)
    assert (status, problem["code"]) == (403, "sender_id_not_allowed")
    assert world.wallet() == (5_000, 0)


def test_another_tenants_default_is_not_ours(world: World, body: dict[str, Any]) -> None:
    world.prefer(default_sender_id="INFO")
    world.fund(10, tenant=TenantId("t2"))
    status, problem = world.call("POST", "/api/sms/send/", body, token=token(tenant="t2"))
    assert (status, problem["errors"][0]["pointer"]) == (422, "/sender_id")


def test_the_same_request_is_the_same_under_another_default(world: World) -> None:
    headers = {"Idempotency-Key": "k-1"}
    world.prefer(default_sender_id="INFO")
    _, first = world.call("POST", "/api/sms/send/", BODY, headers=headers)
    world.prefer(default_sender_id="Taarifa-SMS")
    status, again = world.call("POST", "/api/sms/send/", BODY, headers=headers)
    assert (status, again["id"], again["sender_id"]) == (202, first["id"], "INFO")
    status, problem = world.call("POST", "/api/sms/send/", {**BODY, "sender_id": "INFO"}, headers=headers)
    assert (status, problem["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(("name", "shown"), [("info", "INFO"), ("Quantum", None), ("", None)])
def test_the_capability_tells_the_default_that_can_be_used(world: World, name: str, shown: str | None) -> None:
    world.prefer(default_sender_id=name)
    assert world.call("GET", "/api/sms/capability/")[1]["default_sender_id"] == shown
