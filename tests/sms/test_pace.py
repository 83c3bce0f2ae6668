"""Pace: while one tenant drains a million, another's hundred texts are handed over promptly, and a code at once.

The simulation is `tests/sms/bulk_lane.py`: the real pacing, hand-over and sweep in virtual time.
"""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from functions.sms import messaging
from functions.sms.batches import chunks, listings, turns
from functions.sms.batches.chunks import Lane, State
from functions.sms.courses import walks
from functions.sms.pacing import lanes, pace
from functions.sms.pacing.pace import Standing
from mifumo import clock, queue, settings, tables
from mifumo.ids import BatchId, TenantId
from mifumo.tables import Key
from tests.builders import token
from tests.sms.bulk_lane import PLATFORM_PER_S, TENANT_PER_S, campaign, chunk_of, open_lane
from tests.sms.test_quoted import numbers, quote
from tests.sms.test_receipts import counted
from tests.sms.world import TENANT, World
from tests.wire import Wire

OTHER = TenantId("t2")


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the rates, in an environment that has nothing else of ours."""
    named = {"MESSAGING_TABLE": "messaging", "URGENT_QUEUE_URL": "urgent", "BULK_QUEUE_URL": "bulk"}
    waits = {"SWEEP_AFTER_S": "60", "CLAIM_LEASE_S": "300", "SEND_RETRY_BASE_S": "15", "SEND_ATTEMPTS_MAX": "20"}
    opens = {"CIRCUIT_OPEN_S": "60", "CIRCUIT_OPEN_MAX_S": "900", "CIRCUIT_FAILURES_MAX": "5"}
    for name, value in {**named, **waits, **opens}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TENANT_SEGMENTS_PER_S", str(TENANT_PER_S))
    monkeypatch.setenv("PLATFORM_SEGMENTS_PER_S", str(PLATFORM_PER_S))
    monkeypatch.setenv("TENANT_URGENT_PER_S", "5")
    settings.forget()


@pytest.mark.parametrize("fair", [True, False])
@pytest.mark.usefixtures("rates")
def test_while_a_million_drain_a_hundred_texts_of_anybody_wait_seconds(
    monkeypatch: pytest.MonkeyPatch, *, fair: bool
) -> None:
    one = open_lane(monkeypatch, fair=fair)
    one.lay_out("large", 1_000_000)
    for number, at_s in enumerate(range(1, 400, 3)):
        one.ask(f"small{number}", 1, at_s=at_s)
    one.run()
    worst = max(wait_s for number in range(133) for wait_s in one.waits_s(f"small{number}"))
    assert worst <= 5
    assert one.ended_s("large") <= 1_000_000 / TENANT_PER_S * 1.1, "and the million goes at its own rate"
    assert len(one.handed_over["large"]) == 10_000


@pytest.mark.usefixtures("rates")
def test_without_pace_and_without_fairness_they_would_wait_for_the_whole_million(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = open_lane(monkeypatch, fair=False, paced=False)
    one.ask("large", 10_000, at_s=0)
    one.ask("small", 1, at_s=1)
    one.run()
    assert one.waits_s("small")[0] > 250


@pytest.mark.parametrize(("fair", "most_s"), [(True, 5), (False, 30)])
@pytest.mark.usefixtures("rates")
def test_a_million_in_a_thousand_small_batches_at_once_delays_others_by_no_more_than_one_look_at_each(
    monkeypatch: pytest.MonkeyPatch, *, fair: bool, most_s: float
) -> None:
    one = open_lane(monkeypatch, fair=fair)
    one.ask("large", 10_000, at_s=0)
    for at_s in range(1, 400, 10):
        one.ask(f"small{at_s}", 1, at_s=at_s)
    one.run()
    assert max(wait_s for at_s in range(1, 400, 10) for wait_s in one.waits_s(f"small{at_s}")) <= most_s
    assert one.ended_s("large") <= 1_000_000 / TENANT_PER_S * 1.1


@pytest.mark.parametrize(("fair", "most_s"), [(True, 2), (False, 10)])
@pytest.mark.usefixtures("rates")
def test_five_large_tenants_share_what_the_platform_takes_and_a_small_one_is_let_in(
    monkeypatch: pytest.MonkeyPatch, *, fair: bool, most_s: float
) -> None:
    one = open_lane(monkeypatch, fair=fair)
    for number in range(5):
        one.lay_out(f"large{number}", 100_000)
    for at_s in range(5, 120, 5):
        one.ask(f"small{at_s}", 1, at_s=at_s)
    one.run()
    assert max(wait_s for at_s in range(5, 120, 5) for wait_s in one.waits_s(f"small{at_s}")) <= most_s
    ends = [one.ended_s(f"large{number}") for number in range(5)]
    assert max(ends) <= 500_000 / PLATFORM_PER_S * 1.1
    assert min(ends) >= max(ends) * 0.9, "nobody was let past the others"


@dataclass(frozen=True)
class Load:
    """Campaigns of so many segments that are laid out at the same moment, and how long a small batch may wait."""

    tenants: int
    each: int
    segments: int

    @property
    def least_s(self) -> float:
        """How long they take at least."""
        of_one = self.each * self.segments
        return max(of_one / TENANT_PER_S, of_one * self.tenants / PLATFORM_PER_S)


LOADS = {
    "four millions by one": Load(1, 4, 1_000_000),
    "forty hundred thousands by one": Load(1, 40, 100_000),
    "a million by each of eight": Load(8, 1, 1_000_000),
    "three millions by each of two": Load(2, 1, 3_000_000),
    "a hundred thousand by each of forty": Load(40, 1, 100_000),
}


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
@pytest.mark.usefixtures("rates")
def test_backlogs_that_reach_further_ahead_than_a_queue_delays_drain_at_their_rate_and_others_wait_seconds(
    monkeypatch: pytest.MonkeyPatch, load: Load
) -> None:
    """A tenth of the workers and of the chunks, each of ten segments."""
    one = open_lane(monkeypatch, fair=True, workers=1)
    for tenant, batch in itertools.product(range(load.tenants), range(load.each)):
        one.lay_out(f"large{tenant}", load.segments // 10, batch=f"b{batch}", segments=10)
    for at_s in range(5, int(load.least_s), 61):
        one.ask(f"small{at_s}", 1, at_s=at_s)
    one.run(until_s=load.least_s * 2)
    assert one.left == 0
    assert max(wait_s for at_s in range(5, int(load.least_s), 61) for wait_s in one.waits_s(f"small{at_s}")) <= 10
    ends = [one.ended_s(f"large{tenant}") for tenant in range(load.tenants)]
    assert max(ends) <= load.least_s * 1.1
    assert min(ends) >= max(ends) * 0.9, "nobody was let past the others"


@pytest.mark.usefixtures("rates")
def test_a_queue_that_loses_every_third_message_delays_a_backlog_and_stops_it_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sweep brings what was lost, and each chunk keeps the place that it has waited for."""
    lost = itertools.count()
    one = open_lane(monkeypatch, fair=True, workers=1, loses=lambda _: next(lost) % 3 == 0)
    for batch in range(4):
        one.lay_out("large", 50_000, batch=f"b{batch}", segments=20)
    one.run(until_s=8_000)
    assert one.left == 0
    assert one.swept > 500


@pytest.mark.usefixtures("rates")
def test_a_message_that_comes_twice_hands_nothing_over_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    one = open_lane(monkeypatch, fair=True, workers=1, twice=True)
    for batch in range(4):
        one.lay_out("large", 50_000, batch=f"b{batch}", segments=20)
    one.run(until_s=8_000)
    assert one.left == 0
    assert len(one.handed_over["large"]) == 2_000


# --- the real table --------------------------------------------------------------------------------------------------


def test_places_on_a_schedule_are_taken_once_each_by_many_at_the_same_time(
    aws_tables: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENANT_SEGMENTS_PER_S", "5")
    settings.forget()
    aws_tables.take_turns()
    with ThreadPoolExecutor(6) as pool:
        waits = list(pool.map(lambda number: pace.wait_s(chunk_of("t1", number), Standing()), range(40)))
    assert sum(wait_s == 0 for wait_s in waits) == 1
    places = sorted(wait_s for wait_s in waits if wait_s)
    gaps = [after - before for before, after in itertools.pairwise(places)]
    assert sum(gaps) / len(gaps) == pytest.approx(20, abs=0.5), "one each, and none twice"


@pytest.mark.usefixtures("aws_tables")
def test_no_limit_is_no_call(aws_tables: Wire) -> None:
    aws_tables.clear()
    assert pace.wait_s(chunk_of("t1"), Standing()) == 0
    assert aws_tables.calls == []


def test_a_large_batch_is_put_into_the_queue_in_waves_and_what_is_too_late_for_it_comes_half_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENANT_SEGMENTS_PER_S", "100")
    settings.forget()
    sent = list[tuple[bool, int]]()
    monkeypatch.setattr(
        queue, "send", lambda _url, bodies, **options: sent.append(("waits" in bodies[0], options["delay_s"]))
    )
    lanes.fan_out(campaign(190_000), range(1, 1_901), place=1)
    at_once, half_way, in_three = sent[:901], sent[901:1801], sent[1801:]
    assert at_once == [(False, delay_s) for delay_s in range(901)]
    assert half_way == [(True, -(-delay_s // 2)) for delay_s in range(901, 1801)]
    assert in_three == [(True, -(-delay_s // 3)) for delay_s in range(1801, 1900)]
    assert world.queued() == []


# --- what goes on ---------------------------------------------------------------------------------------------------


Told = list[tuple[int, int]]


@pytest.fixture
def told(world: World, monkeypatch: pytest.MonkeyPatch) -> Told:
    """What the lanes are told from now on, at a hundred segments a second: (chunks, delay) of each call."""
    monkeypatch.setenv("TENANT_SEGMENTS_PER_S", "100")
    settings.forget()
    seen, send = Told(), queue.send

    def put(url: str, bodies: Any, **options: Any) -> int:
        if "chunk" in bodies[0]:
            seen.append((len(bodies), options["delay_s"]))
        return send(url, bodies, **options)

    monkeypatch.setattr(queue, "send", put)
    return seen


def dues(batch: Any) -> list[float]:
    """Tells how many seconds after it was told of the sweep looks at each chunk, beyond its usual minute."""
    found = chunks.of_batch(TENANT, BatchId(batch["id"]))
    waiting = [(one, clock.parse(one.due)) for one in found if one.state is State.QUEUED and one.due]
    return [round((due - clock.parse(one.updated_at)).total_seconds() - 60, 1) for one, due in waiting]


def test_a_batch_that_was_resumed_goes_on_at_its_pace_from_the_first_chunk_that_is_left(
    world: World, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three steps of two chunks each: what one has told of is behind what the others have."""
    monkeypatch.setattr(walks, "PAGE", 2)
    monkeypatch.setattr(chunks, "PAGE", 2)
    _, batch = world.send(*many(100, 600))
    first, *rest = world.queued()
    world.deliver(first)
    _, paused = world.call("POST", f"/api/sms/batches/{batch['id']}/pause/")
    assert paused["counts"] == {"submitted": 100, "held": 500}
    for body in rest:
        world.deliver(body)
    told.clear()
    assert world.call("POST", f"/api/sms/batches/{batch['id']}/resume/")[0] == 200
    world.start()
    assert told == [(1, delay_s) for delay_s in range(5)]
    assert dues(batch) == [0, 1, 2, 3, 4]


@pytest.mark.usefixtures("campaigns_bucket")
def test_a_scheduled_campaign_begins_at_its_pace_and_nobody_hears_of_it_before(world: World, told: Told) -> None:
    quote_id = quote({"Habari wote": numbers(100, 450)})
    moment = clock.after(3_600)
    _, batch = world.call("POST", "/api/sms/batches/", {"quote_id": quote_id, "send_at": moment})
    world.lay()
    assert told == []
    world.pass_time(3_601)
    world.fire()
    assert told == [(2, 0), (1, 1), (1, 2), (1, 3)]
    assert dues(batch) == [0, 0.9, 1.8, 2.7, 3.6]


def test_a_step_of_a_walk_that_is_taken_twice_gives_the_same_places(
    world: World, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walks, "PAGE", 2)
    monkeypatch.setattr(chunks, "PAGE", 2)
    _, batch = world.send(*many(100, 400))
    world.call("POST", f"/api/sms/batches/{batch['id']}/pause/")
    world.call("POST", f"/api/sms/batches/{batch['id']}/resume/")
    told.clear()
    standing = turns.read(listings.require(TENANT, batch["id"]))
    assert standing is not None
    assert (standing.walk, standing.told) == (2, 2)
    walks.go_on(standing)
    walks.go_on(standing)  # by whoever got the message a second time
    assert told == [(1, 2), (1, 3)] * 2
    world.start()
    after = turns.read(standing)
    assert after is not None
    assert (after.walk, after.told) == (None, 4)


# --- through the worker ----------------------------------------------------------------------------------------------


@pytest.fixture
def slow(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose tenants may send twenty segments a second: so slow that no slow machine makes up for it."""
    monkeypatch.setenv("TENANT_SEGMENTS_PER_S", "20")
    monkeypatch.setenv("PLATFORM_SEGMENTS_PER_S", "3000")
    settings.forget()
    world.fund(1_000, tenant=OTHER)
    return world


def many(first: int, count: int) -> list[str]:
    return [f"07{12_100_000 + n}" for n in range(first, first + count)]


def test_ten_chunks_at_once_are_put_off_and_anothers_hundred_and_a_code_are_not(slow: World) -> None:
    _, large = slow.send(*many(100, 900))
    slow.work()
    before = len(slow.sent_to())
    assert 100 <= before <= 300
    body = {"sender_id": "INFO", "text": "Habari", "recipients": many(5_100, 100)}
    _, other = slow.call("POST", "/api/sms/send/", body, token=token(tenant=OTHER))
    _, code = slow.send("0712300300")
    slow.work()
    assert len(slow.sent_to()) == before + 101
    assert slow.batch(code["id"])["charged"] == 1
    assert slow.batch(large["id"])["status"] != "completed"

    # The messages that come at their places are late here, as the queue keeps real time: the sweep brings one a turn.
    for _ in range(24):
        slow.sweep(after_s=61)
        slow.work()
    assert slow.batch(large["id"])["charged"] == 900
    assert len(slow.sent_to()) == len(set(slow.sent_to())) == 900 + 101
    assert other["accepted"] == 100


def test_tests_go_at_their_tenants_pace_and_take_no_place_of_the_platforms(slow: World) -> None:
    """No provider hears of them; the lane and its workers do."""
    before = slow.sent_to()
    _, batch = slow.send(*many(100, 400), mode="test")
    slow.work()
    done = slow.batch(batch["id"])["counts"]
    assert 100 <= 400 - done["queued"] <= 300
    assert tables.get(messaging.table(), Key("PLATFORM", "PACE")) is None
    for _ in range(24):
        if slow.batch(batch["id"])["status"] == "completed":
            break
        slow.sweep(after_s=61)
        slow.work()
    assert slow.batch(batch["id"])["status"] == "completed"
    assert slow.sent_to() == before


def test_a_chunk_that_was_put_off_ignores_a_second_message_and_uses_no_attempt(slow: World) -> None:
    _, batch = slow.send(*many(100, 900))
    bodies = slow.work()
    slow.wire.clear()
    for body in bodies[-3:]:
        slow.deliver(body)
    assert slow.wire.count("UpdateItem", "SendMessageBatch") == 0
    chunk = chunks.get(TENANT, BatchId(batch["id"]), 9)
    assert chunk
    assert (chunk.state, chunk.attempts) == (State.QUEUED, 0)
    slow.pass_time(45)
    slow.deliver(bodies[-1])
    handed = chunks.get(TENANT, BatchId(batch["id"]), 9)
    assert handed
    assert handed.state is State.SUBMITTED


@pytest.fixture
def far(slow: World, monkeypatch: pytest.MonkeyPatch) -> tuple[World, BatchId, list[tuple[dict[str, Any], int]]]:
    """A batch of two chunks of a thousand segments at one a second: the first is out, the second has its place.

    With what the queue is told from then on, and the delay that is asked of it.
    """
    monkeypatch.setenv("TENANT_SEGMENTS_PER_S", "1")
    settings.forget()
    told = list[tuple[dict[str, Any], int]]()
    monkeypatch.setattr(
        queue, "send", lambda _url, bodies, **options: told.extend((body, options["delay_s"]) for body in bodies)
    )
    slow.spend_all_but(5_000)
    _, batch = slow.send(*many(100, 200), text="a" * 1_500)
    first, second = [body for body, _ in told]
    told.clear()
    slow.deliver(first)
    slow.deliver(second)
    return slow, BatchId(batch["id"]), told


def test_a_message_that_no_queue_delays_for_long_enough_is_put_back_for_the_rest_and_nothing_is_written(
    far: tuple[World, BatchId, list[tuple[dict[str, Any], int]]],
) -> None:
    world, batch, told = far
    [(waiting, delay_s)] = told
    assert 495 <= delay_s <= 500, "two times make up the thousand"
    world.pass_time(500)
    world.wire.clear()
    world.deliver(waiting)
    [_, (again, rest_s)] = told
    assert again == waiting
    assert 490 <= rest_s <= 500
    assert world.wire.count("UpdateItem") == 0
    world.pass_time(500)
    world.deliver(again)
    assert all(chunk.state is State.SUBMITTED for chunk in chunks.of_batch(TENANT, batch))
    assert len(world.sent_to()) == 200


def test_a_message_too_many_is_dropped_before_the_turn_and_one_that_waits_for_an_earlier_place_too(
    far: tuple[World, BatchId, list[tuple[dict[str, Any], int]]],
) -> None:
    world, batch, told = far
    [(waiting, _)] = told
    told.clear()
    world.deliver({name: value for name, value in waiting.items() if name != "waits"})
    world.deliver({**waiting, "waits": clock.after(10)})
    assert told == []
    assert [chunk.attempts for chunk in chunks.of_batch(TENANT, batch)] == [1, 0]


def test_a_chunk_whose_message_is_lost_keeps_its_place_when_the_sweep_brings_it(
    far: tuple[World, BatchId, list[tuple[dict[str, Any], int]]],
) -> None:
    world, batch, told = far
    told.clear()
    world.sweep(after_s=900)
    assert told == [], "its place lies ahead"
    world.sweep(after_s=170)
    [(brought, _)] = told
    key = tables.Key(f"T#{TENANT}", "PACE")
    before = tables.get("messaging", key)
    world.deliver(brought)
    after = tables.get("messaging", key)
    assert before
    assert after
    assert before["free_at"] == after["free_at"], "no place more"
    assert all(chunk.state is State.SUBMITTED for chunk in chunks.of_batch(TENANT, batch))


def test_what_a_paused_batch_had_of_places_is_gone_when_it_goes_on(
    far: tuple[World, BatchId, list[tuple[dict[str, Any], int]]],
) -> None:
    world, batch, told = far
    [(waiting, _)] = told
    assert world.call("POST", f"/api/sms/batches/{batch}/pause/")[0] == 200
    world.deliver(waiting)
    world.pass_time(86_400)
    assert world.call("POST", f"/api/sms/batches/{batch}/resume/")[0] == 200
    told.clear()
    walks.go_on(listings.require(TENANT, batch))
    chunk = chunks.get(TENANT, batch, 2)
    assert chunk
    assert not chunk.placed
    assert chunk.since
    assert chunk.since > clock.after(-10)


def test_how_long_a_text_has_waited_is_told_whenever_it_is_put_off_or_brought_again(
    far: tuple[World, BatchId, list[tuple[dict[str, Any], int]]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its moment moves ahead with each place that it takes; its age does not."""
    world, _, told = far
    [(waiting, _)] = told
    world.pass_time(600)
    world.deliver(waiting)
    assert 600 <= counted(capsys, "TextsWaitedSeconds") < 660
    world.sweep(after_s=3_000)
    assert 3_600 <= counted(capsys, "TextsWaitedSeconds") < 3_660


def test_the_urgent_lane_takes_no_place(slow: World) -> None:
    for number in range(100, 130):
        slow.send(f"07121{number:05d}")
    slow.wire.clear()
    slow.work()
    assert len(slow.sent_to()) == 30
    assert tables.get("messaging", tables.Key(f"T#{TENANT}", "PACE")) is None


# --- the urgent lane -------------------------------------------------------------------------------------------------


def lanes_of(bodies: list[dict[str, Any]]) -> list[Lane]:
    found = [chunks.get(body["tenant"], body["batch"], body["chunk"]) for body in bodies]
    return [chunk.lane for chunk in found if chunk]


def test_what_a_tenant_sends_beyond_its_share_of_the_urgent_lane_goes_on_in_the_other_and_a_code_is_not_behind_it(
    slow: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call a second, and twenty seconds' worth at once; a text of its own counts as seventy-five on the bulk lane."""
    monkeypatch.setenv("TENANT_URGENT_PER_S", "1")
    monkeypatch.setenv("TENANT_SEGMENTS_PER_S", "1500")
    settings.forget()
    stopped = clock.now()
    monkeypatch.setattr(clock, "now", lambda: stopped)
    for number in range(100, 130):
        slow.send(f"07121{number:05d}")
    body = {"sender_id": "INFO", "text": "Habari", "recipients": ["0712300300"]}
    slow.call("POST", "/api/sms/send/", body, token=token(tenant=OTHER))
    bodies = slow.work()
    assert len(bodies) == 31
    assert len(slow.sent_to()) == 22, "those of twenty seconds, the one after them, and the other tenant's"
    slow.wire.clear()
    beyond = slow.queued()
    assert lanes_of(beyond) == [Lane.BULK] * 9
    for one in [*beyond, *beyond, *bodies]:
        slow.deliver(one)
    assert len(slow.sent_to()) == len(set(slow.sent_to())) == 31


def test_a_share_that_is_used_up_is_seen_without_a_write(slow: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANT_URGENT_PER_S", "1")
    settings.forget()
    slow.wire.clear()
    assert not pace.hurries(chunk_of(TENANT), Standing(urgent_ms=clock.epoch_ms() + 60_000))
    assert slow.wire.calls == []


def test_what_is_promotional_takes_the_bulk_lane_however_small_it_is(world: World) -> None:
    for category, lane in (("promotional", Lane.BULK), ("transactional", Lane.URGENT), ("otp", Lane.URGENT)):
        _, batch = world.send("0712000010", category=category)
        assert listings.require(TENANT, batch["id"]).lane is lane


def test_both_lanes_are_fair_to_tenants(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = list[str | None]()
    monkeypatch.setattr(queue, "send", lambda *_, group=None, **__: groups.append(group))
    for lane in Lane:
        lanes.enqueue(TENANT, lane, [(BatchId("b"), 1)])
    assert groups == [TENANT, TENANT]


@pytest.mark.usefixtures("rates")
def test_small_requests_count_as_the_calls_that_they_are_so_that_they_do_not_keep_every_worker_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three tenants send a thousand requests a minute each: half as many again as the workers make."""
    one = open_lane(monkeypatch, fair=True)
    for request, tenant in itertools.product(range(1_000), range(3)):
        one.ask(f"busy{tenant}", 1, at_s=request * 0.06, batch=f"b{request}", recipients=1)
    for at_s in range(5, 90, 5):
        one.ask(f"small{at_s}", 1, at_s=at_s)
    one.run()
    assert max(wait_s for at_s in range(5, 90, 5) for wait_s in one.waits_s(f"small{at_s}")) <= 2
    assert one.left == 0
    ends = [one.ended_s(f"busy{tenant}") for tenant in range(3)]
    assert max(ends) <= 3_000 / 32 * 1.15
    assert min(ends) >= max(ends) * 0.75
