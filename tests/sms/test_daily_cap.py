"""The daily cap that a tenant sets itself: what it lets through, what it says, and that nothing gets past it."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.sms.charges import allowance
from functions.sms.sending import dispatch, orders, standing
from mifumo import clock, tables, wallets
from mifumo.errors import AppError
from mifumo.ids import TenantId
from mifumo.preferences import Preferences
from tests.builders import token
from tests.sms.world import TENANT, World
from tests.wire import Crash

ONE, TWO, THREE = "0712000010", "0712000011", "0712000012"


def used(tenant: TenantId = TENANT) -> int:
    """Reads what was counted today."""
    item = tables.get(os.environ["ACCESS_TABLE"], allowance.key(tenant, allowance.today()))
    return int(item["used"]) if item else 0


def order(*recipients: str, tenant: TenantId = TENANT) -> orders.Order:
    return orders.Order(tenant, "u1", "INFO", "Habari", recipients)


def test_a_cap_lets_as_many_through_as_it_says_and_then_tells_what_is_left_and_until_when(world: World) -> None:
    world.prefer(daily_cap=3)
    assert world.send(ONE, TWO)[0] == 202
    status, problem = world.send(ONE, TWO)
    assert (status, problem["code"]) == (403, "daily_cap_reached")
    assert (problem["cap"], problem["left"]) == (3, 1)
    ends = clock.parse(problem["ends_at"])
    assert (ends.hour, ends.minute) == (21, 0), "midnight in Tanzania"
    assert 0 < (ends - clock.now()).total_seconds() <= 24 * 3600
    assert world.send(ONE)[0] == 202
    assert (used(), world.wallet()) == (3, (4_997, 3))


def test_recipients_that_are_refused_and_segments_do_not_count(world: World) -> None:
    world.prefer(daily_cap=1)
    status, batch = world.send(ONE, ONE, "abc", text="a" * 161)
    assert (status, batch["accepted"], batch["price"], used()) == (202, 1, 2, 1)


def test_a_batch_larger_than_the_whole_cap_is_refused_on_a_fresh_day(world: World) -> None:
    world.prefer(daily_cap=2)
    for dry in (False, True):
        status, problem = world.send(ONE, TWO, THREE, dry_run=dry)
        assert (status, problem["code"], problem["left"]) == (403, "daily_cap_reached", 2)
    assert (used(), world.wallet()) == (0, (5_000, 0))


def test_a_rehearsal_answers_alike_and_counts_nothing(world: World) -> None:
    world.prefer(daily_cap=2)
    assert world.send(ONE, TWO, dry_run=True)[0] == 200
    assert world.send(ONE)[0] == 202
    assert world.send(ONE, TWO, dry_run=True)[1]["left"] == 1
    assert used() == 1


def test_the_capability_tells_that_the_cap_is_reached(world: World) -> None:
    world.prefer(daily_cap=1)
    assert world.call("GET", "/api/sms/capability/")[1]["reasons"] == []
    world.send(ONE)
    assert world.call("GET", "/api/sms/capability/")[1]["reasons"] == ["daily_cap_reached"]


def test_a_new_day_begins_at_midnight_in_tanzania(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.prefer(daily_cap=1)

    def at(hour: int, minute: int) -> None:
        moment = clock.now().replace(hour=hour, minute=minute)
        monkeypatch.setattr(clock, "now", lambda: moment)

    at(20, 59)
    assert (world.send(ONE)[0], world.send(TWO)[0]) == (202, 403)
    at(21, 0)
    assert (world.send(TWO)[0], world.send(THREE)[0]) == (202, 403)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 12, 31, 20, 59, tzinfo=UTC), "2026-12-31"),
        (datetime(2026, 12, 31, 21, 0, tzinfo=UTC), "2027-01-01"),
        (datetime(2028, 2, 28, 23, 0, tzinfo=UTC), "2028-02-29"),
    ],
)
def test_a_date_is_that_of_tanzania(monkeypatch: pytest.MonkeyPatch, moment: datetime, day: str) -> None:
    monkeypatch.setattr(clock, "now", lambda: moment)
    assert allowance.today() == day


def test_a_raised_or_lifted_cap_lets_more_through_at_once_and_a_lowered_one_nothing(world: World) -> None:
    world.prefer(daily_cap=1)
    assert (world.send(ONE)[0], world.send(TWO)[0]) == (202, 403)
    world.prefer(daily_cap=2)
    assert world.send(TWO)[0] == 202
    world.prefer(daily_cap=1)
    assert world.send(THREE)[1]["left"] == 0
    world.prefer()
    assert world.send(THREE)[0] == 202


def test_another_tenants_day_is_its_own(world: World) -> None:
    other = TenantId("t2")
    world.fund(10, tenant=other)
    world.prefer(daily_cap=1)
    world.prefer(other, daily_cap=1)
    assert (world.send(ONE)[0], world.send(ONE)[0]) == (202, 403)
    body = {"sender_id": "INFO", "text": "Habari", "recipients": [ONE]}
    assert world.call("POST", "/api/sms/send/", body, token=token(tenant=other))[0] == 202
    assert (used(), used(other)) == (1, 1)


def test_a_replay_gets_the_first_answer_when_nothing_is_left(world: World) -> None:
    world.prefer(daily_cap=1)
    _, first = world.send(ONE, key="k-1")
    status, again = world.send(ONE, key="k-1")
    assert (status, again["id"], used()) == (202, first["id"], 1)
    assert world.send(TWO, key="k-1")[1]["code"] == "idempotency_key_reused"


def test_a_refusal_uses_no_key_up(world: World) -> None:
    world.prefer(daily_cap=1)
    assert world.send(ONE, TWO, key="k-1")[0] == 403
    world.prefer(daily_cap=2)
    assert world.send(ONE, TWO, key="k-1")[0] == 202


@pytest.mark.parametrize("moment", ["before the day was read", "after the day was read"])
def test_a_twin_that_took_the_rest_in_the_middle_of_the_read_is_met_as_a_replay(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    world.prefer(daily_cap=1)
    read, first = standing.read, []

    def torn(who: TenantId, **asked: Any) -> standing.Standing:
        """The batch is not there yet, the day is read before or after it was counted."""
        before = read(who, **asked)
        monkeypatch.setattr(standing, "read", read)
        first.append(dispatch.accept(order(ONE), key="k").batch.id)
        return replace(before, allowance=read(who).allowance) if moment.startswith("before") else before

    monkeypatch.setattr(standing, "read", torn)
    again = dispatch.accept(order(ONE), key="k")
    assert (again.replayed, again.batch.id, used()) == (True, first[0], 1)


def test_parallel_sends_never_exceed_the_cap(world: World) -> None:
    world.prefer(daily_cap=7)

    def one(index: int) -> str:
        try:
            dispatch.accept(order(f"07120001{index:02d}", f"07120002{index:02d}"), key=f"parallel-{index}")
        except AppError as refusal:
            return refusal.code
        return "accepted"

    world.wire.take_turns()
    with ThreadPoolExecutor(16) as threads:
        outcomes = sorted(threads.map(one, range(16)))
    assert outcomes == [*["accepted"] * 3, *["daily_cap_reached"] * 13]
    assert used() == 6
    wallet = wallets.read(TENANT)
    assert (wallet.available, wallet.held) == (4_994, 6)


@pytest.mark.parametrize("after", [False, True])
def test_whoever_is_cut_off_and_asks_again_is_counted_once(world: World, *, after: bool) -> None:
    world.prefer(daily_cap=1_000)
    world.send(ONE)
    world.wire.clear()
    world.send(TWO)
    calls = world.wire.count()
    for at in range(calls):
        counted = used()
        world.wire.cut(at, after=after)
        with pytest.raises(Crash):
            world.send(THREE, ONE, key=f"k-{at}")
        world.wire.mend()
        assert used() in {counted, counted + 2}
        assert world.send(THREE, ONE, key=f"k-{at}")[0] == 202
        assert used() == counted + 2


@pytest.mark.parametrize("preferences", [{}, {"daily_cap": 5_000}])
def test_a_cap_costs_no_call_more(world: World, preferences: dict[str, Any]) -> None:
    world.prefer(**preferences)
    world.send(ONE)  # the signing key is cached from here on
    world.wire.clear()
    assert world.send(*[f"0712{n:06d}" for n in range(1_000)])[0] == 202
    assert world.wire.calls == ["BatchGetItem", "TransactWriteItems", "SendMessageBatch"]
    assert used() == (1_001 if preferences else 0)


def test_a_day_goes_by_itself_some_time_after_it_has_ended(world: World) -> None:
    world.prefer(daily_cap=5)
    world.send(ONE)
    item = tables.get(os.environ["ACCESS_TABLE"], allowance.key(TENANT, allowance.today()))
    assert item is not None
    assert item["pk"].startswith("USED#"), "what this door may change there"
    assert 6 * 24 * 3600 < item["ttl"] - clock.epoch() <= 8 * 24 * 3600


def test_a_tenant_has_no_cap_unless_it_sets_one() -> None:
    assert Preferences().daily_cap == 0
