"""The day of tests: they are free, so a tenant has only so many, and nothing gets past that."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.sms.charges import allowance
from functions.sms.sending import dispatch
from functions.sms.sending.orders import Order
from mifumo import clock, settings, tables
from mifumo.errors import AppError
from tests.sms.test_mode import key, send
from tests.sms.test_quoted import quote
from tests.sms.world import TENANT, World
from tests.wire import Crash


def limit(monkeypatch: pytest.MonkeyPatch, tests_a_day: int) -> None:
    monkeypatch.setenv("TEST_RECIPIENTS_PER_DAY", str(tests_a_day))
    settings.forget()


def test_a_day_has_so_many_tests_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the batches: nobody pays for the workers and the rows that tests take."""
    limit(monkeypatch, 3)
    assert send(world, "0712000010", "0712000011", "no number", idempotency="k1")[0] == 202
    for more in ({}, {"dry_run": True}):
        status, problem = send(world, "0712000010", "0712000011", idempotency="k2", **more)
        assert (status, problem["code"]) == (403, "no_tests_left")
        assert (problem["cap"], problem["left"]) == (3, 1)
        assert clock.parse(problem["ends_at"]) > clock.now()
    assert send(world, "0712000010", "0712000011", "no number", idempotency="k1")[0] == 202, "the same again is no more"
    assert send(world, "0712000010", idempotency="k3")[0] == 202
    assert world.send("0712000010", mode="test")[1]["code"] == "no_tests_left"
    world.pass_time(24 * 3600)
    assert send(world, "0712000010", idempotency="k4")[0] == 202


def test_tests_leave_the_day_of_texts_alone_and_texts_that_of_tests(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, 2)
    world.prefer(daily_cap=2)
    assert send(world, "0712000010", "0712000011")[0] == 202
    assert world.send("0712000010", "0712000011")[0] == 202
    assert send(world, "0712000012", idempotency="k2")[1]["code"] == "no_tests_left"
    assert world.send("0712000012")[1]["code"] == "daily_cap_reached"


def test_a_campaign_is_tested_within_the_day_or_not_at_all(
    world: World, campaigns_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, 2)
    small, large = (quote({"Habari": [f"25571200001{n}" for n in range(size)]}) for size in (2, 3))

    def tested(made: str) -> tuple[int, Any]:
        return world.call("POST", "/api/sms/batches/", {"quote_id": made}, token=key())

    assert tested(large)[1]["code"] == "no_tests_left"
    assert (tested(small)[0], tested(small)[0]) == (202, 403)
    assert world.call("POST", "/api/sms/batches/", {"quote_id": large})[0] == 202, "the quote is as it was"


def test_parallel_tests_do_not_exceed_the_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(monkeypatch, 7)

    def one(index: int) -> str:
        order = Order(TENANT, "u1", "INFO", "Habari", (f"07120001{index:02d}", f"07120002{index:02d}"), test=True)
        try:
            dispatch.accept(order, key=f"parallel-{index}")
        except AppError as refusal:
            return refusal.code
        return "accepted"

    world.wire.take_turns()
    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(one, range(8))) == [*["accepted"] * 3, *["no_tests_left"] * 5]


def test_a_test_that_is_cut_off_and_asked_for_again_is_counted_once(world: World) -> None:
    send(world, "0712000010")
    world.wire.clear()
    send(world, "0712000010", idempotency="calls")
    calls, used = world.wire.count(), 2
    for at in range(calls):
        world.wire.cut(at, after=True)
        with pytest.raises(Crash):
            send(world, "0712000010", idempotency=f"k{at}")
        world.wire.mend()
        assert send(world, "0712000010", idempotency=f"k{at}")[0] == 202
        used += 1
        place = allowance.key(TENANT, allowance.today(), test=True)
        item = tables.get(os.environ["ACCESS_TABLE"], place)
        assert item is not None
        assert item["used"] == used
