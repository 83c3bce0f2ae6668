"""The timeline of a message: each step with who said so, and nothing of anybody else's."""

from typing import Any

import pytest

from bench.meter import item_bytes
from functions.sms import messaging
from functions.sms.batches import chunks, messages
from functions.sms.content import opt_outs
from mifumo import aws, settings
from mifumo.ids import BatchId
from tests.builders import token
from tests.sms.customer import open_customer
from tests.sms.test_quiet_hours import tanzania
from tests.sms.test_schedules import HOUR, later, move, written
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


def what(world: World, batch: str, position: int = 1) -> list[tuple[str, str, str | None]]:
    """Tells each step with its source, and its reason or the status that it led to."""
    told = story(world, batch, position)[1]["timeline"]
    return [(one["what"], one["source"], one["reason"] or one["status"]) for one in told]


def shown(world: World, batch: str) -> set[tuple[str, str | None]]:
    """Tells the first message as its own route, its batch's list and the search by number show it."""
    _, one = story(world, batch)
    _, listed = world.call("GET", f"/api/sms/batches/{batch}/messages/")
    _, found = world.call("GET", "/api/sms/messages/", query={"to": one["to"]})
    return {(item["status"], item["reason"]) for item in (one, *listed["items"][:1], *found["items"])}


def test_a_scheduled_message_tells_that_it_waits_was_moved_and_was_started(world: World) -> None:
    batch = later(world)
    assert shown(world, batch["id"]) == {("scheduled", None)}
    assert world.batch(batch["id"])["counts"] == {"scheduled": 3}
    world.pass_time(1)
    assert move(world, batch, written(2 * HOUR))[0] == 200
    world.pass_time(2 * HOUR)
    world.fire()
    world.work()
    assert what(world, batch["id"])[:5] == [
        ("accepted", "caller", None),
        ("scheduled", "caller", None),
        ("moved", "caller", None),
        ("started", "platform", None),
        ("handed_over", "platform", "submitting"),
    ]
    told = story(world, batch["id"])[1]["timeline"]
    assert told[1]["until"] == batch["send_at"] < told[2]["until"] < told[3]["at"]


def test_a_message_of_quiet_hours_tells_that_it_is_held_and_why(world: World) -> None:
    tanzania(world, 22)
    _, batch = world.send("0712000010", category="promotional")
    assert shown(world, batch["id"]) == {("held", "quiet_hours")}
    assert world.batch(batch["id"])["counts"] == {"held": 1}
    assert what(world, batch["id"]) == [("accepted", "caller", None), ("held", "platform", "quiet_hours")]


def test_a_message_tells_that_its_batch_was_paused_and_resumed_before_it_went(world: World) -> None:
    _, batch = world.send("0712000010")
    for verb in ("pause", "resume", "pause"):
        world.pass_time(1)
        world.call("POST", f"/api/sms/batches/{batch['id']}/{verb}/")
    assert shown(world, batch["id"]) == {("held", "paused")}
    world.pass_time(1)
    world.call("POST", f"/api/sms/batches/{batch['id']}/resume/")
    world.work()
    world.call("POST", f"/api/sms/batches/{batch['id']}/pause/")
    assert [step[0] for step in what(world, batch["id"])] == [
        "accepted",
        *["paused", "resumed"] * 2,
        *["handed_over", "answered", "settled"],
    ]


def test_a_batch_that_is_led_on_without_end_keeps_its_last_turns(world: World) -> None:
    _, batch = world.send("0712000010")
    for _ in range(12):
        for verb in ("pause", "resume"):
            world.pass_time(1)
            world.call("POST", f"/api/sms/batches/{batch['id']}/{verb}/")
    assert [step[0] for step in what(world, batch["id"])] == ["accepted", *["paused", "resumed"] * 10]


def test_a_message_that_is_called_off_tells_by_whom_and_that_it_ended(world: World) -> None:
    _, batch = world.send("0712000010")
    world.call("POST", f"/api/sms/batches/{batch['id']}/cancel/")
    assert what(world, batch["id"]) == [
        ("accepted", "caller", None),
        ("called_off", "caller", None),
        ("ended", "platform", "cancelled"),
        ("settled", "platform", None),
    ]
    assert charged(world, batch["id"], 1) == [0]


def test_calls_in_vain_are_told_and_at_last_that_it_failed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.beem.add_fault("http_429")
    _, batch = world.send("0712000010")
    world.work()
    assert shown(world, batch["id"]) == {("queued", "provider_rate_limit")}
    monkeypatch.setenv("BEEM_URL", "http://127.0.0.1:1")
    settings.forget()
    for _ in range(8):
        world.sweep(after_s=HOUR)
        world.work()
    refused = ("put_off", "platform", "provider_unreachable")
    assert what(world, batch["id"]) == [
        ("accepted", "caller", None),
        *[refused] * 5,
        ("ended", "platform", "provider_unreachable"),
        ("settled", "platform", None),
    ]
    assert steps(world, batch["id"])[-2][2] == "failed"


def test_a_call_that_was_refused_for_now_is_told_before_the_one_that_was_taken(world: World) -> None:
    world.beem.add_fault("http_429")
    _, batch = world.send("0712000010")
    world.work()
    world.sweep(after_s=HOUR)
    world.work()
    assert what(world, batch["id"])[:4] == [
        ("accepted", "caller", None),
        ("put_off", "provider", "provider_rate_limit"),
        ("handed_over", "platform", "submitting"),
        ("answered", "provider", "submitted"),
    ]


def test_a_lost_answer_is_told_and_so_is_its_end(world: World) -> None:
    world.beem.add_fault("reset_after_accept")
    _, batch = world.send("0712000003")
    world.work()
    lost = [
        ("accepted", "caller", None),
        ("handed_over", "platform", "submitting"),
        ("lost", "platform", "no_answer"),
    ]
    assert what(world, batch["id"]) == lost
    world.sweep(after_s=61)
    assert what(world, batch["id"])[:4] == [*lost, ("ended", "platform", "no_answer")]
    assert steps(world, batch["id"])[3][2] == "unknown"


def test_a_report_after_a_lost_answer_leaves_on_record_that_it_was_lost(world: World) -> None:
    world.beem.add_fault("reset_after_accept")
    _, batch = world.send("0712000010")
    world.work()
    world.receive(expected=1)
    assert [step[0] for step in what(world, batch["id"])][:4] == ["accepted", "handed_over", "lost", "reported"]


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
    """What is remembered of reports, answers, a call in vain and the end of the window costs storage alone."""
    world.prefer(refund_undelivered=True)
    world.beem.add_fault("http_429")
    _, batch = world.send("0712000001", *(f"0712{n:06d}" for n in range(100, 199)))
    world.work()
    world.sweep(after_s=HOUR)
    world.work()
    world.receive(expected=100)
    world.sweep(after_s=61)
    table, batch_id = messaging.table(), BatchId(batch["id"])
    for key in (messages.key(TENANT, batch_id, 1, 1), chunks.key(TENANT, batch_id, 1)):
        item = aws.dynamodb().get_item(TableName=table, Key=aws.marshal(key._asdict()))["Item"]
        assert item_bytes(item) < 1024 - 60  # ids of tenants are longer
    chunk = chunks.get(TENANT, batch_id, 1)
    assert chunk
    assert chunk.returned == 1
