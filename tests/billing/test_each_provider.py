"""Each provider, through the real doors and workers against its simulator: straight, declined, unknown, down, at once,
cut off anywhere; money is credited once, or not at all, as the provider says.
"""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from functions.billing import settlement, worker
from functions.billing.findings import Finding
from mifumo import clock, provider_events, wallets
from tests.billing.conftest import TENANT, Till
from tests.builders import CONTEXT, sqs
from tests.wire import Crash


def test_a_paid_package_is_credited_once_by_way_of_the_callback(counter: Till) -> None:
    payment = counter.bought()
    assert (payment.status, payment.initiated) == ("pending", "accepted")
    assert counter.callbacks(1) == [200]
    (message,) = [body for body in counter.queued() if "event" in body]
    assert counter.look(payment, **message) == {"batchItemFailures": []}
    counter.credited(payment)
    (event,) = counter.items(f"PEV#{payment.gateway}#{payment.order_id}")
    assert event["outcome"] == "credited"
    assert event["proof"] in {"shared_secret", "signed_fresh", "signed"}
    assert counter.pushes() == [payment.order_id]


def test_the_providers_reference_is_a_uuid_of_version_4_and_leads_back_to_the_payment(counter: Till) -> None:
    payment = counter.bought("129")
    assert UUID(payment.order_id).version == 4
    counter.tell(payment)
    (message,) = [body for body in counter.queued() if "event" in body]
    assert message["payment_id"] == payment.id


def test_without_callback_and_message_the_sweep_finds_the_money(counter: Till) -> None:
    payment = counter.bought("229")
    counter.paid(payment)
    counter.travel.forward(3)
    assert counter.sweep() == 1
    counter.credited(payment)
    counter.travel.forward(1000)
    assert counter.sweep() == 0


@pytest.mark.parametrize("digits", ["039", "049"])
def test_a_declined_push_fails_and_credits_nothing(counter: Till, digits: str) -> None:
    payment = counter.bought(digits)
    counter.paid(payment)
    counter.look(payment)
    counter.credited(payment, times=0)
    now = counter.payment(payment.id)
    assert (now.status, now.failure_code) == ("failed", "payment_failed")


def test_a_payer_who_never_answers_lets_the_payment_expire(counter: Till) -> None:
    payment = counter.bought("129")
    counter.travel.forward(26)
    counter.sweep()
    assert counter.payment(payment.id).status == "expired"
    counter.credited(payment, times=0)


@pytest.mark.parametrize("fault", ["timeout_after_accept", "reset_after_accept", "garbage_200"])
def test_a_push_whose_answer_is_lost_is_credited_when_it_is_paid_and_never_pushed_again(
    counter: Till, fault: str
) -> None:
    counter.simulator.add_fault(fault)
    payment = counter.bought("229")
    assert (payment.status, payment.initiated, payment.failure_code) == ("pending", "unknown", None)
    assert counter.bought("229").id == payment.id  # the same key
    counter.paid(payment)
    counter.travel.forward(3)
    counter.sweep()
    counter.credited(payment)
    assert counter.pushes() == [payment.order_id]


@pytest.mark.parametrize("fault", ["http_500", "timeout_before_accept"])
def test_a_push_that_never_arrived_but_might_have_is_not_made_again_and_ends_without_a_credit(
    counter: Till, fault: str
) -> None:
    counter.simulator.add_fault(fault)
    payment = counter.bought()
    assert (payment.status, payment.initiated) == ("pending", "unknown")
    counter.look(payment)
    assert counter.payment(payment.id).status == "pending"
    counter.travel.forward(26)
    counter.sweep()
    now = counter.payment(payment.id)
    # Who takes the same push twice for one knows of every push; of the others an unknown order says nothing.
    never = payment.gateway == "pawapay"
    ended = ("failed", "never_received") if never else ("expired", "expired")
    assert (now.status, now.failure_code) == ended
    assert now.next_check_at is not None  # and watched on
    counter.credited(payment, times=0)
    assert counter.pushes() == []


@pytest.mark.parametrize("fault", ["refuse_connection", "http_429"])
def test_where_nothing_was_sent_the_same_request_may_come_again(counter: Till, fault: str) -> None:
    counter.simulator.add_fault(fault)
    status, problem = counter.buy("229")
    assert (status, problem["code"], problem["retryable"]) == (503, "provider_unavailable", True)
    counter.simulator.clear()
    again = counter.bought("229")
    counter.paid(again)
    counter.look(again)
    counter.credited(again)
    assert counter.pushes() == [again.order_id]


@pytest.mark.parametrize("fault", ["status_500", "status_timeout"])
def test_a_provider_that_does_not_say_is_asked_later_and_concludes_nothing(counter: Till, fault: str) -> None:
    payment = counter.bought("229")
    counter.paid(payment)
    counter.travel.forward(26)
    counter.simulator.add_fault(fault)
    assert counter.look(payment) == {"batchItemFailures": []}
    assert counter.payment(payment.id).status == "pending"
    counter.travel.forward(20)
    assert counter.sweep() == 1
    counter.credited(payment)


def test_a_callback_is_a_hint_and_the_providers_status_decides(counter: Till) -> None:
    payment = counter.bought("429")
    assert counter.callbacks(1) == [200]
    counter.travel.forward(3)
    counter.sweep()
    counter.credited(payment, times=0)
    assert counter.payment(payment.id).status == "pending"
    counter.turn(payment, paid=True)
    counter.look(payment)
    counter.credited(payment)


def test_another_amount_than_agreed_goes_to_review_and_credits_nothing(counter: Till) -> None:
    payment = counter.bought("529")
    counter.paid(payment)
    counter.look(payment)
    now = counter.payment(payment.id)
    assert (now.status, now.paid_amount, now.next_check_at) == ("review", 149_500, None)
    counter.credited(payment, times=0)


@pytest.mark.parametrize("ending", ["failed", "expired"])
def test_money_that_comes_late_is_credited_once(counter: Till, ending: str) -> None:
    payment = counter.bought("129")
    if ending == "failed":
        counter.turn(payment, paid=False)
    else:
        counter.travel.forward(26)
    counter.look(payment)
    assert counter.payment(payment.id).status == ending
    counter.turn(payment, paid=True)
    counter.travel.forward(60)
    assert counter.sweep() >= 1  # with the callback, of a provider that tells of an early change of mind
    counter.credited(payment)
    assert counter.payment(payment.id).late is True


def test_what_is_completed_stays_completed(counter: Till) -> None:
    payment = counter.bought("229")
    counter.paid(payment)
    counter.look(payment)
    counter.turn(payment, paid=False)
    counter.tell(payment)
    for message in counter.queued():
        counter.look(payment, **message)
    counter.credited(payment)


def test_fifty_workers_on_one_payment_credit_once(counter: Till) -> None:
    payment = counter.bought("229")
    counter.paid(payment)
    counter.wire.take_turns()
    with ThreadPoolExecutor(16) as pool:
        findings = list(pool.map(lambda _: settlement.check(payment.id), range(50)))
    assert findings.count(Finding.CREDITED) == 1
    assert set(findings) <= {Finding.CREDITED, Finding.SETTLED, Finding.STALE, Finding.LATER}
    counter.credited(payment)


def test_many_payments_of_one_tenant_settle_at_once_and_all_add_up(counter: Till) -> None:
    payments = [counter.bought("229", key=str(number)) for number in range(8)]
    for payment in payments:
        counter.paid(payment)
    counter.wire.take_turns()
    with ThreadPoolExecutor(8) as pool:
        findings = list(pool.map(lambda payment: settlement.check(payment.id), payments))
    assert findings == [Finding.CREDITED] * 8
    for payment in payments:
        counter.credited(payment)
    assert wallets.read(TENANT).available == 8 * 5000


@pytest.mark.parametrize("after", [False, True])
def test_a_door_that_dies_between_any_two_calls_pushes_once_and_loses_no_money(counter: Till, *, after: bool) -> None:
    for number in range(20):
        counter.wire.cut(number, after=after)
        crashed = False
        try:
            counter.buy("229", key=f"{number}")
        except Crash:
            crashed = True
        counter.wire.mend()
        payment = counter.bought("229", key=f"{number}")
        pushed = counter.pushes().count(payment.order_id)
        assert pushed <= 1
        if pushed:
            counter.paid(payment)
        for _ in range(5):
            counter.travel.forward(31)
            counter.sweep()
        counter.credited(payment, times=pushed)
        if not crashed:
            assert number >= 6
            return
    pytest.fail("the door makes more calls than anybody thought")


@pytest.mark.parametrize("after", [False, True])
def test_a_worker_that_dies_between_any_two_calls_credits_once(counter: Till, *, after: bool) -> None:
    for number in range(20):
        payment = counter.bought("229", key=f"{number}")
        counter.paid(payment)
        counter.tell(payment)
        (message,) = [body for body in counter.queued() if body.get("event")]
        counter.wire.cut(number, after=after)
        crashed = False
        with contextlib.suppress(Crash):
            crashed = True
            worker.handler(sqs(message), CONTEXT)
            crashed = False
        counter.wire.mend()
        counter.look(payment, **message)  # SQS delivers it again
        counter.credited(payment)
        if not crashed:
            assert number >= 6
            return
    pytest.fail("the worker makes more calls than anybody thought")


def test_a_callback_of_one_provider_about_anothers_order_is_asked_of_the_orders_own(counter: Till) -> None:
    payment = counter.bought("129")
    event = provider_events.ref("another", payment.order_id, b"COMPLETED")
    provider_events.keep(event, "COMPLETED", received_at=clock.stamp(), proof="signed")
    assert counter.look(payment, event=event.as_item()) == {"batchItemFailures": []}
    assert counter.items(f"PEV#another#{payment.order_id}")[0]["outcome"] == "open"
    counter.credited(payment, times=0)
    counter.turn(payment, paid=True)
    counter.look(payment, event=event.as_item())
    assert counter.items(f"PEV#another#{payment.order_id}")[0]["outcome"] == "credited"
    counter.credited(payment)
