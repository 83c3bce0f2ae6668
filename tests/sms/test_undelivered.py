"""Undelivered texts: who has set it gets their credits back, once, when no later report can say otherwise."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.sms import recovery
from mifumo import tables, wallets
from tests.sms import test_results
from tests.sms.world import TENANT, World
from tests.wire import Crash

LOST, FINE = ("0712000001", "0712100001"), ("0712000010", "0712000011")
WINDOW_S = 45  # of the tests' settings


@pytest.fixture
def willing(world: World) -> World:
    """A tenant that wants undelivered texts back."""
    world.prefer(refund_undelivered=True)
    return world


def reported(world: World, *numbers: str, **more: Any) -> Any:
    """Sends, and takes a report of each text."""
    _, batch = world.send(*numbers, **more)
    world.work()
    world.receive(expected=len(numbers))
    return batch


def kinds() -> list[tuple[str, int]]:
    found = wallets.entries(TENANT, limit=50, start=None).items
    return [(entry["kind"], entry["amount"]) for entry in found[::-1]][1:]


def test_undelivered_texts_come_back_once_when_the_window_is_over(willing: World) -> None:
    batch = reported(willing, *LOST, *FINE, text="a" * 161)
    assert willing.wallet() == (4_992, 0)
    willing.sweep(after_s=5)
    assert willing.wallet() == (4_992, 0)
    for _ in range(3):
        willing.sweep(after_s=WINDOW_S + 60)
    assert willing.wallet() == (4_996, 0)
    assert kinds() == [("hold", 8), ("capture", 8), ("refund", 4)]
    assert willing.batch(batch["id"])["charged"] == 8
    assert willing.parked_queue() == [{"tenant": TENANT}]


def test_who_has_not_set_it_and_who_set_it_after_sending_gets_nothing_back(world: World) -> None:
    reported(world, *LOST)
    world.prefer(refund_undelivered=True)
    for _ in range(2):
        world.sweep(after_s=WINDOW_S + 60)
    assert world.wallet() == (4_998, 0)


def test_a_later_report_that_it_was_delivered_keeps_the_credits(willing: World) -> None:
    _, batch = willing.send(LOST[0])
    willing.work()
    (report,) = willing.receive(expected=1)
    assert set(willing.statuses(batch["id"]).values()) == {"undelivered"}
    willing.report({**report, "status": "DELIVERED"})
    willing.sweep(after_s=WINDOW_S + 60)
    assert set(willing.statuses(batch["id"]).values()) == {"delivered"}
    assert willing.wallet() == (4_999, 0)


def test_a_report_after_the_window_changes_the_status_and_no_money(willing: World) -> None:
    _, batch = willing.send(LOST[0])
    willing.work()
    (report,) = willing.receive(expected=1)
    willing.sweep(after_s=WINDOW_S + 60)
    assert willing.wallet() == (5_000, 0)
    willing.report({**report, "status": "DELIVERED"})
    willing.sweep(after_s=WINDOW_S + 60)
    assert set(willing.statuses(batch["id"]).values()) == {"delivered"}
    assert willing.wallet() == (5_000, 0)


def test_texts_without_a_report_are_unknown_and_stay_charged_beside_those_that_come_back(willing: World) -> None:
    _, batch = willing.send("0712000003", LOST[0])
    willing.work()
    willing.receive(expected=1)
    for _ in range(3):
        willing.sweep(after_s=WINDOW_S + 60)
    assert sorted(willing.statuses(batch["id"]).values()) == ["undelivered", "unknown"]
    assert willing.wallet() == (4_999, 0)


def test_ten_sweeps_at_once_give_back_once(willing: World) -> None:
    batch = reported(willing, *LOST)
    willing.pass_time(WINDOW_S + 60)
    (chunk,) = [item for item in tables.query_all("messaging", f"T#{TENANT}#B#{batch['id']}") if "CHUNK" in item["sk"]]
    willing.wire.take_turns()
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(recovery.chunk, [tables.Key(chunk["pk"], chunk["sk"])] * 10))
    assert willing.wallet() == (5_000, 0)


@pytest.mark.parametrize("after", [False, True])
def test_a_sweep_that_is_cut_off_at_any_call_is_made_good_by_the_next(willing: World, *, after: bool) -> None:
    reported(willing, *LOST)
    willing.pass_time(WINDOW_S + 60)
    for at in range(40):
        willing.wire.cut(at, after=after)
        try:
            willing.sweep()
            break
        except Crash:
            willing.wire.mend()
            assert willing.wallet() in {(4_998, 0), (5_000, 0)}
    willing.wire.mend()
    assert at > 5
    assert willing.wallet() == (5_000, 0)
    assert kinds().count(("refund", 2)) == 1


def test_what_came_back_is_told_for_good_whatever_is_reported_later(willing: World, campaigns_bucket: str) -> None:
    _, batch = willing.send(*LOST, FINE[0])
    willing.work()
    reports = willing.receive(expected=3)
    willing.sweep(after_s=WINDOW_S + 60)
    assert willing.wallet() == (4_999, 0)
    before = told_back(willing, batch)
    assert before == [(1, 1), (1, 1), (0, 0)]
    willing.pass_time(3_600)
    for report in reports:
        willing.report({**report, "status": "DELIVERED"})
    assert set(willing.statuses(batch["id"]).values()) == {"delivered"}
    assert told_back(willing, batch) == before
    assert willing.wallet() == (4_999, 0)


def told_back(world: World, batch: Any) -> list[tuple[int, int]]:
    """Tells what came back for each recipient: by the file of results, and by its message's steps."""
    found = []
    for position, row in enumerate(test_results.ready(world, batch), start=1):
        _, story = world.call("GET", f"/api/sms/messages/{batch['id']}-1-{position}/")
        steps = [one["credits"] for one in story["timeline"] if one["what"] == "given_back"]
        found.append((int(row["credits_returned"]), sum(steps)))
    return found


def test_a_text_that_an_operator_rejected_is_told_to_have_come_back(world: World, campaigns_bucket: str) -> None:
    _, batch = world.send("0712000003")
    world.work()
    (sent,) = world.beem.log()
    world.report({name: sent[name] for name in ("request_id", "recipient_id", "dest_addr")} | {"status": "REJECTED"})
    world.sweep(after_s=WINDOW_S + 60)
    assert world.wallet() == (5_000, 0)
    assert told_back(world, batch) == [(1, 1)]


def test_a_report_between_the_end_of_the_window_and_its_close_keeps_nobody_elses_credits_back(willing: World) -> None:
    _, batch = willing.send(LOST[0], "0712000003")
    willing.work()
    willing.receive(expected=1)
    (silent,) = [one for one in willing.beem.log() if one["dest_addr"] == "255712000003"]
    willing.pass_time(WINDOW_S + 1)
    names = {name: silent[name] for name in ("request_id", "recipient_id", "dest_addr")}
    willing.report({**names, "status": "DELIVERED"})
    willing.sweep(after_s=60)
    assert sorted(willing.statuses(batch["id"]).values()) == ["delivered", "undelivered"]
    assert willing.wallet() == (4_999, 0)
