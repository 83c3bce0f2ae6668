"""Pace: while one tenant drains a million, another's hundred texts are handed over promptly, and a code at once.

The simulation runs the real pacing in virtual time, over a model of the queue and its workers: once fair as SQS is with
a group for each tenant, and once as if it were not. What stands in the table's place compares and sets, as a test of
the real one shows that DynamoDB does.
"""

import heapq
import itertools
from collections import defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.sms import messaging
from functions.sms.batches import batches, chunks, listings, turns
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import Chunk, Lane, State
from functions.sms.courses import walks
from functions.sms.pacing import lanes, pace
from mifumo import clock, queue, settings, tables, writes
from mifumo.ids import BatchId, TenantId
from mifumo.segments import Encoding
from mifumo.tables import Key
from tests.builders import token
from tests.sms.test_quoted import numbers, quote
from tests.sms.world import TENANT, World
from tests.wire import Wire

OTHER = TenantId("t2")
# Of an AWS stage: ten workers whose calls take 0.3 s; a look at a chunk that is put off takes 20 ms.
WORKERS, CALL_S, LOOK_S = 10, 0.3, 0.02
TENANT_PER_S, PLATFORM_PER_S = 1_500, 2_400
EPOCH = datetime(2026, 1, 31, 9, tzinfo=UTC)


def chunk_of(tenant: str, number: int = 1, *, recipients: int = 100) -> Chunk:
    return Chunk(
        tenant=TenantId(tenant),
        batch=BatchId("b"),
        number=number,
        lane=Lane.BULK,
        state=State.QUEUED,
        recipients=("255712000010",) * recipients,
        segments=1,
        created_at="",
        updated_at="",
    )


def campaign(recipients: int) -> Batch:
    return Batch(
        id=BatchId("b"),
        tenant=TENANT,
        status=batches.Status.ACCEPTED,
        sender_id="INFO",
        text="Habari",
        encoding=Encoding.GSM_7,
        segments=1,
        accepted=recipients,
        price=recipients,
        charged=0,
        chunks=recipients // 100,
        lane=Lane.BULK,
        fingerprint="",
        created_at="",
    )


@dataclass
class Simulation:
    """The bulk lane in virtual time: messages by when they are visible, and workers by when they are free."""

    fair: bool
    paced: bool = True
    handed_over: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    now_s: float = 0.0
    _pending: list[tuple[float, int, str, bool, float]] = field(default_factory=list)
    _ready: dict[str, deque[tuple[bool, float]]] = field(default_factory=lambda: defaultdict(deque))
    _order: deque[str] = field(default_factory=deque)
    _served: dict[str, float] = field(default_factory=dict)
    _ticket: Any = field(default_factory=itertools.count)

    def put(self, tenant: str, count: int, *, at_s: float, visible_s: float | None = None) -> None:
        """Puts chunks into the queue; the wait of each is counted from `at_s`, or from when it was to be visible."""
        for _ in range(count):
            heapq.heappush(self._pending, (visible_s or at_s, next(self._ticket), tenant, False, visible_s or at_s))

    def run(self) -> None:
        """Lets the workers work until nothing is left."""
        workers = [0.0] * WORKERS
        while self._pending or any(self._ready.values()):
            self.now_s = max(self.now_s, heapq.heappop(workers))  # who was free before waited until now
            if not any(self._ready.values()):
                self.now_s = max(self.now_s, self._pending[0][0])
            while self._pending and self._pending[0][0] <= self.now_s:
                _, _, tenant, placed, since_s = heapq.heappop(self._pending)
                self._ready[tenant].append((placed, since_s))
                self._order.append(tenant)
            heapq.heappush(workers, self.now_s + self._serve(self._next()))

    def _next(self) -> str:
        if not self.fair:
            return self._order.popleft()
        tenant = min(
            (one for one, waiting in self._ready.items() if waiting), key=lambda one: self._served.get(one, -1)
        )
        self._served[tenant] = self.now_s
        return tenant

    def _serve(self, tenant: str) -> float:
        placed, since_s = self._ready[tenant].popleft()
        wait_s = -(-pace.wait_s(chunk_of(tenant), placed=placed) // 1) if self.paced else 0
        if wait_s:
            heapq.heappush(self._pending, (self.now_s + wait_s, next(self._ticket), tenant, True, since_s))
            return LOOK_S
        self.handed_over[tenant].append((since_s, self.now_s))
        return CALL_S

    def waits_s(self, tenant: str) -> list[float]:
        """Lists how long each of a tenant's chunks waited."""
        return [at_s - since_s for since_s, at_s in self.handed_over[tenant]]

    def ended_s(self, tenant: str) -> float:
        """Tells when the last chunk of a tenant was handed over."""
        return max(at_s for _, at_s in self.handed_over[tenant])


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the rates, in an environment that has nothing else of ours."""
    monkeypatch.setenv("MESSAGING_TABLE", "messaging")
    monkeypatch.setenv("SWEEP_AFTER_S", "60")
    monkeypatch.setenv("TENANT_SEGMENTS_PER_S", str(TENANT_PER_S))
    monkeypatch.setenv("PLATFORM_SEGMENTS_PER_S", str(PLATFORM_PER_S))
    settings.forget()


def simulation(monkeypatch: pytest.MonkeyPatch, *, fair: bool, paced: bool = True) -> Simulation:
    """Makes a simulation whose clock is the virtual one and whose table compares and sets."""
    made, table = Simulation(fair=fair, paced=paced), dict[tables.Key, int]()

    def commit(write: writes.Write) -> dict[str, int]:
        values = {name: int(value["N"]) for name, value in write.arguments["ExpressionAttributeValues"].items()}
        stands = table.get(write.key, 0)
        if ":until" in values:
            holds, new = stands <= values[":from"], values.get(":until", 0)
        else:
            holds, new = values[":from"] < stands <= values[":before"], stands + values[":cost"]
        if not holds:
            raise write.refused(None)
        table[write.key] = new
        return {"free_at": new}

    monkeypatch.setattr(writes, "commit", commit)
    monkeypatch.setattr(clock, "now", lambda: EPOCH + timedelta(seconds=made.now_s))
    return made


def lay_out(one: Simulation, tenant: str, recipients: int) -> None:
    """Puts a campaign into the queue as `lanes.fan_out` does."""
    batch = campaign(recipients)
    for number in range(1, batch.chunks + 1):
        delay_s = int(pace.spread_s(batch, number))
        assert delay_s <= 900
        one.put(tenant, 1, at_s=0, visible_s=float(delay_s))


@pytest.mark.parametrize("fair", [True, False])
@pytest.mark.usefixtures("rates")
def test_while_a_million_drain_a_hundred_texts_of_anybody_wait_seconds(
    monkeypatch: pytest.MonkeyPatch, *, fair: bool
) -> None:
    one = simulation(monkeypatch, fair=fair)
    lay_out(one, "large", 1_000_000)
    for number, at_s in enumerate(range(1, 400, 3)):
        one.put(f"small{number}", 1, at_s=at_s)
    one.run()
    worst = max(wait_s for number in range(133) for wait_s in one.waits_s(f"small{number}"))
    assert worst <= 5
    assert one.ended_s("large") <= 1_000_000 / TENANT_PER_S * 1.1, "and the million goes at its own rate"
    assert len(one.handed_over["large"]) == 10_000


@pytest.mark.usefixtures("rates")
def test_without_pace_and_without_fairness_they_would_wait_for_the_whole_million(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = simulation(monkeypatch, fair=False, paced=False)
    one.put("large", 10_000, at_s=0)
    one.put("small", 1, at_s=1)
    one.run()
    assert one.waits_s("small")[0] > 250


@pytest.mark.parametrize(("fair", "most_s"), [(True, 5), (False, 30)])
@pytest.mark.usefixtures("rates")
def test_a_million_in_a_thousand_small_batches_at_once_delays_others_by_no_more_than_one_look_at_each(
    monkeypatch: pytest.MonkeyPatch, *, fair: bool, most_s: float
) -> None:
    one = simulation(monkeypatch, fair=fair)
    one.put("large", 10_000, at_s=0)
    for at_s in range(1, 400, 10):
        one.put(f"small{at_s}", 1, at_s=at_s)
    one.run()
    assert max(wait_s for at_s in range(1, 400, 10) for wait_s in one.waits_s(f"small{at_s}")) <= most_s
    assert one.ended_s("large") <= 1_000_000 / TENANT_PER_S * 1.1


@pytest.mark.parametrize("fair", [True, False])
@pytest.mark.usefixtures("rates")
def test_five_large_tenants_share_what_the_platform_takes_and_a_small_one_is_let_in(
    monkeypatch: pytest.MonkeyPatch, *, fair: bool
) -> None:
    one = simulation(monkeypatch, fair=fair)
    for number in range(5):
        lay_out(one, f"large{number}", 100_000)
    for at_s in range(5, 120, 5):
        one.put(f"small{at_s}", 1, at_s=at_s)
    one.run()
    assert max(wait_s for at_s in range(5, 120, 5) for wait_s in one.waits_s(f"small{at_s}")) <= 30
    ends = [one.ended_s(f"large{number}") for number in range(5)]
    assert max(ends) <= 500_000 / PLATFORM_PER_S * 1.35
    assert min(ends) >= max(ends) * 0.6, "nobody was let past the others"


# --- the real table --------------------------------------------------------------------------------------------------


def test_places_on_a_schedule_are_taken_once_each_by_many_at_the_same_time(
    aws_tables: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENANT_SEGMENTS_PER_S", "5")
    settings.forget()
    aws_tables.take_turns()
    with ThreadPoolExecutor(6) as pool:
        waits = list(pool.map(lambda number: pace.wait_s(chunk_of("t1", number), placed=False), range(40)))
    assert sum(wait_s == 0 for wait_s in waits) == 1
    places = sorted(wait_s for wait_s in waits if wait_s)
    gaps = [after - before for before, after in itertools.pairwise(places)]
    assert sum(gaps) / len(gaps) == pytest.approx(20, abs=0.5), "one each, and none twice"


@pytest.mark.usefixtures("aws_tables")
def test_no_limit_is_no_call(aws_tables: Wire) -> None:
    aws_tables.clear()
    assert pace.wait_s(chunk_of("t1"), placed=False) == 0
    assert aws_tables.calls == []


def test_a_large_batch_is_put_into_the_queue_in_waves_and_what_is_too_late_for_it_is_left_to_the_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENANT_SEGMENTS_PER_S", "100")
    settings.forget()
    sent = list[tuple[int, int]]()
    monkeypatch.setattr(queue, "send", lambda _url, bodies, **options: sent.append((len(bodies), options["delay_s"])))
    lanes.fan_out(campaign(200_000), range(1, 2_001), place=1)
    assert sent == [(1, delay_s) for delay_s in range(901)]
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
    slow.deliver({**bodies[-1], "placed": True})
    handed = chunks.get(TENANT, BatchId(batch["id"]), 9)
    assert handed
    assert handed.state is State.SUBMITTED


def test_the_urgent_lane_takes_no_place(slow: World) -> None:
    for number in range(100, 130):
        slow.send(f"07121{number:05d}")
    slow.wire.clear()
    slow.work()
    assert len(slow.sent_to()) == 30
    assert tables.get("messaging", tables.Key(f"T#{TENANT}", "PACE")) is None
