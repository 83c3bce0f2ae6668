"""What meets on one payment: callback, sweep and poll at once, a callback before its payment, a provider that takes its
word back, and nodes whose clocks are minutes apart. One credit, one receipt, one invoice, and people are told.
"""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.billing import documents, invoicing, sweep
from functions.billing.payment import Payment
from mifumo import aws, tables, wallets
from mifumo.aws import Item
from mifumo.providers import zenopay
from mifumo.tables import Key
from tests.billing.conftest import TENANT, Till
from tests.builders import CONTEXT

APART_S = 300


def deliver(till: Till) -> None:
    for message in till.queued():
        assert till.look(till.payment(message["payment_id"]), **message) == {"batchItemFailures": []}


def paid_unheard(till: Till) -> Payment:
    """Buys from a payer who pays, and whose callback is lost."""
    payment = till.bought("229")
    till.paid(payment)
    return payment


def test_callbacks_sweeps_and_polls_at_once_make_one_credit_one_receipt_and_one_invoice(counter: Till) -> None:
    payment = paid_unheard(counter)
    counter.travel.forward(3)
    counter.wire.take_turns()

    def poll() -> None:
        status, seen = counter.call("GET", f"/api/billing/payments/{payment.id}/")
        assert status == 200
        assert seen["status"] in {"pending", "completed"}

    def swept() -> None:
        sweep.handler({}, CONTEXT)
        deliver(counter)

    def called_back() -> None:
        counter.prompt(payment)
        deliver(counter)

    jobs: list[Callable[[], None]] = [poll, swept, called_back] * 6
    random.shuffle(jobs)
    with ThreadPoolExecutor(len(jobs)) as pool:
        list(pool.map(lambda job: job(), jobs))
    assert set(counter.callbacks(6)) == {200}
    counter.travel.forward(10)
    counter.sweep()
    deliver(counter)
    counter.credited(payment)
    guards = [tables.get("ledger", Key(f"PTXN#{payment.gateway}#{counter.payment(payment.id).receipt}", "META"))]
    assert [guard and guard["payment_id"] for guard in guards] == [payment.id]
    for _ in range(2):
        invoicing.handler({}, CONTEXT)
    assert len(documents.page(TENANT, limit=10, start=None).items) == 1


def test_a_callback_that_is_here_before_its_payment_is_looked_at_again_until_the_payment_is(counter: Till) -> None:
    payment = paid_unheard(counter)
    hidden = hide(payment)
    counter.tell(payment)
    (message,) = [body for body in counter.queued() if "event" in body]
    assert counter.look(payment, **message) == {"batchItemFailures": []}
    assert wallets.read(TENANT).version == 0
    (event,) = counter.items(f"PEV#{payment.gateway}#{payment.order_id}")
    assert "outcome" not in event, "it is not given up"
    aws.dynamodb().put_item(TableName="ledger", Item=aws.marshal(hidden))
    deliver(counter)
    counter.credited(payment)
    (event,) = counter.items(f"PEV#{payment.gateway}#{payment.order_id}")
    assert event["outcome"] == "credited"


def test_a_callback_whose_payment_never_comes_is_given_up_after_half_a_minute(counter: Till) -> None:
    payment = paid_unheard(counter)
    hide(payment)
    counter.tell(payment)
    (message,) = [body for body in counter.queued() if "event" in body]
    counter.travel.forward(31)
    counter.look(payment, **message)
    assert counter.queued() == []
    (event,) = counter.items(f"PEV#{payment.gateway}#{payment.order_id}")
    assert event["outcome"] == "orphan"


def hide(payment: Payment) -> Item:
    """Takes a payment's row away, as a table that lags behind does; returns it."""
    key = Key(f"PAY#{payment.id}", "META")
    hidden = tables.get("ledger", key)
    assert hidden
    aws.dynamodb().delete_item(TableName="ledger", Key=aws.marshal(key._asdict()))
    return hidden


def test_a_provider_that_takes_its_word_back_changes_nothing_and_people_are_told(
    counter: Till, capsys: pytest.CaptureFixture[str]
) -> None:
    payment = paid_unheard(counter)
    counter.look(payment)
    counter.credited(payment)
    counter.tell(payment)
    deliver(counter)
    assert "PaymentContradicted" not in capsys.readouterr().out, "it says yes once more"
    counter.turn(payment, paid=False)
    if payment.gateway == zenopay.NAME:  # whose simulator, like itself, calls back about what is paid alone
        counter.call_back(payment, payment_status="FAILED")
    else:
        counter.tell(payment)
    deliver(counter)
    assert '"PaymentContradicted"' in capsys.readouterr().out
    counter.credited(payment)


def test_a_callback_that_says_no_while_its_provider_says_yes_tells_nobody(
    till: Till, capsys: pytest.CaptureFixture[str]
) -> None:
    payment = paid_unheard(till)
    till.look(payment)
    till.call_back(payment, payment_status="FAILED")
    deliver(till)
    assert "PaymentContradicted" not in capsys.readouterr().out
    till.credited(payment)


@pytest.mark.parametrize("ahead", [("door",), ("callbacks", "sweep"), ("worker",), ("door", "worker")], ids="+".join)
def test_nodes_whose_clocks_are_minutes_apart_credit_once(counter: Till, ahead: tuple[str, ...]) -> None:
    def on(node: str, later_s: float = 0) -> None:
        counter.travel.seconds = later_s + (APART_S if node in ahead else -APART_S)

    on("door")
    payment = counter.bought("229")
    counter.paid(payment)
    on("callbacks")
    counter.tell(payment)  # a signature that is too young or too old for this node's clock may be refused
    on("worker")
    deliver(counter)
    for later_s in (5, 2 * APART_S + 60, 4 * APART_S):
        on("sweep", later_s)
        sweep.handler({}, CONTEXT)
        on("worker", later_s)
        deliver(counter)
    counter.credited(payment)
