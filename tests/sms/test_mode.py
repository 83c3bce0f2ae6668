"""Test mode: the whole way of a text, with its events, while no provider hears of it and nothing is charged."""

from typing import Any

from functions.sms.batches import messages
from functions.sms.content import opt_outs
from mifumo import aws, keys
from mifumo.ids import TenantId
from mifumo.modes import Mode
from tests.sms.customer import open_customer
from tests.sms.test_quoted import quote
from tests.sms.told import Told
from tests.sms.world import TENANT, World
from tests.wire import Crash

ENDS = {
    "+255712000001": "undelivered",
    "+255712000002": "rejected",
    "+255712000003": "submitted",
    "+255712000004": "delivered",
    "+255712000005": "delivered",
    "+255712000006": "rejected",
    "+255712000007": "delivered",
}


def key(mode: Mode = Mode.TEST) -> str:
    """Makes an API key of the tenant that may send and read."""
    text = keys.mint(mode)
    table, place = keys.place(keys.digest(text))
    item = {"id": f"k-{mode}", "tenant_id": TENANT, "mode": mode.value, "scopes": ["sms:send", "sms:read"]}
    aws.dynamodb().put_item(TableName=table, Item=aws.marshal({**place._asdict(), **item}))
    return text


def send(world: World, *numbers: str, idempotency: str = "k", **more: Any) -> tuple[int, Any]:
    body = {"sender_id": "INFO", "text": "Habari", "recipients": list(numbers), **more}
    return world.call("POST", "/api/sms/send/", body, token=key(), headers={"Idempotency-Key": idempotency})


def test_every_number_ends_as_its_last_digits_say_and_no_provider_hears_of_it(world: World) -> None:
    before = world.wallet()
    status, batch = send(world, *ENDS)
    assert (status, batch["mode"], batch["price"]) == (202, "test", 7)
    world.work()
    assert world.statuses(batch["id"]) == ENDS
    done = world.batch(batch["id"])
    assert (done["status"], done["mode"], done["charged"], done["price"]) == ("completed", "test", 0, 7)
    assert world.sent_to() == []
    assert world.wallet() == before
    world.sweep(after_s=73 * 3600)
    assert world.statuses(batch["id"])["+255712000003"] == "unknown"
    assert world.wallet() == before


def test_the_numbers_end_at_the_simulator_as_they_do_in_test_mode(world: World) -> None:
    _, batch = world.send(*ENDS)
    world.work()
    world.receive(expected=6)
    assert {**world.statuses(batch["id"]), "+255712000006": "rejected"} == ENDS
    assert len(world.sent_to()) == 6


def test_a_request_for_a_test_is_one_and_a_test_key_sends_nothing_else(world: World) -> None:
    status, batch = world.send("0712000010", mode="test")
    assert (status, batch["mode"]) == (202, "test")
    status, refusal = send(world, "0712000010", mode="live")
    assert (status, refusal["errors"][0]["pointer"]) == (422, "/mode")
    assert world.send("0712000010", mode="staging")[0] == 422
    world.work()
    assert world.sent_to() == []


def test_a_test_needs_no_credits_and_uses_up_no_day(world: World) -> None:
    world.prefer(daily_cap=2)
    world.spend_all_but(0)
    assert send(world, "0712000010", "0712000011", "0712000012")[0] == 202
    world.work()
    assert world.wallet() == (0, 0)
    assert "daily_cap_reached" not in world.call("GET", "/api/sms/capability/")[1]["reasons"]


def test_a_test_obeys_the_rules_of_who_may_send_what(world: World) -> None:
    assert send(world, "0712000010", sender_id="NOTMINE")[0] == 403
    assert send(world, "07")[0] == 422
    opt_outs.add(TENANT, ["255712000010"], source=opt_outs.Source.ENTERED, reason="")
    _, batch = send(world, "0712000010", "0712000011")
    assert [refused["code"] for refused in batch["refused"]] == ["opted_out"]


def test_a_key_of_a_test_does_not_meet_that_of_a_text(world: World) -> None:
    _, test = send(world, "0712000010", idempotency="same")
    _, again = send(world, "0712000010", idempotency="same")
    status, live = world.send("0712000010", key="same")
    assert (status, live["mode"]) == (202, "live")
    assert test["id"] == again["id"] != live["id"]


def test_tests_are_listed_with_their_mode_and_can_be_left_out(world: World) -> None:
    send(world, "0712000010")
    world.send("0712000011")
    world.work()

    def listed(**query: str) -> list[str]:
        return [one["mode"] for one in world.call("GET", "/api/sms/batches/", query=query)[1]["items"]]

    assert sorted(listed()) == ["live", "test"]
    assert (listed(mode="test"), listed(mode="live")) == (["test"], ["live"])
    assert world.call("GET", "/api/sms/batches/", query={"mode": "x"})[0] == 422
    found = world.call("GET", "/api/sms/messages/", query={"to": "0712000010"})[1]["items"]
    assert [(one["mode"], one["status"]) for one in found] == [("test", "delivered")]


def test_a_stop_is_for_who_texted_last_and_not_for_who_tested(world: World) -> None:
    world.send("0712000010")
    world.work()
    send(world, "0712000010")
    send(world, "0712000020")
    world.work()
    assert messages.last_to("255712000010", but=TenantId("platform")) == TENANT
    assert messages.last_to("255712000020", but=TenantId("platform")) is None


def test_a_test_of_a_quote_is_laid_out_and_leaves_the_quote_for_the_campaign(
    world: World, campaigns_bucket: str
) -> None:
    made = quote({"Habari wote": ["255712000001", "255712000010"]})
    body, options = {"quote_id": made}, {"headers": {"Idempotency-Key": "k"}}
    status, test = world.call("POST", "/api/sms/batches/", body, token=key(), **options)
    assert (status, test["mode"]) == (202, "test")
    world.lay()
    world.work()
    assert world.statuses(test["id"]) == {"+255712000001": "undelivered", "+255712000010": "delivered"}
    assert world.batch(test["id"])["charged"] == 0
    status, live = world.call("POST", "/api/sms/batches/", body, **options)
    assert (status, live["mode"]) == (202, "live")


def test_a_worker_that_dies_anywhere_in_a_test_leaves_it_with_an_end_and_without_a_charge(world: World) -> None:
    """Whatever call its process dies at, the queue and the sweep bring the test to an end."""
    before, at, died = world.wallet(), 0, True
    while died:
        _, batch = send(world, "0712000001", "0712000006", "0712000010", idempotency=f"k{at}")
        (body,) = world.queued()
        world.wire.cut(at, after=True)
        try:
            world.deliver(body)
            died = False
        except Crash:
            died = True
        world.wire.mend()
        world.deliver(body)
        for _ in range(2):
            world.sweep(after_s=73 * 3600)
            world.work()
        done = world.batch(batch["id"])
        assert (done["status"], done["charged"], world.wallet()) == ("completed", 0, before), at
        assert set(done["counts"]) <= {"undelivered", "rejected", "delivered", "unknown"}, at
        at += 1
    assert at > 10
    assert world.sent_to() == []


def test_webhooks_are_told_of_tests_as_such(world: World) -> None:
    with open_customer() as customer:
        told = Told(world, customer)
        told.listen()
        send(world, "0712000001", "0712000010")
        world.work()
        told.work()
        assert {event["type"] for event in customer.told()} == {
            "message.submitted",
            "message.delivered",
            "message.undelivered",
            "batch.completed",
        }
        assert {event["data"]["mode"] for event in customer.told()} == {"test"}
