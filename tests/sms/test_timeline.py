"""The timeline of a message: each step with who said so, and nothing of anybody else's."""

from typing import Any

from bench.meter import item_bytes
from functions.sms import messaging
from functions.sms.batches import chunks, messages
from functions.sms.content import opt_outs
from mifumo import aws
from mifumo.ids import BatchId
from tests.builders import token
from tests.sms.customer import open_customer
from tests.sms.told import Told
from tests.sms.world import TENANT, World


def story(world: World, batch: str, position: int = 1, **options: Any) -> tuple[int, Any]:
    return world.call("GET", f"/api/sms/messages/{batch}-1-{position}/", **options)


def steps(world: World, batch: str, position: int = 1) -> list[tuple[str, str, str | None, str | None]]:
    status, told = story(world, batch, position)
    assert status == 200, told
    return [(one["what"], one["source"], one["status"], one["provider_status"]) for one in told["timeline"]]


def report(world: World, word: str) -> dict[str, Any]:
    (entry,) = world.beem.log()
    return {name: entry[name] for name in ("dest_addr", "request_id", "recipient_id")} | {"status": word}


def test_a_message_tells_each_step_and_who_said_so(world: World) -> None:
    _, batch = world.send("0712000003", text="x" * 161)
    world.work()
    world.report(report(world, "PENDING"))
    world.report(report(world, "DELIVERED"))
    found = steps(world, batch["id"])
    assert found == [
        ("accepted", "caller", None, None),
        ("handed_over", "platform", "submitting", None),
        ("answered", "provider", "submitted", None),
        ("settled", "platform", None, None),
        ("reported", "provider", "buffered", "PENDING"),
        ("reported", "provider", "delivered", "DELIVERED"),
    ]
    _, told = story(world, batch["id"])
    assert (told["status"], told["to"], told["timeline"][3]["credits"]) == ("delivered", "+255712000003", 2)
    assert [one["at"] for one in told["timeline"]] == sorted(one["at"] for one in told["timeline"])


def test_a_correction_after_the_window_shows_what_was_believed_before(world: World) -> None:
    _, batch = world.send("0712000003")
    world.work()
    world.sweep(after_s=46)
    world.report(report(world, "UNDELIVERED"), report(world, "UNDELIVERED"), report(world, "PENDING"))
    world.report(report(world, "DELIVERED"))
    reported = [step for step in steps(world, batch["id"]) if step[0] in {"reported", "corrected", "ignored"}]
    assert reported == [
        ("reported", "platform", "unknown", None),
        ("corrected", "provider", "undelivered", "UNDELIVERED"),
        ("ignored", "provider", "buffered", "PENDING"),
        ("corrected", "provider", "delivered", "DELIVERED"),
    ]


def test_what_was_given_back_is_told(world: World) -> None:
    world.prefer(refund_undelivered=True)
    _, batch = world.send("0712000001")
    world.work()
    world.receive(expected=1)
    world.sweep(after_s=46)
    (given,) = [one for one in story(world, batch["id"])[1]["timeline"] if one["what"] == "given_back"]
    assert given["credits"] == 1


def test_who_opted_out_in_time_was_sent_nothing_and_charged_nothing(world: World) -> None:
    _, batch = world.send("0712000010", "0712000020")
    opt_outs.add(TENANT, ["255712000020"], source=opt_outs.Source.ENTERED, reason="")
    world.pass_time(120)
    world.work()
    assert steps(world, batch["id"], 2) == [
        ("accepted", "caller", None, None),
        ("ended", "platform", "cancelled", None),
        ("settled", "platform", None, None),
    ]
    assert charged(world, batch["id"], 2) == [1, 0]


def test_who_the_provider_did_not_take_was_charged_nothing_before_it_is_known_who_it_was(world: World) -> None:
    _, batch = world.send("0712000006", "0712000003")
    world.work()
    assert world.batch(batch["id"])["charged"] == 1
    assert sum(charged(world, batch["id"], 2)) == 1


def charged(world: World, batch: str, recipients: int) -> list[int]:
    """Tells what each message's steps say that it cost."""
    told = [story(world, batch, position)[1]["timeline"] for position in range(1, recipients + 1)]
    return [step["credits"] for one in told for step in one if step["what"] == "settled"]


def test_which_webhooks_were_told_of_it_is_told(world: World) -> None:
    with open_customer() as customer:
        told = Told(world, customer)
        hook, _ = told.listen("message.delivered")
        batch = told.sent("0712000100", "0712000001")
        world.receive(expected=2)
        told.work()
        (call,) = [one for one in story(world, batch, 1)[1]["timeline"] if one["what"] == "told"]
        assert (call["webhook"], call["status"]) == (hook, "delivered")
        assert call["reference"] == customer.told("message.delivered")[0]["id"]
        assert [one for one in steps(world, batch, 2) if one[0] == "told"] == []


def test_a_message_that_waits_has_been_accepted_and_no_more(world: World) -> None:
    _, batch = world.send("0712000100")
    assert [step[0] for step in steps(world, batch["id"])] == ["accepted"]


def test_others_strangers_and_nonsense_find_no_message(world: World) -> None:
    _, batch = world.send("0712000100")
    assert story(world, batch["id"], token=token(tenant="t2"))[0] == 404
    assert story(world, batch["id"], token=None)[0] == 401
    for name in (f"{batch['id']}-1-2", f"{batch['id']}-1-0", f"{batch['id']}-2-1", f"{batch['id']}-1", "x", "x-1-²"):
        assert world.call("GET", f"/api/sms/messages/{name}/")[0] in {404, 400}, name


def test_rows_and_chunks_stay_within_one_write_unit(world: World) -> None:
    """What is remembered of reports and answers costs storage alone."""
    _, batch = world.send(*(f"0712{n:06d}" for n in range(100, 200)))
    world.work()
    world.receive(expected=100)
    table, batch_id = messaging.table(), BatchId(batch["id"])
    for key in (messages.key(TENANT, batch_id, 1, 1), chunks.key(TENANT, batch_id, 1)):
        item = aws.dynamodb().get_item(TableName=table, Key=aws.marshal(key._asdict()))["Item"]
        assert item_bytes(item) < 1024 - 100
