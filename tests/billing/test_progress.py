"""Cancel, retry and progress: what a tenant can do about a payment, and what it is told of it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.billing import orders, payment_traces, progress, purchase, withdrawals
from functions.billing.payment import Payment
from functions.billing.states import Event
from mifumo import tables, writes
from mifumo.callers import Principal
from mifumo.errors import AppError
from mifumo.ids import UserId
from mifumo.permissions import Role
from tests.billing.conftest import TENANT, Till
from tests.builders import token
from tests.wire import Crash

OWNER = Principal(TENANT, UserId("u1"), Role.OWNER)
PAYMENTS = "/api/billing/payments/"
EXPIRY_S = 25


def cancel(till: Till, payment: Payment, **options: Any) -> tuple[int, Any]:
    return till.call("POST", f"{PAYMENTS}{payment.id}/cancel/", **options)


def retry(till: Till, payment: Payment, key: str = "retry-1", **options: Any) -> tuple[int, Any]:
    return till.call("POST", f"{PAYMENTS}{payment.id}/retry/", headers={"Idempotency-Key": key}, **options)


def pushes(till: Till) -> int:
    return len(till.simulator.log()["orders"])


def failed(till: Till, **options: Any) -> Payment:
    """Makes a payment that the provider has refused."""
    till.simulator.add_fault("not_successful")
    status, body = till.buy("229", **options)
    assert (status, body["status"]) == (202, "failed")
    till.simulator.clear()
    return till.payment(body["id"])


def settled(till: Till, payment_id: str) -> Payment:
    payment = till.payment(payment_id)
    till.paid(payment)
    till.look(payment)
    return till.payment(payment_id)


@pytest.mark.parametrize("verb", ["cancel", "retry"])
def test_agents_strangers_and_other_tenants_change_nothing(till: Till, verb: str) -> None:
    payment, pushed = till.bought("129"), pushes(till)
    path = f"{PAYMENTS}{payment.id}/{verb}/"
    assert till.call("POST", path, token=None)[1]["code"] == "unauthenticated"
    assert till.call("POST", path, token=token(role="agent"))[1]["code"] == "forbidden"
    assert till.call("POST", path, token=token(tenant="t2"))[1]["code"] == "not_found"
    assert till.call("POST", f"{PAYMENTS}nonsense/{verb}/")[1]["code"] == "not_found"
    assert (till.payment(payment.id), pushes(till)) == (payment, pushed)


def test_a_cancelled_payment_stays_cancelled_watched_and_on_record(till: Till) -> None:
    payment = till.bought("129")
    status, body = cancel(till, payment)
    assert (status, body["status"], body["failure_code"]) == (200, "cancelled", "withdrawn")
    assert till.payment(payment.id).next_check_at == payment.next_check_at
    till.wire.clear()
    assert cancel(till, payment) == (200, body)
    assert till.wire.calls == ["GetItem"]
    log = [entry["action"] for entry in tables.query("audit", f"T#{TENANT}", consistent=True).items]
    assert log == ["payment.initiated", "payment.cancelled"]


def test_who_pays_after_cancelling_is_credited_once(till: Till) -> None:
    payment = till.bought("229")
    assert cancel(till, payment)[0] == 200
    now = settled(till, payment.id)
    assert (now.status, now.late) == ("completed", True)
    till.credited(payment)
    status, problem = cancel(till, payment)
    assert (status, problem["code"]) == (409, "not_cancellable")


def test_what_is_credited_while_it_is_being_cancelled_stays_credited(till: Till) -> None:
    payment = till.bought("229")
    till.paid(payment)
    till.wire.take_turns()
    with ThreadPoolExecutor(2) as pool:
        looking, cancelling = pool.submit(till.look, payment), pool.submit(_cancelled, payment)
        looking.result()
        assert cancelling.result() in {"cancelled", "not_cancellable"}
    till.look(payment)
    till.credited(payment)


def _cancelled(payment: Payment) -> str:
    try:
        return withdrawals.cancel(OWNER, payment.id).status.value
    except AppError as refusal:
        return refusal.code


def test_a_failed_payment_is_made_again_once_and_names_its_heir(till: Till) -> None:
    payment = failed(till)
    status, body = retry(till, payment)
    assert (status, body["status"], body["retry_of"], body["amount"]) == (202, "pending", payment.id, payment.amount)
    assert body["id"] != payment.id
    assert till.payment(payment.id).retried_as == body["id"]
    assert retry(till, payment)[1]["id"] == body["id"]
    status, problem = retry(till, payment, key="retry-2")
    assert (status, problem["code"], problem["payment_id"]) == (409, "already_retried", body["id"])
    assert pushes(till) == 1
    assert settled(till, body["id"]).status == "completed"


def test_a_replayed_retry_says_so_even_when_the_first_payment_was_paid_late(till: Till) -> None:
    payment = till.bought("129")
    till.travel.forward(EXPIRY_S + 1)
    till.sweep()
    heir = retry(till, payment)[1]["id"]
    till.simulator.flip(payment.order_id, "COMPLETED")
    till.look(payment)
    till.credited(payment)
    status, body = retry(till, payment)
    assert (status, body["id"], pushes(till)) == (202, heir, 2)


def test_a_payment_that_waits_is_not_made_again(till: Till) -> None:
    payment = till.bought("129")
    status, problem = retry(till, payment)
    assert (status, problem["code"], problem["payment_id"]) == (409, "outcome_open", payment.id)
    assert pushes(till) == 1


def test_a_cancelled_payment_is_made_again_when_its_handset_has_stopped_asking(till: Till) -> None:
    payment = till.bought("129")
    cancel(till, payment)
    status, problem = retry(till, payment)
    assert (status, problem["code"]) == (409, "outcome_open")
    till.travel.forward(EXPIRY_S + 1)
    assert retry(till, payment)[0] == 202
    assert pushes(till) == 2


def test_a_cancelled_payment_that_was_paid_meanwhile_is_credited_and_not_made_again(till: Till) -> None:
    payment = till.bought("229")
    cancel(till, payment)
    till.paid(payment)
    till.travel.forward(EXPIRY_S + 1)
    status, problem = retry(till, payment)
    assert (status, problem["code"], problem["payment_id"]) == (409, "not_repeatable", payment.id)
    till.credited(payment)
    assert pushes(till) == 1


@pytest.mark.parametrize("fault", ["status_500", "status_timeout"])
def test_as_long_as_the_provider_does_not_say_nobody_is_asked_twice(till: Till, fault: str) -> None:
    payment = till.bought("129")
    cancel(till, payment)
    till.travel.forward(EXPIRY_S + 1)
    till.simulator.add_fault(fault)
    status, problem = retry(till, payment)
    assert (status, problem["code"]) == (503, "provider_unavailable")
    assert pushes(till) == 1


def test_a_quote_is_retried_at_its_price_after_it_has_expired_and_paid_once(till: Till) -> None:
    quote = till.quoted(credits=7_000)
    payment = failed(till, package_id=None, quote_id=quote["id"])
    till.travel.forward(1_801)
    status, body = retry(till, payment)
    assert (status, body["amount"], body["quote_id"]) == (202, quote["total"], quote["id"])
    assert till.call("GET", f"/api/billing/quotes/{quote['id']}/")[1]["payment_id"] == body["id"]
    done = settled(till, body["id"])
    till.credited(done)
    assert retry(till, done, key="more")[1]["code"] == "not_repeatable"


def test_a_quote_that_another_payment_has_taken_is_not_retried(till: Till) -> None:
    quote = till.quoted()
    payment = failed(till, package_id=None, quote_id=quote["id"])
    second = till.bought("129", key="key-2", package_id=None, quote_id=quote["id"])
    status, problem = retry(till, payment)
    assert (status, problem["code"], problem["payment_id"]) == (409, "quote_used", second.id)
    assert pushes(till) == 1


def test_a_retry_that_was_never_sent_may_come_again_with_any_key(till: Till) -> None:
    quote = till.quoted()
    payment = failed(till, package_id=None, quote_id=quote["id"])
    till.simulator.add_fault("http_429", times=2)
    assert [retry(till, payment)[0] for _ in range(2)] == [503, 503]
    till.simulator.clear()
    status, body = retry(till, payment, key="retry-2")
    assert (status, till.payment(payment.id).retried_as) == (202, body["id"])
    assert pushes(till) == 1


def test_many_retries_at_once_ask_one_handset(till: Till) -> None:
    payment = failed(till)
    till.wire.take_turns()

    def again(number: int) -> str:
        try:
            purchase.start(OWNER, f"retry-{number}", orders.again(OWNER, payment.id))
        except AppError as refusal:
            return refusal.code
        return "started"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(again, range(8)))
    assert sorted(outcomes) == ["already_retried"] * 7 + ["started"]
    assert pushes(till) == 1


@pytest.mark.parametrize("after", [False, True])
def test_a_door_that_dies_while_it_retries_pushes_once(till: Till, *, after: bool) -> None:
    for number in range(20):
        payment = failed(till, key=f"{number}")
        till.wire.cut(number, after=after)
        crashed = False
        try:
            retry(till, payment, key=f"retry-{number}")
        except Crash:
            crashed = True
        till.wire.mend()
        status, body = retry(till, payment, key=f"retry-{number}")
        assert status == 202
        order_id = till.payment(body["id"]).order_id
        assert len([order for order in till.simulator.log()["orders"] if order["order_id"] == order_id]) <= 1
        if not crashed:
            assert number >= 5
            return
    pytest.fail("the door makes more calls than anybody thought")


def test_progress_tells_what_happened_when_and_by_whom(till: Till) -> None:
    payment = till.bought("229")
    cancel(till, payment)
    settled(till, payment.id)
    till.wire.clear()
    _, body = till.call("GET", f"{PAYMENTS}{payment.id}/")
    assert till.wire.calls == ["Query"]
    assert [(step["what"], step["status"], step["by"]) for step in body["steps"]] == [
        ("initiated", "created", "tenant"),
        ("accepted", "pending", "provider"),
        ("withdrawn", "cancelled", "tenant"),
        ("paid", "completed", "provider"),
    ]
    assert body["steps"] == sorted(body["steps"], key=lambda step: step["at"])
    assert {frozenset(step) for step in body["steps"]} == {frozenset({"what", "status", "at", "by"})}


def test_each_event_has_somebody_who_brings_it_about() -> None:
    rows = [{"trigger": str(event), "after": "pending", "at": "now"} for event in Event]
    told = {step.what: step.by for step in progress.steps("zenopay", rows)}
    assert set(told) == {str(event) for event in Event}
    found = {step.what for step in progress.steps("bank", rows) if step.by is progress.Party.PROVIDER}
    assert found == set()


def test_a_payment_whose_number_was_erased_is_not_made_again(till: Till) -> None:
    payment = failed(till)
    writes.commit(payment_traces.erase(payment))
    status, problem = retry(till, payment)
    assert (status, problem["code"], pushes(till)) == (409, "not_repeatable", 0)
    assert till.call("GET", f"{PAYMENTS}{payment.id}/")[1]["phone"] is None
