"""From accept to receipt, when everything goes well, and once more when a queue delivers twice."""

import pytest

from tests.sms.world import World

NUMBERS = [f"07120{n:05d}" for n in range(10_100, 10_350)]


def test_a_batch_is_held_handed_over_settled_and_delivered(world: World) -> None:
    status, batch = world.send(*NUMBERS, text="Habari ndugu mteja")
    assert (status, batch["accepted"], batch["price"], batch["segments"]) == (202, 250, 250, 1)
    assert world.wallet() == (4_750, 250)

    world.work()
    done = world.batch(batch["id"])
    assert (done["status"], done["charged"], done["counts"]) == ("completed", 250, {"submitted": 250})
    assert world.wallet() == (4_750, 0)

    world.receive(expected=250)
    assert world.batch(batch["id"])["counts"] == {"delivered": 250}
    assert set(world.statuses(batch["id"]).values()) == {"delivered"}
    assert len(world.sent_to()) == len(set(world.sent_to())) == 250


def test_every_queue_may_deliver_twice_and_nothing_happens_twice(world: World) -> None:
    _, batch = world.send(*NUMBERS)
    again = world.work()
    for body in again:
        world.deliver(body)
    reports = world.receive(expected=250)
    world.report(*reports)
    done = world.batch(batch["id"])
    assert (done["status"], done["charged"], done["counts"]) == ("completed", 250, {"delivered": 250})
    assert len(world.sent_to()) == 250
    assert world.wallet() == (4_750, 0)


@pytest.mark.parametrize(
    ("ending", "status"),
    [("000", "delivered"), ("001", "undelivered"), ("002", "rejected"), ("004", "delivered"), ("005", "delivered")],
)
def test_each_report_ends_its_message(world: World, ending: str, status: str) -> None:
    _, batch = world.send(f"0712000{ending}")
    world.work()
    world.receive(expected=2 if ending == "004" else 1)
    assert world.statuses(batch["id"]) == {f"+255712000{ending}": status}
    assert world.batch(batch["id"])["charged"] == 1


def test_a_message_without_a_report_is_unknown_when_the_window_is_over(world: World) -> None:
    _, batch = world.send("0712000003", "0712000010")
    world.work()
    world.receive(expected=1)
    assert world.statuses(batch["id"])["+255712000003"] == "submitted"
    world.sweep(after_s=46)
    assert world.statuses(batch["id"]) == {"+255712000003": "unknown", "+255712000010": "delivered"}
    assert world.batch(batch["id"])["counts"] == {"unknown": 1, "delivered": 1}


def test_a_number_that_the_provider_calls_invalid_is_rejected_and_not_charged(world: World) -> None:
    _, batch = world.send("0712000006", "0712000010", "0712000011")
    world.work()
    assert world.batch(batch["id"])["charged"] == 2
    assert world.wallet() == (4_998, 0)
    world.receive(expected=2)
    assert world.statuses(batch["id"])["+255712000006"] == "rejected"
    assert world.batch(batch["id"])["counts"] == {"delivered": 2, "rejected": 1}


def test_the_provider_is_asked_which_number_was_invalid_when_another_is_silent_too(world: World) -> None:
    _, batch = world.send("0712000006", "0712000003", "0712000010")
    bodies = world.work()
    world.receive(expected=1)
    world.pass_time(6)
    for body in bodies:
        world.deliver({**body, "ask": True})
    assert world.statuses(batch["id"]) == {
        "+255712000006": "rejected",
        "+255712000003": "buffered",
        "+255712000010": "delivered",
    }
    world.sweep(after_s=46)
    assert world.statuses(batch["id"])["+255712000003"] == "unknown"
    assert world.batch(batch["id"])["counts"] == {"delivered": 1, "rejected": 1, "unknown": 1}
    assert world.batch(batch["id"])["charged"] == 2


def test_reports_that_got_lost_come_in_when_the_provider_is_asked(world: World) -> None:
    _, batch = world.send("0712000006", "0712000010")
    bodies = world.work()
    world.reports.take(1)
    for body in bodies:
        world.deliver({**body, "ask": True})
    assert world.statuses(batch["id"]) == {"+255712000006": "rejected", "+255712000010": "delivered"}
