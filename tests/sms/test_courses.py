"""A batch under way can be paused, goes on, and can be called off: what was not handed over costs nothing, once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.sms.batches import batches, chunks, listings
from functions.sms.batches.batches import Batch, Status
from functions.sms.batches.chunks import State
from functions.sms.courses import courses, walks
from functions.sms.sending import dispatch
from functions.sms.sending.orders import Order
from mifumo.ids import BatchId
from tests.builders import token
from tests.sms.world import TENANT, World
from tests.wire import Crash

NUMBERS = [f"07120{n:05d}" for n in range(10_100, 10_350)]
PATHS = ("pause", "resume", "cancel")


def lead(world: World, verb: str, batch: Any, **options: Any) -> tuple[int, Any]:
    return world.call("POST", f"/api/sms/batches/{batch['id']}/{verb}/", **options)


def states(batch: Any) -> list[State]:
    return [chunk.state for chunk in chunks.of_batch(TENANT, BatchId(batch["id"]))]


def one_of(world: World, batch: Any) -> Batch:
    return listings.require(TENANT, batch["id"])


@pytest.fixture
def half(world: World) -> Any:
    """A batch of three chunks of which one has been handed over; the others are in the workers' queue."""
    _, batch = world.send(*NUMBERS)
    first, *rest = world.queued()
    world.deliver(first)
    return batch, rest


@pytest.mark.parametrize("verb", PATHS)
def test_who_may_not_send_leads_no_batch(world: World, verb: str) -> None:
    _, batch = world.send(*NUMBERS)
    assert lead(world, verb, batch, token=None)[0] == 401
    assert lead(world, verb, batch, token=token(tenant="t2"))[0] == 404
    assert lead(world, verb, {"id": "01m86mvt1mxhz5r76k6x5nkw8f"})[0] == 404
    assert world.batch(batch["id"])["status"] == "accepted"


def test_nothing_of_a_paused_batch_is_handed_over_until_it_goes_on(world: World, half: Any) -> None:
    batch, rest = half
    status, paused = lead(world, "pause", batch)
    assert (status, paused["status"], paused["counts"]) == (200, "paused", {"submitted": 100, "held": 150})
    assert lead(world, "pause", batch)[1]["status"] == "paused"
    for body in rest:
        world.deliver(body)
    world.sweep(after_s=61)
    assert world.queued() == []  # set aside: not even the sweep sees them
    assert len(world.sent_to()) == 100
    aside = [chunk for chunk in chunks.of_batch(TENANT, BatchId(batch["id"])) if chunk.state is State.QUEUED]
    assert [(chunk.due, chunk.attempts) for chunk in aside] == [(None, 0)] * 2
    assert world.wallet() == (4_750, 250)

    assert lead(world, "resume", batch)[1]["status"] == "sending"
    assert lead(world, "resume", batch)[1]["status"] == "sending"
    world.work()
    done = world.batch(batch["id"])
    assert (done["status"], done["charged"]) == ("completed", 250)
    assert sorted(world.sent_to()) == sorted({f"255{number[1:]}" for number in NUMBERS})


def test_what_was_handed_over_before_a_pause_completes_the_batch(world: World) -> None:
    _, batch = world.send("0712000003")
    body = world.queued()[0]
    stale = one_of(world, batch)
    world.deliver(body)
    assert world.batch(batch["id"])["status"] == "completed"
    for verb in PATHS:
        status, problem = lead(world, verb, batch)
        assert (status, problem["code"]) == (409, "batch_over"), verb
    with pytest.raises(courses.BatchOver):
        courses.cancel(stale)
    assert world.wallet() == (4_999, 0)


def test_what_is_cancelled_costs_what_had_gone_before(world: World, half: Any) -> None:
    batch, rest = half
    status, cancelled = lead(world, "cancel", batch)
    assert (status, cancelled["status"], cancelled["charged"]) == (200, "cancelled", 100)
    assert cancelled["counts"] == {"submitted": 100, "cancelled": 150}
    assert world.wallet() == (4_900, 0)
    assert lead(world, "cancel", batch)[1]["status"] == "cancelled"
    assert lead(world, "pause", batch)[1]["code"] == "batch_over"
    for body in rest:
        world.deliver(body)
    world.receive(expected=100)
    world.settle_down()
    assert len(world.sent_to()) == 100
    assert world.wallet() == (4_900, 0)
    assert sorted(set(world.statuses(batch["id"]).values())) == ["cancelled", "delivered"]


def test_a_paused_batch_can_be_cancelled(world: World, half: Any) -> None:
    batch, rest = half
    lead(world, "pause", batch)
    for body in rest:
        world.deliver(body)
    assert lead(world, "cancel", batch)[1]["status"] == "cancelled"
    assert world.wallet() == (4_900, 0)


def test_what_a_worker_has_claimed_is_handed_over_and_ends_a_batch_that_is_called_off(world: World) -> None:
    """The worker has read the batch before it was called off, and waits for the provider meanwhile."""
    _, batch = world.send(*NUMBERS)
    first, *_ = world.queued()
    world.wire.cut(2, after=True)  # it has claimed the chunk and written its rows
    with pytest.raises(Crash):
        world.deliver(first)
    world.wire.mend()
    assert State.CLAIMED in states(batch)
    cancelled = lead(world, "cancel", batch)[1]
    assert (cancelled["status"], cancelled["counts"]) == ("cancelling", {"queued": 100, "cancelled": 150})
    assert lead(world, "cancel", batch)[1]["status"] == "cancelling"
    world.settle_down()  # its claim ends, it is queued again, and the next worker finds the batch called off
    done = world.batch(batch["id"])
    assert (done["status"], done["charged"], done["counts"]) == ("cancelled", 0, {"cancelled": 250})
    assert world.sent_to() == []
    assert world.wallet() == (5_000, 0)


def test_cancelling_and_handing_over_at_the_same_time_charge_what_was_sent(world: World) -> None:
    _, batch = world.send(*NUMBERS)
    bodies, found = world.queued(), one_of(world, batch)
    world.wire.take_turns()
    with ThreadPoolExecutor(4) as pool:
        handed_over = [pool.submit(world.deliver, body) for body in bodies]
        called_off = pool.submit(courses.cancel, found)
    for task in handed_over:
        task.result()
    assert called_off.result().status in {Status.CANCELLING, Status.CANCELLED, Status.COMPLETED}
    world.settle_down()
    done = world.batch(batch["id"])
    sent = len(world.sent_to())
    assert done["status"] in {"cancelled", "completed"}
    assert (done["charged"], world.wallet()) == (sent, (5_000 - sent, 0))
    assert sent == len(set(world.sent_to()))


@pytest.mark.parametrize("after", [False, True])
def test_cut_off_at_any_call_a_cancellation_is_made_good(world: World, *, after: bool) -> None:
    for at in range(40):
        _, batch = world.send("0712000010", text=f"Habari {at}")
        world.queued()
        held = world.wallet()
        world.wire.cut(at, after=after)
        try:
            courses.cancel(one_of(world, batch))
        except Crash:
            world.wire.mend()
        else:
            break
        if batches.read(TENANT, BatchId(batch["id"]))[0].turn:  # type: ignore[index]
            for _ in range(2):
                world.sweep(after_s=61)
                world.start()
            assert world.batch(batch["id"])["status"] == "cancelled", at
        else:
            assert world.wallet() == held
            lead(world, "cancel", batch)
        assert world.wallet() == (5_000, 0), at
    world.wire.mend()
    assert at > 8
    assert world.sent_to() == []


@pytest.mark.parametrize("after", [False, True])
def test_cut_off_at_any_call_a_batch_goes_on_all_the_same(world: World, *, after: bool) -> None:
    total = 0
    for at in range(20):
        _, batch = world.send("0712000010", key=f"k{at}")
        lead(world, "pause", batch)
        world.work()
        world.wire.cut(at, after=after)
        try:
            courses.resume(one_of(world, batch))
        except Crash:
            world.wire.mend()
        world.wire.mend()
        if batches.read(TENANT, BatchId(batch["id"]))[0].turn == 1:  # type: ignore[index]
            lead(world, "resume", batch)
        for _ in range(2):
            world.sweep(after_s=61)
            world.start()
            world.work()
        total += 1
        assert world.batch(batch["id"])["status"] == "completed", at
        if at >= 8:
            break
    assert len(world.sent_to()) == total


def test_a_batch_of_many_chunks_is_called_off_bit_by_bit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("functions.sms.batches.chunks.PAGE", "functions.sms.courses.walks.PAGE"):
        monkeypatch.setattr(module, 2)
    _, batch = world.send(*[f"07121{n:05d}" for n in range(500)])
    first = world.queued()[0]
    lead(world, "pause", batch)
    world.deliver(first)
    cancelled = lead(world, "cancel", batch)[1]
    assert (cancelled["status"], cancelled["counts"]) == ("cancelling", {"queued": 300, "cancelled": 200})
    again = world.start()
    for body in again:
        assert "batch" in body
    assert world.batch(batch["id"])["status"] == "cancelled"
    assert world.wallet() == (5_000, 0)
    assert len(again) == 2


def test_a_walk_for_an_earlier_turn_stops(world: World, half: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resumed, paused and resumed again while somebody still goes through it for the first time."""
    monkeypatch.setattr("functions.sms.batches.chunks.PAGE", 1)
    monkeypatch.setattr("functions.sms.courses.walks.PAGE", 1)
    batch, rest = half
    lead(world, "pause", batch)
    lead(world, "resume", batch)
    stale = one_of(world, batch)
    assert stale.walk == 1
    lead(world, "pause", batch)
    for body in rest:
        world.deliver(body)
    lead(world, "resume", batch)
    walks.go_on(stale)
    assert one_of(world, batch).walk == 1
    world.start()
    world.work()
    assert world.batch(batch["id"])["status"] == "completed"


@pytest.mark.usefixtures("campaigns_bucket")
def test_a_campaign_that_is_called_off_while_it_is_laid_out_charges_nothing(
    world: World, campaigns_bucket: str
) -> None:
    assert campaigns_bucket
    recipients = [f"07121{n:05d}" for n in range(60)]
    texts = [f"Habari {n}" for n in range(60)]
    made = _personal(world, recipients, texts)
    lead(world, "cancel", made)
    world.settle_down()
    done = world.batch(made["id"])
    assert (done["status"], done["charged"], done["counts"]) == ("cancelled", 0, {"cancelled": 60})
    assert world.wallet() == (5_000, 0)
    assert world.sent_to() == []


def _personal(world: World, recipients: list[str], texts: list[str]) -> Any:
    """Accepts an order whose recipients get texts of their own: so many chunks that they are laid out."""
    order = Order(TENANT, "u", "INFO", "Habari {{n}}", tuple(recipients), texts=tuple(texts))
    accepted = dispatch.accept(order, key="many")
    return {"id": accepted.batch.id}
