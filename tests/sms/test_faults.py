"""When the provider, the network or the process fails: nothing is sent twice, no credit is lost, everything ends."""

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from mifumo import wallets
from mifumo.providers import beem
from tests.sms.world import TENANT, World
from tests.wire import Crash

TWO = ("0712000010", "0712000011")


@pytest.mark.parametrize("fault", ["timeout_after_accept", "reset_after_accept", "garbage_200"])
def test_an_answer_that_got_lost_is_never_sent_again_and_receipts_settle_it(world: World, fault: str) -> None:
    world.beem.add_fault(fault)
    _, batch = world.send(*TWO)
    world.work()
    assert world.batch(batch["id"])["counts"] == {"submit_unknown": 2}
    assert world.wallet() == (4_998, 2), "held until a receipt or the policy settles it"

    world.receive(expected=2)
    assert set(world.statuses(batch["id"]).values()) == {"delivered"}
    assert world.wallet() == (4_998, 2)
    world.sweep(after_s=61)
    assert world.wallet() == (4_998, 0)
    assert world.batch(batch["id"])["charged"] == 2
    world.settle_down()
    assert sorted(world.sent_to()) == ["255712000010", "255712000011"]


def test_a_lost_hand_over_that_is_confirmed_late_ends_with_the_window_that_began_when_it_was_lost(world: World) -> None:
    world.beem.add_fault("reset_after_accept")
    _, batch = world.send("0712000010", "0712000003")
    world.work()
    world.pass_time(40)
    world.receive(expected=1)
    assert world.batch(batch["id"])["counts"] == {"delivered": 1, "submitted": 1}
    world.sweep(after_s=6)
    assert world.batch(batch["id"])["counts"] == {"delivered": 1, "unknown": 1}
    world.sweep(after_s=61)
    assert (world.batch(batch["id"])["charged"], world.wallet()) == (1, (4_999, 0))


def test_a_sweep_killed_at_any_call_as_the_window_of_a_lost_hand_over_ends_charges_what_reports_confirmed(
    world: World,
) -> None:
    for at in range(16):
        before = sum(world.wallet())
        world.beem.add_fault("reset_after_accept")
        _, batch = world.send("0712000010", "0712000003", "0712001003")
        world.work()
        world.receive(expected=1)
        world.pass_time(46)
        world.wire.cut(at, after=at % 2 == 0)
        with suppress(Crash):
            world.sweep()
        world.wire.mend()
        world.sweep(after_s=61)
        world.sweep(after_s=61)
        assert world.batch(batch["id"])["charged"] == 1, f"killed at call {at}"
        assert world.wallet() == (before - 1, 0)


def test_a_report_finds_its_own_hand_over_when_two_to_the_same_number_were_lost(world: World) -> None:
    world.beem.add_fault("http_500")
    _, never_accepted = world.send(*TWO)
    world.work()
    world.beem.add_fault("reset_after_accept")
    _, accepted = world.send(*TWO)
    world.work()
    world.receive(expected=2)
    world.sweep(after_s=61)
    assert (world.batch(accepted["id"])["counts"], world.batch(accepted["id"])["charged"]) == ({"delivered": 2}, 2)
    lost = world.batch(never_accepted["id"])
    assert (lost["status"], lost["counts"], lost["charged"]) == ("completed", {"unknown": 2}, 0)


@pytest.mark.parametrize("fault", ["timeout_before_accept", "http_500"])
def test_what_nobody_knows_ends_unknown_and_uncharged_when_no_receipt_comes(world: World, fault: str) -> None:
    world.beem.add_fault(fault)
    _, batch = world.send(*TWO)
    world.work()
    assert world.wallet() == (4_998, 2)
    world.sweep(after_s=46)
    done = world.batch(batch["id"])
    assert (done["status"], done["charged"], done["counts"]) == ("completed", 0, {"unknown": 2})
    assert world.wallet() == (5_000, 0)
    world.settle_down()
    assert world.sent_to() == []


@pytest.mark.parametrize("fault", ["refuse_connection", "http_429"])
def test_what_was_certainly_not_sent_is_tried_again(world: World, fault: str) -> None:
    world.beem.add_fault(fault)
    _, batch = world.send(*TWO)
    world.work()
    assert world.batch(batch["id"])["counts"] == {"queued": 2}
    assert world.wallet() == (4_998, 2)
    world.beem.clear()
    world.sweep(after_s=65)
    world.work()
    assert world.batch(batch["id"])["charged"] == 2
    assert len(world.sent_to()) == 2


def test_a_rate_limit_does_not_use_up_the_attempts(world: World) -> None:
    world.beem.add_fault("http_429", times=12)
    _, batch = world.send(*TWO)
    for _ in range(14):
        world.sweep(after_s=1_000)
        world.work()
        world.receive()
    assert world.batch(batch["id"])["charged"] == 2
    assert len(world.sent_to()) == 2


def test_a_provider_that_stays_away_fails_the_batch_and_gives_the_credits_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEEM_URL", "http://127.0.0.1:1")
    _, batch = world.send(*TWO)
    for _ in range(10):
        world.sweep(after_s=1_000)
        world.work()
    done = world.batch(batch["id"])
    assert (done["status"], done["charged"], done["counts"]) == ("completed", 0, {"failed": 2})
    assert world.wallet() == (5_000, 0)


@pytest.mark.parametrize(("fault", "reason"), [("not_successful", "invalid_number"), ("code_111", "invalid_sender_id")])
def test_a_refusal_is_final_says_why_and_costs_nothing(world: World, fault: str, reason: str) -> None:
    world.beem.add_fault(fault)
    _, batch = world.send(*TWO)
    world.work()
    done = world.batch(batch["id"])
    assert (done["status"], done["charged"], done["counts"]) == ("completed", 0, {"rejected": 2})
    assert world.wallet() == (5_000, 0)
    _, page = world.call("GET", f"/api/sms/batches/{batch['id']}/messages/")
    assert {item["reason"] for item in page["items"]} == {reason}


@pytest.mark.parametrize("fault", ["code_102", "code_120"])
def test_trouble_with_our_own_account_opens_the_circuit_and_holds_everything_back(world: World, fault: str) -> None:
    world.beem.add_fault(fault)
    _, first = world.send(*TWO)
    world.work()
    _, second = world.send("0712000012")
    world.work()
    assert world.batch(first["id"])["counts"] == {"queued": 2}
    assert world.batch(second["id"])["counts"] == {"queued": 1}
    assert world.wallet() == (4_997, 3)
    _, capability = world.call("GET", "/api/sms/capability/")
    assert capability["reasons"] == ["provider_unavailable"]

    world.sweep(after_s=70)
    world.work()
    assert world.batch(first["id"])["charged"] == 2
    assert world.batch(second["id"])["charged"] == 1
    assert len(world.sent_to()) == 3


def test_a_report_taken_in_before_our_own_commit_is_applied_by_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = beem.send

    def send_and_hear_at_once(*arguments: Any, **options: Any) -> Any:
        answer = send(*arguments, **options)
        world.receive(expected=2)
        return answer

    monkeypatch.setattr(beem, "send", send_and_hear_at_once)
    _, batch = world.send(*TWO)
    world.work()
    assert set(world.statuses(batch["id"]).values()) == {"delivered"}
    assert world.batch(batch["id"])["counts"] == {"delivered": 2}


def test_nonsense_reports_change_nothing(world: World) -> None:
    _, batch = world.send(*TWO)
    world.work()
    reports = world.reports.take(2)
    good = reports[0]
    world.report(
        {**good, "dest_addr": "255712999999"},
        {**good, "recipient_id": good["recipient_id"] + 77},
        {**good, "recipient_id": -1},
        {**good, "recipient_id": 10**9},
        {**good, "status": "WHO_KNOWS"},
        {**good, "status": None},
        {"hello": "world"},
        {**good, "request_id": "' OR 1=1"},
    )
    assert set(world.statuses(batch["id"]).values()) == {"submitted"}
    world.report(*reports)
    assert set(world.statuses(batch["id"]).values()) == {"delivered"}


def _conserved(world: World) -> None:
    """Checks the money: nothing held, and every captured credit belongs to a text that the provider has."""
    wallet = wallets.read(TENANT)
    assert wallet.held == 0
    assert 5_000 - wallet.available <= len(world.sent_to())


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(16))
def test_a_worker_killed_between_any_two_calls_sends_nothing_twice_and_loses_nothing(
    world: World, at: int, *, after: bool
) -> None:
    _, batch = world.send(*TWO, "0712000006")
    bodies = world.queued()
    world.wire.cut(at, after=after)
    try:
        for body in bodies:
            world.deliver(body)
    except Crash:
        pass
    finally:
        world.wire.mend()
    for body in bodies:
        world.deliver(body)
    world.await_reports(len(world.sent_to()))
    world.settle_down()
    assert max(Counter(world.sent_to()).values(), default=0) <= 1
    done = world.batch(batch["id"])
    assert done["status"] == "completed"
    assert sum(done["counts"].values()) == 3
    assert not {"queued", "submitting", "submit_unknown", "submitted"} & set(done["counts"])
    assert done["charged"] in {0, 2, 3}
    _conserved(world)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(3))
def test_an_accept_killed_between_any_two_calls_is_made_once_by_the_clients_second_try(
    world: World, at: int, *, after: bool
) -> None:
    world.wire.cut(at, after=after)
    try:
        world.send(*TWO, key="the-same-key")
    except Crash:
        pass
    finally:
        world.wire.mend()
    status, batch = world.send(*TWO, key="the-same-key")
    assert status == 202
    assert world.wallet() == (4_998, 2)
    world.settle_down()
    assert world.batch(batch["id"])["charged"] == 2
    assert len(world.sent_to()) == 2


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(10))
def test_a_receipts_function_killed_anywhere_ends_alike_when_the_queue_delivers_again(
    world: World, at: int, *, after: bool
) -> None:
    _, batch = world.send(*TWO)
    world.work()
    reports = world.reports.take(2)
    world.wire.cut(at, after=after)
    try:
        world.report(*reports)
    except Crash:
        pass
    finally:
        world.wire.mend()
    world.report(*reports)
    world.sweep(after_s=46)
    assert set(world.statuses(batch["id"]).values()) == {"delivered"}
    assert world.batch(batch["id"])["counts"] == {"delivered": 2}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(8))
def test_a_sweep_killed_anywhere_is_finished_by_the_next(world: World, at: int, *, after: bool) -> None:
    world.beem.add_fault("timeout_before_accept")
    _, batch = world.send(*TWO)
    world.work()
    world.pass_time(46)
    world.wire.cut(at, after=after)
    try:
        world.sweep()
    except Crash:
        pass
    finally:
        world.wire.mend()
    world.settle_down()
    done = world.batch(batch["id"])
    assert (done["status"], done["charged"], done["counts"]) == ("completed", 0, {"unknown": 2})
    assert world.wallet() == (5_000, 0)
