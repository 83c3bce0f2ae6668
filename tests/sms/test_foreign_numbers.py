"""Numbers outside Tanzania: sent to where the tenant has named their country, refused each for itself elsewhere."""

import pytest

from mifumo.ids import TenantId
from tests.builders import token
from tests.sms.world import World

HOME, KENYA, UGANDA = "0712000010", "+254712345678", "+256712345678"
NAMED = frozenset({"KE"})


@pytest.mark.parametrize("dry_run", [False, True])
def test_without_a_list_only_tanzania_is_sent_to(world: World, dry_run: bool) -> None:
    status, batch = world.send(HOME, KENYA, dry_run=dry_run)
    assert (status, batch["accepted"]) == (200 if dry_run else 202, 1)
    assert [(row["recipient"], row["code"]) for row in batch["refused"]] == [(KENYA, "foreign_not_allowed")]


@pytest.mark.parametrize("dry_run", [False, True])
def test_countries_on_the_list_are_sent_to_and_others_are_refused_with_their_country(
    world: World, dry_run: bool
) -> None:
    world.prefer(foreign_countries=NAMED)
    _, batch = world.send(HOME, KENYA, UGANDA, text="a" * 161, dry_run=dry_run)
    assert (batch["accepted"], batch["price"]) == (2, 4), "one credit for a segment, there as here"
    ((refused),) = batch["refused"]
    assert (refused["recipient"], refused["code"]) == (UGANDA, "foreign_not_allowed")
    assert "UG" in refused["detail"]


def test_a_foreign_recipient_is_handed_over_reported_and_charged_like_any(world: World) -> None:
    world.prefer(foreign_countries=NAMED)
    _, batch = world.send(HOME, KENYA, "00254 712 345 678")
    assert [row["code"] for row in batch["refused"]] == ["duplicate"]
    world.settle_down()
    assert world.statuses(batch["id"]) == {"+255712000010": "delivered", KENYA: "delivered"}
    assert sorted(world.sent_to()) == ["254712345678", "255712000010"]
    assert (world.batch(batch["id"])["charged"], world.wallet()) == (2, (4_998, 0))


def test_what_was_sent_abroad_is_found_also_when_nothing_is_sent_there_any_more(world: World) -> None:
    world.prefer(foreign_countries=NAMED)
    _, batch = world.send(KENYA)
    world.work()
    world.prefer()
    _, page = world.call("GET", "/api/sms/messages/", query={"to": KENYA})
    assert [item["batch_id"] for item in page["items"]] == [batch["id"]]
    assert world.send(KENYA)[0] == 422
    status, problem = world.call("GET", "/api/sms/messages/", query={"to": "+254712"})
    assert (status, problem["errors"][0]["code"]) == (422, "too_short")


def test_another_tenants_countries_are_not_ours(world: World) -> None:
    world.fund(10, tenant=TenantId("t2"))
    world.prefer(foreign_countries=NAMED)
    body = {"sender_id": "INFO", "text": "Habari", "recipients": [KENYA]}
    status, problem = world.call("POST", "/api/sms/send/", body, token=token(tenant="t2"))
    assert (status, problem["errors"][0]["code"]) == (422, "foreign_not_allowed")
