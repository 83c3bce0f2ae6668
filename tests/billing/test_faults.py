"""Faults: providers that do not answer, and a process that dies between any two calls; money is credited once."""

import contextlib

import pytest

from functions.billing import settlement, sweep, worker
from functions.billing.payment import Payment
from mifumo import ids
from mifumo.providers.payments import Initiated, Push
from mifumo.providers.zenopay import ZenoPay
from tests.billing.conftest import Till
from tests.builders import CONTEXT, sqs
from tests.wire import Crash


@pytest.mark.parametrize("fault", ["timeout_after_accept", "reset_after_accept", "garbage_200"])
def test_a_push_whose_answer_is_lost_is_pending_and_credited_when_it_is_paid(till: Till, fault: str) -> None:
    till.simulator.add_fault(fault)
    payment = till.bought("229")
    assert (payment.status, payment.initiated, payment.failure_code) == ("pending", "unknown", None)
    till.paid(payment)
    till.travel.forward(3)
    till.sweep()
    till.credited(payment)
    assert len(till.simulator.log()["orders"]) == 1


def test_a_push_whose_answer_is_lost_becomes_accepted_once_the_provider_knows_it(till: Till) -> None:
    till.simulator.add_fault("reset_after_accept")
    payment = till.bought("129")
    till.look(payment)
    now = till.payment(payment.id)
    assert (now.status, now.initiated) == ("pending", "accepted")


@pytest.mark.parametrize("fault", ["http_500", "timeout_before_accept"])
def test_a_push_that_never_arrived_but_might_have_expires_and_never_fails_early(till: Till, fault: str) -> None:
    till.simulator.add_fault(fault)
    payment = till.bought()
    assert (payment.status, payment.initiated) == ("pending", "unknown")
    till.look(payment)
    assert till.payment(payment.id).status == "pending"
    till.travel.forward(26)
    till.sweep()
    assert till.payment(payment.id).status == "expired"
    till.credited(payment, times=0)
    assert till.simulator.log()["orders"] == []  # and it was not pushed a second time


def test_a_definite_refusal_fails_at_once_and_is_not_watched(till: Till) -> None:
    till.simulator.add_fault("not_successful")
    status, body = till.buy()
    assert (status, body["status"], body["failure_code"]) == (202, "failed", "provider_rejected")
    assert till.payment(body["id"]).next_check_at is None
    till.travel.forward(100)
    assert till.sweep() == 0


@pytest.mark.parametrize("fault", ["refuse_connection", "http_429"])
def test_where_nothing_was_sent_the_same_request_may_come_again(till: Till, fault: str) -> None:
    till.simulator.add_fault(fault)
    status, problem = till.buy("229")
    assert (status, problem["code"], problem["retryable"]) == (503, "provider_unavailable", True)
    first = till.payment(problem["payment_id"])
    assert (first.status, first.next_check_at) == ("failed", None)
    till.simulator.clear()
    second = till.bought("229")  # with the same Idempotency-Key
    assert (second.status, second.id == first.id) == ("pending", False)
    till.paid(second)
    till.look(second)
    till.credited(second)
    till.credited(first, times=0)


@pytest.mark.parametrize("fault", ["status_500", "status_timeout"])
def test_a_provider_that_does_not_say_is_asked_later_and_concludes_nothing(till: Till, fault: str) -> None:
    payment = till.bought("229")
    till.paid(payment)
    till.travel.forward(26)  # past its expiry: silence does not expire it either
    till.simulator.add_fault(fault)
    assert till.look(payment) == {"batchItemFailures": []}
    now = till.payment(payment.id)
    assert (now.status, now.checks) == ("pending", 1)
    till.travel.forward(20)
    assert till.sweep() == 1
    till.credited(payment)


def test_the_callback_may_come_before_the_answer_to_the_push(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Payment] = []

    def initiated_late(self: ZenoPay, push: Push) -> Initiated:
        answer = initiate(self, push)
        (order,) = till.simulator.log()["orders"]
        payment = till.payment(ids.of_uuid(order["order_id"]))
        till.paid(payment)
        till.call_back(payment)
        for message in till.queued():
            till.look(payment, **message)
        found.append(payment)
        return answer

    initiate = ZenoPay.initiate
    monkeypatch.setattr(ZenoPay, "initiate", initiated_late)
    status, body = till.buy("229")
    assert (status, body["status"]) == (202, "completed")  # the late answer takes nothing back
    assert found[0].status == "created"
    till.credited(found[0])


def test_a_payment_that_its_door_left_behind_is_asked_about_after_half_a_minute(till: Till) -> None:
    till.wire.cut(4, after=False)  # after three reads and the creation: the outcome of the push is not recorded
    with pytest.raises(Crash):
        till.buy("129")
    till.wire.mend()
    (order,) = till.simulator.log()["orders"]
    payment = till.payment(ids.of_uuid(order["order_id"]))
    till.travel.forward(29)
    assert till.sweep() == 0
    till.travel.forward(2)
    assert till.sweep() == 1
    now = till.payment(payment.id)
    assert (now.status, now.initiated) == ("pending", "accepted")
    assert till.bought("129").id == payment.id  # the same key finds it, and pushes nothing
    assert len(till.simulator.log()["orders"]) == 1


@pytest.mark.parametrize("after", [False, True])
def test_a_door_that_dies_between_any_two_calls_pushes_once_and_loses_no_money(till: Till, *, after: bool) -> None:
    for number in range(20):
        till.wire.cut(number, after=after)
        crashed = False
        try:
            till.buy("229", key=f"{number}")
        except Crash:
            crashed = True
        till.wire.mend()
        payment = till.bought("229", key=f"{number}")
        pushed = [o for o in till.simulator.log()["orders"] if o["order_id"] == payment.order_id]
        assert len(pushed) <= 1
        if pushed:
            till.paid(payment)
        for _ in range(5):
            till.travel.forward(31)
            till.sweep()
        till.credited(payment, times=len(pushed))
        assert till.payment(payment.id).status == ("completed" if pushed else "expired")
        if not crashed:
            assert number >= 4
            return
    pytest.fail("the door makes more calls than anybody thought")


@pytest.mark.parametrize("after", [False, True])
def test_a_worker_that_dies_between_any_two_calls_credits_once(till: Till, *, after: bool) -> None:
    for number in range(20):
        payment = till.bought("229", key=f"{number}")
        till.paid(payment)
        till.call_back(payment)
        (message,) = [body for body in till.queued() if body.get("event")]
        till.wire.cut(number, after=after)
        crashed = False
        try:
            worker.handler(sqs(message), CONTEXT)
        except Crash:
            crashed = True
        till.wire.mend()
        till.look(payment, **message)  # SQS delivers it again
        till.credited(payment)
        (event,) = till.items(f"PEV#zenopay#{payment.order_id}")
        assert event["outcome"] in {"credited", "settled"}
        if not crashed:
            assert number >= 5
            return
    pytest.fail("the worker makes more calls than anybody thought")


@pytest.mark.parametrize("after", [False, True])
def test_a_worker_that_dies_and_is_never_called_again_leaves_the_payment_to_the_sweep(
    till: Till, *, after: bool
) -> None:
    for number in range(5):
        payment = till.bought("229", key=f"{number}")
        till.paid(payment)
        till.wire.cut(number, after=after)
        with contextlib.suppress(Crash):
            worker.handler(sqs({"payment_id": payment.id}), CONTEXT)
        till.wire.mend()
        till.travel.forward(31)
        till.sweep()
        till.credited(payment)


def test_a_sweep_that_dies_is_made_up_by_the_next_one(till: Till) -> None:
    payment = till.bought("229")
    till.paid(payment)
    till.travel.forward(3)
    for number in range(4):
        till.wire.cut(number, after=False)
        with pytest.raises(Crash):
            sweep.handler({}, CONTEXT)
        till.wire.mend()
    till.sweep()
    till.credited(payment)


def test_a_message_that_comes_twice_asks_once(till: Till) -> None:
    payment = till.bought("129")
    for _ in range(2):
        till.look(payment, due=payment.next_check_at)
    assert till.payment(payment.id).checks == 1


def test_a_message_without_a_payment_ends_in_the_dead_letter_queue(till: Till) -> None:
    event = sqs({"something": "else"}, "no json", {"payment_id": "0" * 26})
    failed = worker.handler(event, CONTEXT)
    assert failed == {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m1"}]}


def test_a_callback_storm_asks_the_provider_at_most_once_per_gap(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settlement, "ASK_GAP_S", 2)
    payment = till.bought("129")
    for _ in range(10):
        till.call_back(payment)
    storm = [body for body in till.queued() if "event" in body]
    assert len(storm) == 10
    for message in storm:
        till.look(payment, **message)
    assert till.payment(payment.id).checks == 1
    till.call_back(payment, reference="2")  # known only after the look began: it is looked at again in a moment
    (late,) = [body for body in till.queued() if "event" in body]
    till.wire.clear()
    till.look(payment, **late)
    assert till.payment(payment.id).checks == 1
    assert till.wire.count("SendMessageBatch") == 1
    till.travel.forward(2)
    till.look(payment, **late)
    assert till.payment(payment.id).checks == 2
    outcomes = [event["outcome"] for event in till.items(f"PEV#zenopay#{payment.order_id}")]
    assert outcomes.count("open") == 1
    assert len(outcomes) == 2
