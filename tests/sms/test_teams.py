"""Teams: what one member sends, the tenant has; what another tenant has, nobody reaches, by whatever name or id."""

from typing import Any

import pytest

from functions.sms import messaging
from mifumo import aws
from mifumo.ids import TenantId
from tests.builders import token
from tests.sms.world import TENANT, World

_OTHER = TenantId("01jd8x6q5v7w9y2k4m6p8r0t4d")
_AGENT = token(user="01jd8x6q5v7w9y2k4m6p8r0t2b", role="agent")
_STRANGER = token(tenant=_OTHER, user="01jd8x6q5v7w9y2k4m6p8r0t3c")


def _send(world: World, access: str) -> Any:
    body = {"sender_id": "INFO", "text": "Habari", "recipients": ["0712000010"], "allow_repeat": True}
    status, batch = world.call("POST", "/api/sms/send/", body, token=access)
    assert status == 202, batch
    return batch


def _ids(world: World, path: str, access: str, name: str = "id", **query: str) -> list[str]:
    status, page = world.call("GET", path, token=access, query=query)
    assert status == 200, page
    return [item[name] for item in page["items"]]


def test_t7_what_an_agent_sends_the_owner_finds_and_the_other_way_round(world: World) -> None:
    by_owner, by_agent = _send(world, token()), _send(world, _AGENT)
    world.work()
    for access in (token(), _AGENT):
        assert _ids(world, "/api/sms/batches/", access) == [by_agent["id"], by_owner["id"]]
        found = _ids(world, "/api/sms/messages/", access, "batch_id", to="0712000010")
        assert sorted(found) == sorted([by_owner["id"], by_agent["id"]])
        for batch in (by_owner, by_agent):
            assert world.call("GET", f"/api/sms/batches/{batch['id']}/", token=access)[0] == 200


def test_t4_lists_and_numbers_and_ids_reach_into_no_other_tenant(world: World) -> None:
    world.fund(10, tenant=_OTHER)
    mine, theirs = _send(world, token()), _send(world, _STRANGER)
    world.work()
    for access, own, foreign in [(token(), mine, theirs), (_STRANGER, theirs, mine)]:
        assert _ids(world, "/api/sms/batches/", access) == [own["id"]]
        assert _ids(world, "/api/sms/messages/", access, "batch_id", to="0712000010") == [own["id"]]
        for path in (f"/api/sms/batches/{foreign['id']}/", f"/api/sms/batches/{foreign['id']}/messages/"):
            assert world.call("GET", path, token=access)[0] == 404


@pytest.mark.parametrize("place", ["tenant_id", "tenant"])
def test_t4_nobody_says_in_a_request_for_whom_it_is(world: World, place: str) -> None:
    """The token says it: a tenant in the body is refused, and one in the query or a header changes nothing."""
    body = {"sender_id": "INFO", "text": "Habari", "recipients": ["0712000010"], place: str(TENANT)}
    status, problem = world.call("POST", "/api/sms/send/", body, token=_STRANGER)
    assert status == 422, problem
    _send(world, token())
    named = {"X-Tenant-Id": str(TENANT), "Host": f"{TENANT}.mifumo.example"}
    _, page = world.call("GET", "/api/sms/batches/", token=_STRANGER, query={place: str(TENANT)}, headers=named)
    assert page["items"] == []


def test_t4_every_item_of_what_a_tenant_sends_has_the_tenant_in_its_key(world: World) -> None:
    world.fund(10, tenant=_OTHER)
    _send(world, _STRANGER)
    world.work()
    items = aws.dynamodb().scan(TableName=messaging.table())["Items"]
    others = [item for item in items if _OTHER not in item["pk"]["S"]]
    assert len(items) > len(others)
    for pointer in others:
        assert pointer["pk"]["S"].startswith("REQUEST#"), "what a provider's report is found by"
        assert not {"to", "text", "sender_id"} & pointer.keys(), "it says where to look, and nothing else"
