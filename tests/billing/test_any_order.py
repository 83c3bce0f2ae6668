"""Any order: whatever happens to a payment, and wherever the process dies, it is credited as it was paid, once."""

import contextlib
import itertools
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.billing import sweep, worker
from functions.billing.payment import Payment
from mifumo import wallets
from tests.billing.conftest import TENANT, Till
from tests.builders import CONTEXT, sqs
from tests.wire import Crash

Happening = tuple[str, str | int]

HAPPENINGS: st.SearchStrategy[Happening] = st.one_of(
    st.tuples(st.just("flip"), st.sampled_from(["COMPLETED", "FAILED", "USERCANCELLED", "PENDING", "INPROGRESS"])),
    st.tuples(st.just("call back"), st.sampled_from(["COMPLETED", "FAILED"])),
    st.tuples(st.just("time passes"), st.sampled_from([1, 5, 30, 400])),
    st.tuples(st.just("silence"), st.just(1)),
    st.tuples(st.sampled_from(["die before", "die after"]), st.integers(0, 5)),
    st.tuples(st.just("work"), st.just(1)),
    st.tuples(st.just("sweep"), st.just(1)),
)
_number = itertools.count()


@given(
    story=st.lists(HAPPENINGS, min_size=2, max_size=14),
    fault=st.sampled_from([None, "reset_after_accept", "garbage_200"]),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_payment_is_credited_once_if_the_provider_says_paid(
    till: Till, story: list[Happening], fault: str | None
) -> None:
    before = wallets.read(TENANT).available
    if fault:
        till.simulator.add_fault(fault)
    number = next(_number)
    payment = till.bought("129", key=str(number))
    orders = till.simulator.simulator._orders
    order = orders.find(payment.order_id)
    assert order
    orders._keep(replace(order, transid=f"R{number}"))  # hypothesis makes `random` repeat itself in each example
    for what, value in story:
        with contextlib.suppress(Crash):
            happen(till, payment, what, value)
        if not what.startswith("die"):
            till.wire.mend()  # at most one call dies of each wound
    till.wire.mend()
    till.simulator._await(till.simulator.simulator.clear_faults())
    till.look(payment)

    paid = orders.find(payment.order_id)
    now = till.payment(payment.id)
    if paid and paid.payment_status == "COMPLETED":
        assert now.status == "completed"
    if not any(happening == ("flip", "COMPLETED") for happening in story):
        assert now.status != "completed"
    till.credited(payment, times=1 if now.status == "completed" else 0)
    assert wallets.read(TENANT).available - before == (5000 if now.status == "completed" else 0)
    assert now.next_check_at or now.status in {"completed", "failed", "expired", "cancelled", "review"}


def happen(till: Till, payment: Payment, what: str, value: str | int) -> None:
    match what:
        case "flip":
            till.simulator.flip(payment.order_id, str(value))
        case "call back":
            till.call_back(payment, payment_status=value)
        case "time passes":
            till.travel.forward(int(value))
        case "silence":
            till.simulator.add_fault("status_500")
        case "die before" | "die after":
            till.wire.cut(int(value), after=what == "die after")
        case "work":
            worker.handler(sqs({"payment_id": payment.id}), CONTEXT)
        case "sweep":
            sweep.handler({}, CONTEXT)
            for message in till.queued():
                worker.handler(sqs(message), CONTEXT)
        case _:
            raise ValueError(what)
