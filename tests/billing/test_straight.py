"""The straight way: a push, a callback or none, and one credit."""

from dataclasses import replace

import pytest

from functions.webhooks import api as webhooks
from mifumo import wallets
from mifumo.ids import PaymentId
from mifumo.providers import zenopay
from mifumo.providers.payments import Standing, Statement
from mifumo.providers.zenopay import ZenoPay
from sandbox.testing import ZENOPAY_API_KEY
from tests.billing.conftest import TENANT, TOKEN_KEY, Till
from tests.builders import CONTEXT, request, token


def test_a_paid_package_is_credited_once_by_way_of_the_callback(till: Till) -> None:
    payment = till.bought()
    assert payment.status == "pending"
    assert till.callbacks(1) == [200]
    (message,) = [body for body in till.queued() if "event" in body]
    assert till.look(payment, **message) == {"batchItemFailures": []}
    till.credited(payment)
    status, shown = till.call("GET", f"/api/billing/payments/{payment.id}/")
    assert (status, shown["status"], shown["credits"]) == (200, "completed", 5000)
    (event,) = till.items(f"PEV#zenopay#{payment.order_id}")
    assert event["outcome"] == "credited"
    _, balance = till.call("GET", "/api/billing/balance/")
    assert (balance["available"], balance["held"], balance["package"]) == (5000, 0, "lite")
    _, statement = till.call("GET", "/api/billing/ledger/", token=token(role="admin"))
    assert [(e["seq"], e["kind"], e["amount"], e["reference"]) for e in statement["items"]] == [
        (1, "credit", 5000, payment.id)
    ]


def test_without_a_callback_the_schedule_finds_the_money(till: Till) -> None:
    payment = till.bought("229")
    till.paid(payment)
    assert till.look(payment, due=payment.next_check_at) == {"batchItemFailures": []}
    till.credited(payment)


def test_without_callback_and_message_the_sweep_finds_the_money(till: Till) -> None:
    payment = till.bought("229")
    till.paid(payment)
    assert till.sweep() == 0  # it is not due yet
    till.travel.forward(3)
    assert till.sweep() == 1
    till.credited(payment)
    till.travel.forward(1000)
    assert till.sweep() == 0


def test_a_second_package_adds_up_and_the_better_one_stays_the_tenants(till: Till) -> None:
    for key in ("first", "second"):
        payment = till.bought("229", key=key)
        till.paid(payment)
        till.look(payment)
        till.credited(payment)
    _, balance = till.call("GET", "/api/billing/balance/")
    assert (balance["available"], balance["package"]) == (10_000, "lite")


@pytest.mark.parametrize(("digits", "failure"), [("039", "payment_failed"), ("049", "payment_failed")])
def test_a_declined_push_fails_with_its_reason_and_credits_nothing(till: Till, digits: str, failure: str) -> None:
    payment = till.bought(digits)
    till.paid(payment)
    till.look(payment)
    till.credited(payment, times=0)
    _, shown = till.call("GET", f"/api/billing/payments/{payment.id}/")
    assert (shown["status"], shown["failure_code"], shown["completed_at"]) == ("failed", failure, None)


def test_a_push_that_the_payer_cancels_is_cancelled(till: Till) -> None:
    payment = till.bought("129")
    till.simulator.flip(payment.order_id, "USERCANCELLED")
    till.look(payment)
    now = till.payment(payment.id)
    assert (now.status, now.failure_code) == ("cancelled", "cancelled_by_payer")


def test_a_push_that_nobody_answers_expires_and_is_watched_until_the_watch_is_over(till: Till) -> None:
    payment = till.bought("129")
    till.travel.forward(23)
    assert till.sweep() == 1
    assert till.payment(payment.id).status == "pending"
    assert till.payment(payment.id).next_check_at == payment.expires_at
    till.travel.forward(3)
    assert till.sweep() == 1
    expired = till.payment(payment.id)
    assert (expired.status, expired.failure_code) == ("expired", "expired")
    assert expired.next_check_at
    till.travel.forward(300)
    assert till.sweep() == 1
    assert till.payment(payment.id).next_check_at is None
    till.travel.forward(300)
    assert till.sweep() == 0
    till.credited(payment, times=0)


def test_three_callbacks_at_once_credit_once(till: Till) -> None:
    payment = till.bought("329")
    assert till.callbacks(3) == [200, 200, 200]
    messages = [body for body in till.queued() if "event" in body]
    assert len(messages) == 3
    for message in messages:
        assert till.look(payment, **message) == {"batchItemFailures": []}
    till.credited(payment)
    assert len(till.items(f"PEV#zenopay#{payment.order_id}")) == 1


def test_a_callback_is_a_hint_and_the_providers_status_decides(till: Till) -> None:
    payment = till.bought("429")
    till.callbacks(1)
    till.sweep()
    till.credited(payment, times=0)
    assert till.payment(payment.id).status == "pending"
    assert till.items(f"PEV#zenopay#{payment.order_id}")[0]["outcome"] == "open"
    till.simulator.flip(payment.order_id, "COMPLETED")
    till.look(payment)
    till.credited(payment)


def test_another_amount_than_agreed_goes_to_review_and_credits_nothing(till: Till) -> None:
    payment = till.bought("529")
    till.paid(payment)
    till.look(payment)
    now = till.payment(payment.id)
    assert (now.status, now.amount, now.paid_amount, now.next_check_at) == ("review", 150_000, 149_500, None)
    till.look(payment)  # the staff have it now: the provider is not asked again
    till.credited(payment, times=0)


@pytest.mark.parametrize("ending", ["FAILED", "CANCELLED", "expiry"])
def test_money_that_comes_late_is_credited_once(till: Till, ending: str) -> None:
    payment = till.bought("129")
    if ending == "expiry":
        till.travel.forward(26)
    else:
        till.simulator.flip(payment.order_id, ending)
    till.look(payment)
    ended = till.payment(payment.id)
    assert ended.status in {"failed", "cancelled", "expired"}
    till.simulator.flip(payment.order_id, "COMPLETED")
    till.travel.forward(60)
    assert till.sweep() == 1
    till.credited(payment)
    now = till.payment(payment.id)
    assert (now.late, now.failure_code) == (True, None)
    till.look(payment)
    till.credited(payment)


def test_a_callback_weeks_after_the_watch_still_credits(till: Till) -> None:
    payment = till.bought("129")
    till.simulator.flip(payment.order_id, "FAILED")
    till.travel.forward(26)
    till.sweep()
    till.travel.forward(400)
    till.sweep()
    now = till.payment(payment.id)
    assert (now.status, now.next_check_at) == ("failed", None)
    till.travel.forward(3_000_000)
    till.simulator.flip(payment.order_id, "COMPLETED")
    till.call_back(payment)
    for message in till.queued():
        till.look(payment, **message)
    till.credited(payment)


def test_what_is_completed_stays_completed(till: Till) -> None:
    payment = till.bought("229")
    till.paid(payment)
    till.look(payment)
    till.simulator.flip(payment.order_id, "FAILED")
    till.call_back(payment, payment_status="FAILED")
    for message in till.queued():
        till.look(payment, **message)
    till.credited(payment)


def test_one_receipt_pays_for_one_payment(till: Till) -> None:
    first, second = till.bought("229", key="a"), till.bought("229", key="b")
    till.paid(first)
    till.paid(second)
    till.look(first)
    taken = {**till.items(f"PTXN#zenopay#{till.payment(first.id).receipt}")[0]}
    order = till.simulator.simulator._orders.find(second.order_id)
    assert order
    till.simulator.simulator._orders._keep(replace(order, transid=taken["pk"].rpartition("#")[2]))
    till.look(second)
    till.credited(first)
    assert till.payment(second.id).status == "review"
    assert wallets.read(TENANT).available == 5000


def test_the_history_tells_every_step(till: Till) -> None:
    payment = till.bought("229")
    till.paid(payment)
    till.look(payment)
    rows = till.items(f"PAY#{payment.id}", "H#")
    assert [(row.get("before"), row["after"], row["trigger"]) for row in rows] == [
        (None, "created", "initiated"),
        ("created", "pending", "accepted"),
        ("pending", "completed", "paid"),
    ]
    assert rows[0]["user"] == "u1"


@pytest.mark.parametrize(
    ("amount", "currency"),
    [(None, "TZS"), (149_999, "TZS"), (150_001, "TZS"), (0, "TZS"), (150_000, "USD"), (150_000, "tzs")],
)
def test_money_that_is_not_exactly_what_was_agreed_goes_to_review(
    till: Till, monkeypatch: pytest.MonkeyPatch, amount: int | None, currency: str
) -> None:
    payment = till.bought("129")
    said = Statement(Standing.COMPLETED, amount_tzs=amount, currency=currency, receipt="CEJ3I3SETSN")
    monkeypatch.setattr(ZenoPay, "fetch_status", lambda *_: said)
    till.look(payment)
    now = till.payment(payment.id)
    assert (now.status, now.paid_amount, now.receipt) == ("review", amount, "CEJ3I3SETSN")
    assert wallets.read(TENANT).available == 0
    assert till.items(f"TXN#pay:{payment.id}:credit") == []
    assert till.items("PTXN#zenopay#CEJ3I3SETSN") == []


def test_a_callback_for_a_payment_that_does_not_exist_is_an_orphan_and_credits_nobody(till: Till) -> None:
    ghost = replace(till.bought("129"), id=PaymentId("01m86mvt1mxhz5r76k6x5nkw8f"))
    assert till.call_back(ghost)[0] == 200
    (message,) = [body for body in till.queued() if "event" in body]
    till.travel.forward(31)
    assert till.look(ghost, **message) == {"batchItemFailures": []}
    assert till.items(f"PEV#zenopay#{ghost.order_id}")[0]["outcome"] == "orphan"
    assert wallets.read(TENANT).version == 0


@pytest.mark.parametrize("field", ["x-api-key", "token"])
def test_a_forged_callback_is_refused_and_changes_nothing(till: Till, field: str) -> None:
    payment = till.bought("129")
    path = f"/api/webhooks/payments/zenopay/{zenopay.callback_token(TOKEN_KEY, payment.order_id)}/"
    headers = {"x-api-key": "forged" if field == "x-api-key" else ZENOPAY_API_KEY}
    event = request("POST", path if field != "token" else path[:-4] + "aaa/", {"order_id": payment.order_id})
    event["headers"].update(headers)
    assert webhooks.handler(event, CONTEXT)["statusCode"] == 403
    assert till.payment(payment.id) == payment
    assert till.items(f"PEV#zenopay#{payment.order_id}") == []
    assert [body for body in till.queued() if "event" in body] == []
