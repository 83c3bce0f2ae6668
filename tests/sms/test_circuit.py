"""The circuit of the texts' provider: what opens it, one chunk that tries, staff's switch, and never a text twice."""

from collections import Counter
from typing import Any

import pytest

from functions.sms.provider import circuit
from mifumo import circuits
from mifumo.circuits import State
from tests.builders import token
from tests.sms.world import World
from tests.wire import Crash

STAFF, SUPPORT = token(role="staff"), token(role="support")
PATH = "/api/admin/sms/provider/"
REASON = {"reason": "Beem announced maintenance."}


def state() -> State:
    return circuits.read(circuit.place(), consistent=True).state


def send(world: World, number: int) -> Any:
    status, batch = world.send(f"07121{number:05d}")
    assert status == 202, batch
    return batch["id"]


def opened(world: World, fault: str = "http_500") -> None:
    """Lets the provider fail in a row."""
    for number in range(100, 105):
        world.beem.add_fault(fault)
        send(world, number)
        world.work()
    assert state() is State.OPEN
    world.beem.clear()


@pytest.mark.parametrize("fault", ["http_500", "reset_after_accept", "refuse_connection"])
def test_failures_in_a_row_open_it_and_nothing_is_handed_over(world: World, fault: str) -> None:
    opened(world, fault)
    waiting, before = send(world, 200), len(world.sent_to())
    world.work()
    assert world.batch(waiting)["counts"] == {"queued": 1}
    assert len(world.sent_to()) == before


@pytest.mark.parametrize("fault", ["http_429", "code_111"])
def test_a_rate_limit_and_a_refusal_are_answers(world: World, fault: str) -> None:
    for number in range(100, 107):
        world.beem.add_fault(fault)
        send(world, number)
        world.work()
    assert state() is State.CLOSED


def test_an_answer_in_between_ends_the_row(world: World) -> None:
    for number in range(100, 112):
        if number % 4:
            world.beem.add_fault("http_500")
        send(world, number)
        world.work()
    assert state() is State.CLOSED


def test_half_open_lets_one_chunk_through_whose_answer_lets_the_others_follow(world: World) -> None:
    opened(world)
    batches = [send(world, number) for number in range(200, 206)]
    world.work()
    world.beem.add_fault("http_500")
    world.sweep(after_s=70)
    world.work()
    counts = Counter(status for batch in batches for status in world.batch(batch)["counts"])
    assert counts == {"queued": 5, "submit_unknown": 1}, "the probe failed, and nobody followed"
    assert state() is State.OPEN
    world.beem.clear()
    for _ in range(3):
        world.sweep(after_s=70)
        world.work()
    assert state() is State.CLOSED
    assert sum(world.batch(batch)["charged"] for batch in batches) == 5
    assert max(Counter(world.sent_to()).values()) == 1


def test_a_worker_that_dies_as_the_probe_is_followed_by_another_chunk(world: World) -> None:
    opened(world)
    batches = [send(world, number) for number in (200, 201)]
    world.pass_time(7)
    bodies = world.queued()
    world.wire.cut(2, after=True)  # it has its pass and its claim
    with pytest.raises(Crash):
        world.deliver(bodies[0])
    world.wire.mend()
    world.deliver(bodies[1])
    assert [world.batch(batch)["counts"] for batch in batches] == [{"queued": 1}, {"queued": 1}]
    world.settle_down()
    assert [world.batch(batch)["charged"] for batch in batches] == [1, 1]
    assert len(world.sent_to()) == 2


def test_attempts_are_not_used_up_while_it_is_open(world: World) -> None:
    opened(world, "refuse_connection")
    waiting = send(world, 200)
    for _ in range(12):
        for body in world.queued():
            world.deliver(body)
            world.deliver(body)
    assert world.batch(waiting)["counts"] == {"queued": 1}
    for _ in range(3):
        world.sweep(after_s=70)
        world.work()
    assert world.batch(waiting)["charged"] == 1


def test_a_provider_that_flaps_is_tried_by_one_chunk_at_a_time_and_nothing_is_sent_twice(world: World) -> None:
    opened(world, "refuse_connection")
    batches = [send(world, number) for number in range(200, 212)]
    for turn in range(10):
        if turn % 2:
            world.beem.add_fault("refuse_connection", times=3)
        world.sweep(after_s=13)
        world.work()
    world.settle_down()
    assert len(world.sent_to()) == len(set(world.sent_to()))
    assert {world.batch(batch)["status"] for batch in batches} == {"completed"}
    assert sum(world.batch(batch)["charged"] for batch in batches) >= 10, "a call may have met the provider going"


def test_staff_stop_and_resume_it_on_record(world: World) -> None:
    assert world.call("POST", f"{PATH}stop/", REASON, token=STAFF)[0] == 200
    status, shown = world.call("GET", PATH, token=SUPPORT)
    assert (status, shown["name"]) == (200, "beem")
    assert (shown["circuit"]["state"], shown["circuit"]["held"], shown["circuit"]["open_until"]) == ("open", True, None)
    batch = send(world, 200)
    world.sweep(after_s=100_000)
    world.work()
    assert world.batch(batch)["counts"] == {"queued": 1}
    assert world.call("POST", f"{PATH}stop/", REASON, token=STAFF)[0] == 409
    assert world.call("POST", f"{PATH}resume/", REASON, token=STAFF)[1]["circuit"]["state"] == "closed"
    assert world.call("POST", f"{PATH}resume/", REASON, token=STAFF)[0] == 409
    world.sweep(after_s=100)
    world.work()
    assert world.batch(batch)["charged"] == 1


@pytest.mark.parametrize("verb", ["stop", "resume"])
def test_only_staff_switch_and_say_why(world: World, verb: str) -> None:
    assert world.call("POST", f"{PATH}{verb}/", REASON, token="")[0] == 401
    for role in ("owner", "support"):
        assert world.call("POST", f"{PATH}{verb}/", REASON, token=token(role=role))[0] == 403
    status, problem = world.call("POST", f"{PATH}{verb}/", {"reason": "no"}, token=STAFF)
    assert (status, problem["errors"][0]["pointer"]) == (422, "/reason")
    assert state() is State.CLOSED
    assert world.call("GET", PATH, token=token())[0] == 403
