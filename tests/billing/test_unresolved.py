"""The end of the watch for late money: what the provider has cleared is over, and what it has not comes before people,
once, whoever looks and wherever they die.
"""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.billing import invariants, settlement, sweep, worker
from functions.billing.findings import Finding
from functions.billing.payment import Payment
from mifumo import clock
from tests.billing.conftest import Till
from tests.billing.office import BARAKA, Office
from tests.builders import CONTEXT, sqs
from tests.wire import Crash

WATCHED_S = 300


def expired(till: Till, *, key: str = "key-1") -> Payment:
    """Returns a payment that has expired and whose watch is not over yet."""
    payment = till.bought("129", key=key)
    till.travel.forward(26)
    till.sweep()
    now = till.payment(payment.id)
    assert now.status == "expired"
    return now


def triggers(till: Till, payment: Payment) -> list[str]:
    return [line["trigger"] for line in till.items(f"PAY#{payment.id}", "H#")]


def test_what_the_provider_never_cleared_comes_before_the_staff_when_the_watch_is_over(counter: Till) -> None:
    payment = expired(counter)
    counter.travel.forward(WATCHED_S - 30)
    counter.sweep()
    watched = counter.payment(payment.id)
    assert clock.stamp() < watched.watched_until
    assert (watched.status, watched.next_check_at is None) == ("expired", False)
    counter.travel.forward(31)
    assert counter.sweep() == 1
    now = counter.payment(payment.id)
    assert (now.status, now.next_check_at, now.paid_amount, now.suspended) == ("review", None, None, None)
    counter.credited(payment, times=0)
    for _ in range(2):
        counter.travel.forward(WATCHED_S)
        assert counter.sweep() == 0
    assert triggers(counter, payment).count("unresolved") == 1


def test_what_the_provider_has_cleared_is_over_with_the_watch_and_asks_nobody(counter: Till) -> None:
    payment = expired(counter)
    counter.turn(payment, paid=False)
    counter.travel.forward(WATCHED_S)
    counter.sweep()
    now = counter.payment(payment.id)
    assert (now.status, now.next_check_at, now.at_rest) == ("expired", None, True)
    counter.travel.forward(WATCHED_S)
    assert counter.sweep() == 0
    assert "unresolved" not in triggers(counter, payment)


def test_what_failed_is_over_with_the_watch_even_if_the_provider_says_nothing_more(counter: Till) -> None:
    payment = counter.bought("129")
    counter.turn(payment, paid=False)
    counter.look(payment)
    counter.queued()  # with the callback, of a provider that tells of an early change of mind
    counter.travel.forward(WATCHED_S + 1)
    counter.simulator.add_fault("status_500")
    counter.sweep()
    now = counter.payment(payment.id)
    assert (now.status, now.next_check_at) == ("failed", None)


def test_silence_at_the_end_of_the_watch_clears_nothing(counter: Till) -> None:
    payment = expired(counter)
    counter.travel.forward(WATCHED_S)
    counter.simulator.add_fault("status_500")
    counter.sweep()
    assert counter.payment(payment.id).status == "review"


def test_money_that_comes_while_the_staff_look_for_it_is_told_to_them_and_credited_when_they_say_so(till: Till) -> None:
    office = Office(till)
    payment = expired(till)
    till.travel.forward(WATCHED_S)
    till.sweep()
    proposal = office.decide(payment, "dismiss")
    till.turn(payment, paid=True)
    for _ in range(2):
        till.call_back(payment)
        for message in till.queued():
            till.look(payment, **message)
    now = till.payment(payment.id)
    assert (now.status, now.paid_amount, now.suspended, now.receipt is None) == ("review", 150_000, 150_000, False)
    assert triggers(till, payment).count("mismatched") == 1
    assert office.approve(BARAKA, proposal)[1]["code"] == "proposal_lapsed"
    till.credited(payment, times=0)
    assert office.approve(BARAKA, office.decide(now, "credit"))[0] == 200
    till.credited(payment)
    assert invariants.check(payment.tenant) == []


def test_silence_about_what_the_staff_look_for_brings_the_callback_again(till: Till) -> None:
    payment = expired(till)
    till.travel.forward(WATCHED_S)
    till.sweep()
    till.turn(payment, paid=True)
    till.simulator.add_fault("status_500")
    assert till.look(payment) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert till.look(payment) == {"batchItemFailures": []}
    assert till.payment(payment.id).paid_amount == 150_000


def test_money_that_is_found_by_the_last_look_is_credited(counter: Till) -> None:
    payment = expired(counter)
    counter.travel.forward(WATCHED_S)
    counter.turn(payment, paid=True)
    counter.sweep()
    counter.credited(payment)
    assert counter.payment(payment.id).late is True


def test_what_the_tenant_has_cancelled_is_no_more_certain_and_what_the_payer_refused_is(till: Till) -> None:
    withdrawn, refused = till.bought("129", key="1"), till.bought("129", key="2")
    assert till.call("POST", f"/api/billing/payments/{withdrawn.id}/cancel/")[0] == 200
    till.simulator.flip(refused.order_id, "USERCANCELLED")
    till.look(refused)
    assert [till.payment(one.id).status for one in (withdrawn, refused)] == ["cancelled", "cancelled"]
    till.simulator.flip(refused.order_id, "PENDING")  # it has said so once
    till.travel.forward(WATCHED_S + 1)
    till.sweep()
    assert till.payment(withdrawn.id).status == "review"
    now = till.payment(refused.id)
    assert (now.status, now.next_check_at) == ("cancelled", None)


def test_of_many_looks_at_once_one_brings_it_before_the_staff(till: Till) -> None:
    payment = expired(till)
    till.travel.forward(WATCHED_S)
    till.wire.take_turns()
    with ThreadPoolExecutor(16) as pool:
        findings = list(pool.map(lambda _: settlement.check(payment.id), range(32)))
    assert findings.count(Finding.REVIEW) == 1
    assert set(findings) <= {Finding.REVIEW, Finding.SETTLED, Finding.STALE}
    assert triggers(till, payment).count("unresolved") == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("paid", [False, None, True])
def test_a_last_look_that_dies_anywhere_is_made_up_by_the_sweep(till: Till, *, after: bool, paid: bool | None) -> None:
    ending = {False: "expired", None: "review", True: "completed"}[paid]
    for number in range(20):
        payment = expired(till, key=f"{number}")
        if paid is not None:
            till.turn(payment, paid=paid)
        till.queued()
        till.travel.forward(WATCHED_S)
        till.wire.cut(number, after=after)
        crashed = True
        with contextlib.suppress(Crash):
            worker.handler(sqs({"payment_id": payment.id}), CONTEXT)
            crashed = False
        till.wire.mend()
        till.travel.forward(31)
        sweep.handler({}, CONTEXT)
        for message in till.queued():
            till.look(payment, **message)
        now = till.payment(payment.id)
        assert (now.status, now.next_check_at) == (ending, None)
        assert triggers(till, payment).count("unresolved") == (paid is None)
        till.credited(payment, times=1 if paid else 0)
        if not crashed:
            assert number >= 4
            return
    pytest.fail("the worker makes more calls than anybody thought")
