"""A test key changes tests alone: what is live it reads, and every route that would change it refuses."""

import json
from datetime import timedelta
from typing import Any

import pytest

from functions.auth import api_keys
from functions.sms import messaging
from mifumo import aws, clock
from mifumo.callers import NotForTestKeys, Principal
from mifumo.ids import TenantId
from mifumo.modes import Mode
from mifumo.permissions import RULES, Action, Role
from tests.sms.files import PATH, campaign, put, split
from tests.sms.test_mode import key
from tests.sms.world import TENANT, World
from tools import openapi

BATCH = "/api/sms/batches/{batch_id}/"
# What a test key may call, with `sms:send`, that changes something: the first three make what has its own mode.
MAKING = {"POST /api/sms/send/", "POST /api/sms/batches/", "POST /api/sms/uploads/"}
CHANGING = {
    f"PATCH {BATCH}",
    f"POST {BATCH}pause/",
    f"POST {BATCH}resume/",
    f"POST {BATCH}cancel/",
    "DELETE /api/sms/uploads/{upload_id}/",
}
# It answers what a text would come to.
READING = {"POST /api/sms/templates/{template_id}/preview/"}


def later(hours: int) -> str:
    return clock.stamp(clock.now() + timedelta(hours=hours))


def made_for(world: World, operation: str, **options: Any) -> Any:
    """Sends what the operation can be asked of: only what waits can be moved, only what is paused resumed."""
    body = {"sender_id": "INFO", "text": "Habari", "recipients": ["0712000010"]}
    due = {"send_at": later(2)} if "PATCH" in operation else {}
    status, batch = world.call("POST", "/api/sms/send/", {**body, **due}, **options)
    assert status == 202
    if "resume" in operation:
        assert world.call("POST", f"/api/sms/batches/{batch['id']}/pause/", **options)[0] == 200
    return batch


def change(world: World, operation: str, made: Any, bearer: str) -> tuple[int, Any]:
    method, path = operation.split()
    body = {"send_at": later(3)} if method == "PATCH" else None
    return world.call(method, path.format(batch_id=made["id"], upload_id=made["id"]), body, token=bearer)


@pytest.mark.parametrize("operation", sorted(one for one in CHANGING if BATCH in one))
def test_a_test_key_leads_no_live_batch(world: World, operation: str) -> None:
    batch = made_for(world, operation)
    before = world.batch(batch["id"])
    status, problem = change(world, operation, batch, key())
    assert (status, problem["code"]) == (403, "not_for_test_keys")
    assert world.batch(batch["id"]) == before
    assert change(world, operation, batch, key(Mode.LIVE))[0] == 200
    assert world.batch(batch["id"]) != before


@pytest.mark.parametrize("operation", sorted(one for one in CHANGING if BATCH in one))
@pytest.mark.parametrize("mode", [Mode.TEST, Mode.LIVE])
def test_a_test_is_led_by_every_key(world: World, operation: str, mode: Mode) -> None:
    batch = made_for(world, operation, token=key())
    assert change(world, operation, batch, key(mode))[0] == 200


def test_a_test_key_deletes_uploads_of_test_keys_alone(world: World, campaigns_bucket: str) -> None:
    live, (operation,) = campaign(world), [one for one in CHANGING if "uploads" in one]
    status, problem = change(world, operation, live, key())
    assert (status, problem["code"], live["mode"]) == (403, "not_for_test_keys", "live")
    assert world.call("GET", f"{PATH}{live['id']}/")[1]["state"] == "waiting"
    for bearer in (key(), key(Mode.LIVE)):
        made = uploaded(world)
        assert made["mode"] == "test"
        assert change(world, operation, made, bearer)[0] == 204
        assert world.call("GET", f"{PATH}{made['id']}/")[0] == 404
    assert change(world, operation, live, key(Mode.LIVE))[0] == 204


def uploaded(world: World, **more: Any) -> Any:
    body = {"purpose": "campaign", "sender_id": "INFO", "text": "Habari", **more}
    status, made = world.call("POST", PATH, body, token=key())
    assert status == 201
    return made


def test_an_upload_from_before_uploads_had_modes_is_live(world: World, campaigns_bucket: str) -> None:
    made = campaign(world)
    place = aws.marshal({"pk": f"T#{TENANT}#UPLOADS", "sk": made["id"]})
    bare: Any = {"UpdateExpression": "REMOVE #mode", "ExpressionAttributeNames": {"#mode": "mode"}}
    aws.dynamodb().update_item(TableName=messaging.table(), Key=place, **bare)
    assert world.call("GET", f"{PATH}{made['id']}/")[1]["mode"] == "live"
    assert world.call("DELETE", f"{PATH}{made['id']}/", token=key())[0] == 403


def test_what_a_test_key_uploaded_is_sent_in_the_mode_of_whoever_sends_it(world: World, campaigns_bucket: str) -> None:
    made = uploaded(world)
    split(put(campaigns_bucket, made, "phone\n0712000010\n"))
    body = {"quote_id": made["id"]}
    status, test = world.call("POST", "/api/sms/batches/", body, token=key())
    assert (status, test["mode"]) == (202, "test")
    status, live = world.call("POST", "/api/sms/batches/", body, token=key(Mode.LIVE))
    assert (status, live["mode"]) == (202, "live")


@pytest.mark.parametrize("purpose", ["contacts", "opt_outs"])
def test_a_test_key_uploads_no_lists(world: World, campaigns_bucket: str, purpose: str) -> None:
    assert world.call("POST", PATH, {"purpose": purpose}, token=key())[0] == 403


def test_every_route_by_which_a_test_key_could_change_something_is_decided_here() -> None:
    """A new one that takes `sms:send`, `sms:read` or `billing:read` and changes something asks for the mode first."""
    reached = set()
    for path, methods in json.loads(openapi.PLACE.read_text(encoding="utf-8"))["paths"].items():
        for method, content in methods.items():
            action = content.get("x-action")
            if method != "get" and action and RULES[Action(action)].scope in api_keys.TEST_SCOPES:
                reached.add(f"{method.upper()} {path}")
    assert reached == MAKING | CHANGING | READING


def test_only_a_test_key_is_kept_from_what_is_live() -> None:
    tester = Principal(TENANT, key_id="k", mode=Mode.TEST)
    tester.require_mode(Mode.TEST)
    with pytest.raises(NotForTestKeys) as refused:
        tester.require_mode(Mode.LIVE)
    assert (refused.value.status, refused.value.code) == (403, "not_for_test_keys")
    for mode in Mode:
        Principal(TENANT, key_id="k").require_mode(mode)
        Principal(TenantId("t2"), role=Role.OWNER).require_mode(mode)
