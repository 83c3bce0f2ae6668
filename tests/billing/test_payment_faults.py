"""Faults that a provider brings into an order of the till: odd answers to a first push, another currency, money after a
refund.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from functions.billing import invariants
from functions.billing.payment import Payment
from mifumo import wallets
from mifumo.providers.clickpesa import ClickPesa
from mifumo.providers.pawapay import PawaPay
from mifumo.providers.payments import Initiated, Push
from sandbox.testing import RunningPawaPay
from tests.billing.conftest import TENANT, Till
from tests.billing.office import AMINA, BARAKA, WHY, Office, balanced

SENT = {"reference": "FT26031ABCDE", "evidence": "Bank statement, line 4"}
NAMING = pytest.mark.parametrize("counter", ["pawapay", "clickpesa"], indirect=True)


def heard(till: Till, payment: Payment) -> Payment:
    """Has ZenoPay call back, and the worker look into it."""
    till.call_back(payment, reference=f"after version {payment.version}")
    for message in till.queued():
        assert till.look(payment, **message) == {"batchItemFailures": []}
    return till.payment(payment.id)


@NAMING
def test_a_first_push_that_is_called_a_duplicate_is_not_taken_for_refused_and_is_credited_when_paid(
    counter: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    def initiate(self: Any, push: Push) -> Initiated:
        real(self, push)  # something on the way has sent it twice
        return real(self, push)

    gateway: type[PawaPay | ClickPesa] = PawaPay if isinstance(counter.simulator, RunningPawaPay) else ClickPesa
    real = gateway.initiate
    monkeypatch.setattr(gateway, "initiate", initiate)
    payment = counter.bought("229")
    assert (payment.status, payment.initiated, payment.failure_code) == ("pending", "unknown", None)
    counter.paid(payment)
    counter.look(payment)
    counter.credited(payment)
    assert counter.pushes() == [payment.order_id]


@pytest.mark.parametrize("paid", [1, 149_999, 150_001, 300_000])
def test_a_shilling_more_than_agreed_is_as_little_agreed_as_one_less(counter: Till, paid: int) -> None:
    payment = counter.bought("129")
    counter.turn(payment, paid=True, amount=paid)
    counter.look(payment)
    now = counter.payment(payment.id)
    assert (now.status, now.paid_amount, now.suspended) == ("review", paid, paid)
    counter.credited(payment, times=0)
    assert invariants.check(TENANT) == []


@pytest.mark.parametrize("counter", ["pawapay"], indirect=True)
def test_a_refusal_that_names_no_deposit_is_a_refusal_all_the_same(counter: Till) -> None:
    account = counter.simulator.simulator._account
    account._providers["VODACOM_TZA"] = replace(account.find("VODACOM_TZA"), maximum=Decimal(100_000))
    status, body = counter.buy("229")
    assert (status, body["status"], body["failure_code"]) == (202, "failed", "provider_rejected")
    payment = counter.payment(body["id"])
    assert "AMOUNT_OUT_OF_BOUNDS" in counter.items(f"PAY#{payment.id}", "H#")[-1]["note"]
    assert (payment.next_check_at, counter.pushes()) == (None, [])
    counter.credited(payment, times=0)


@NAMING
def test_money_in_another_currency_goes_to_review_and_credits_nothing(counter: Till) -> None:
    payment = counter.bought("629")
    counter.paid(payment)
    counter.look(payment)
    now = counter.payment(payment.id)
    assert (now.status, now.paid_currency == "TZS", now.paid_amount) == ("review", False, 150_000)
    assert (now.suspended, now.next_check_at) == (150_000, None)
    counter.credited(payment, times=0)
    assert invariants.check(TENANT) == []


def test_money_after_a_refund_goes_to_review_once_and_never_makes_credits_again(till: Till) -> None:
    office, payment = Office(till), till.bought("229")
    till.paid(payment)
    till.look(payment)
    assert office.approve(BARAKA, office.refund(payment))[0] == 200
    assert office.post(AMINA, f"/payments/{payment.id}/refund/complete/", SENT)[1]["status"] == "refunded"
    refunded = till.payment(payment.id)
    assert heard(till, refunded).status == "refunded"  # it tells of the money that has gone back
    orders = till.simulator.simulator._orders
    orders._keep(replace(orders.find(payment.order_id), transid="SECONDMONEY"))
    now = heard(till, refunded)
    assert (now.status, now.receipt, now.suspended) == ("review", "SECONDMONEY", 150_000)
    assert heard(till, now).version == now.version
    status, problem = office.post(AMINA, f"/reviews/{payment.id}/decide/", {"decision": "credit", **WHY})
    assert (status, problem["code"]) == (409, "already_credited")
    assert wallets.read(TENANT).available == 0
    balanced()
    assert invariants.check(TENANT) == []


def test_silence_about_what_was_refunded_brings_the_callback_again(till: Till) -> None:
    office, payment = Office(till), till.bought("229")
    till.paid(payment)
    till.look(payment)
    office.approve(BARAKA, office.refund(payment))
    office.post(AMINA, f"/payments/{payment.id}/refund/complete/", SENT)
    till.simulator.add_fault("status_500")
    assert till.look(payment) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert till.look(payment) == {"batchItemFailures": []}
    assert till.payment(payment.id).status == "refunded"
