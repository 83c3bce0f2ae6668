"""Paying over the deployed stack: every scenario of the provider, forged and parallel callbacks, the same key again."""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from mifumo import ids
from tests.e2e.stack import Simulator, Tenant, wait_until


@dataclass(frozen=True)
class Wallet:
    """A wallet, and the provider that stands behind it first on the local stage; that of Vodacom's is ZenoPay."""

    code: str
    prefix: str
    provider: str = ""

    def simulator(self, tenant: Tenant) -> Simulator:
        found: Simulator = getattr(tenant.stack, self.provider)
        return found

    def reference(self, payment: dict[str, Any]) -> str:
        """Returns what the provider calls the payment."""
        order_id = _order_id(payment)
        return order_id.replace("-", "") if self.provider == "clickpesa" else order_id

    def pushes(self, tenant: Tenant, payment: dict[str, Any]) -> int:
        """Counts the provider's pushes of a payment."""
        log, reference = self.simulator(tenant).log(), self.reference(payment)
        if self.provider == "clickpesa":
            return [attempt["reference"] for attempt in log["attempts"]].count(reference)
        return [deposit["depositId"] for deposit in log["deposits"]].count(reference)

    def answers(self, tenant: Tenant, payment: dict[str, Any]) -> list[int]:
        """Lists how our door has answered the callbacks about a payment; one that it was too slow for comes again."""
        log, reference = self.simulator(tenant).log(), self.reference(payment)
        calls = [call for call in log["callbacks"] if reference in {call.get("id"), call.get("reference")}]
        return [call["answered"] for call in calls if call["answered"]]

    def answered(self, tenant: Tenant, payment: dict[str, Any], count: int) -> list[int]:
        """Waits for so many callbacks; returns how they were answered."""
        wait_until(f"{count} callbacks came", lambda: len(self.answers(tenant, payment)) >= count)
        return self.answers(tenant, payment)

    def claim_paid(self, tenant: Tenant, payment: dict[str, Any]) -> None:
        """Has the provider call back about a payment as if it was paid."""
        things, paid = ("payments", "SUCCESS") if self.provider == "clickpesa" else ("deposits", "COMPLETED")
        self.simulator(tenant).post(f"{things}/{self.reference(payment)}/callback", {"status": paid})


VODACOM = Wallet("vodacom", "0754")
SIGNING = [
    Wallet("tigo", "0654", "pawapay"),
    Wallet("airtel", "0684", "clickpesa"),
    Wallet("halotel", "0624", "pawapay"),
]


def _start(tenant: Tenant, ending: str, wallet: Wallet = VODACOM, **options: Any) -> dict[str, Any]:
    body = {"package_id": "lite", "provider": wallet.code, "phone": f"{wallet.prefix}321{ending}"}
    answer = tenant.post("billing/payments/initiate/", body, **options)
    assert answer.status_code == 202, answer.text
    payment: dict[str, Any] = answer.json()
    return payment


def _becomes(tenant: Tenant, payment: dict[str, Any], status: str, within_s: float = 60) -> None:
    def seen() -> bool:
        tenant.stack.sweep("Billing")
        return bool(tenant.payment(payment["id"])["status"] == status)

    wait_until(f"the payment is {status}", seen, within_s=within_s, every_s=1)


@pytest.mark.parametrize(
    "ending", ["555", "229", "329"], ids=["it pays", "the callback is lost", "three callbacks at once"]
)
def test_a_paid_package_is_credited_once(tenant: Tenant, ending: str) -> None:
    payment = _start(tenant, ending)
    _becomes(tenant, payment, "completed")
    assert [(entry["kind"], entry["amount"]) for entry in tenant.ledger()] == [("credit", 5_000)]
    assert set(tenant.get("sms/capability/")["sender_ids"]) == {"Taarifa-SMS", "INFO", "ALERT", "NOTIFY"}


@pytest.mark.parametrize(
    ("ending", "callbacks"),
    [("555", 1), ("229", 0), ("329", 3)],
    ids=["it pays", "the callback is lost", "three callbacks at once"],
)
def test_every_wallet_is_credited_once_by_way_of_its_own_provider(tenant: Tenant, ending: str, callbacks: int) -> None:
    payments = [(wallet, _start(tenant, ending, wallet)) for wallet in SIGNING]
    for wallet, payment in payments:
        _becomes(tenant, payment, "completed")
        assert wallet.answered(tenant, payment, callbacks) == [200] * callbacks, wallet
        assert wallet.pushes(tenant, payment) == 1
    entries = [(entry["kind"], entry["amount"], entry["reference"]) for entry in tenant.ledger()]
    assert sorted(entries) == sorted(("credit", 5_000, payment["id"]) for _, payment in payments)


def test_forged_callbacks_of_signing_providers_are_refused_and_credit_nothing(tenant: Tenant) -> None:
    payments = [(wallet, _start(tenant, "129", wallet)) for wallet in SIGNING]
    for wallet, payment in payments:
        wallet.simulator(tenant).add_fault("sign_with_another_key")
        wallet.claim_paid(tenant, payment)
        # The second attempt has the provider's own signature, and is a hint like any other: the order is still open.
        assert wallet.answered(tenant, payment, 2) == [401, 200], wallet
    tenant.stack.sweep("Billing")
    assert {tenant.payment(payment["id"])["status"] for _, payment in payments} <= {"pending", "expired"}
    assert tenant.balance() == (0, 0)


def test_a_callback_in_chunks_is_taken_and_measured_like_any_other(tenant: Tenant) -> None:
    payment = _start(tenant, "129")
    order_id = _order_id(payment)
    path = _callback_path(tenant, order_id)
    headers = {"x-api-key": tenant.stack.secret("ZenopaySecret")["api_key"], "content-type": "application/json"}
    body = json.dumps({"order_id": order_id, "payment_status": "COMPLETED"}).encode()

    def chunks(padding: int) -> Iterator[bytes]:
        yield body[:1]
        for _ in range(padding):
            yield b" " * 1_000
        yield body[1:]

    for padding, status in ((0, 200), (10, 200), (70, 413)):
        answer = tenant.request("POST", path, token=None, headers=headers, data=chunks(padding))
        assert answer.status_code == status, answer.text
    assert tenant.balance() == (0, 0)


@pytest.mark.parametrize("ending", ["039", "049"], ids=["declined", "insufficient balance"])
def test_a_failed_payment_says_so_and_credits_nothing(tenant: Tenant, ending: str) -> None:
    payment = _start(tenant, ending)
    _becomes(tenant, payment, "failed")
    assert tenant.payment(payment["id"])["failure_code"]
    assert tenant.balance() == (0, 0)


def test_what_nobody_answers_expires_and_still_credits_when_it_is_paid_late(tenant: Tenant) -> None:
    """One of the payers does not answer; the other was never asked, though the provider may have done so."""
    payment = _start(tenant, "129")
    tenant.stack.zenopay.add_fault("http_500")
    never_pushed = _start(tenant, "555")
    assert never_pushed["status"] == "pending"
    for each in (payment, never_pushed):
        _becomes(tenant, each, "expired", within_s=90)
    assert tenant.balance() == (0, 0)
    order = next(o for o in tenant.stack.zenopay.log()["orders"] if o["order_id"] == _order_id(payment))
    tenant.stack.zenopay.post(f"orders/{order['order_id']}", {"payment_status": "COMPLETED"})
    _becomes(tenant, payment, "completed", within_s=90)
    assert [entry["amount"] for entry in tenant.ledger()] == [5_000]


def test_a_callback_that_the_provider_does_not_confirm_credits_nothing(tenant: Tenant) -> None:
    payment = _start(tenant, "429")
    wait_until("the callback came", lambda: _callbacks(tenant, payment))
    tenant.stack.sweep("Billing")
    assert tenant.payment(payment["id"])["status"] in {"pending", "expired"}
    assert tenant.balance() == (0, 0)


def test_another_amount_goes_to_review_and_credits_nothing(tenant: Tenant) -> None:
    payment = _start(tenant, "529")
    _becomes(tenant, payment, "review")
    assert tenant.balance() == (0, 0)


def test_fifty_identical_callbacks_at_once_credit_once(tenant: Tenant) -> None:
    payment = _start(tenant, "129")
    order_id = _order_id(payment)
    tenant.stack.zenopay.post(f"orders/{order_id}", {"payment_status": "COMPLETED"})
    path, headers = _callback_path(tenant, order_id), {"x-api-key": tenant.stack.secret("ZenopaySecret")["api_key"]}
    body = {"order_id": order_id, "payment_status": "COMPLETED", "reference": "0936183435"}
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda _: _call_back(tenant, path, body, headers), range(50)))
    assert {answer.status_code for answer in answers} == {200}
    _becomes(tenant, payment, "completed")
    assert [(entry["kind"], entry["amount"]) for entry in tenant.ledger()] == [("credit", 5_000)]


def test_forged_callbacks_are_refused_and_change_nothing(tenant: Tenant) -> None:
    payment = _start(tenant, "129")
    order_id, key = _order_id(payment), tenant.stack.secret("ZenopaySecret")["api_key"]
    body = {"order_id": order_id, "payment_status": "COMPLETED"}
    path = _callback_path(tenant, order_id)
    for wrong_path, headers in (
        (path, {}),
        (path, {"x-api-key": "not-the-key"}),
        ("webhooks/payments/zenopay/not-the-token/", {"x-api-key": key}),
        (_callback_path(tenant, str(uuid.uuid4())), {"x-api-key": key}),
    ):
        assert _call_back(tenant, wrong_path, body, headers).status_code in {401, 403}
    assert tenant.payment(payment["id"])["status"] == "pending"
    assert tenant.balance() == (0, 0)


def test_one_key_pushes_once_again_with_another_body_and_in_parallel(tenant: Tenant) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    with ThreadPoolExecutor(8) as threads:
        payments = list(threads.map(lambda _: _start(tenant, "555", headers=key), range(8)))
    assert len({payment["id"] for payment in payments}) == 1
    orders = [o for o in tenant.stack.zenopay.log()["orders"] if o["order_id"] == _order_id(payments[0])]
    assert len(orders) == 1
    body = {"package_id": "lite", "provider": "airtel", "phone": "0754321555"}
    other = tenant.post("billing/payments/initiate/", body, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    _becomes(tenant, payments[0], "completed")
    assert tenant.balance() == (5_000, 0)


@pytest.mark.parametrize("package", ["standard", "pro", "enterprise"])
def test_a_package_above_the_wallets_limit_is_refused_before_any_call(tenant: Tenant, package: str) -> None:
    before = len(tenant.stack.zenopay.log()["orders"])
    body = {"package_id": package, "provider": "vodacom", "phone": "0754321555"}
    answer = tenant.post("billing/payments/initiate/", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "amount_outside_limits")
    assert len(tenant.stack.zenopay.log()["orders"]) == before
    assert tenant.get("billing/payments/")["items"] == []


@pytest.mark.parametrize("fault", ["timeout_after_accept", "reset_after_accept"])
def test_a_push_with_a_lost_answer_is_pending_not_failed_and_never_pushed_again(tenant: Tenant, fault: str) -> None:
    tenant.stack.zenopay.add_fault(fault)
    payment = _start(tenant, "555")
    assert payment["status"] in {"pending", "completed"}, "the callback may overtake the lost answer"
    _becomes(tenant, payment, "completed")
    orders = [o for o in tenant.stack.zenopay.log()["orders"] if o["order_id"] == _order_id(payment)]
    assert len(orders) == 1
    assert tenant.balance() == (5_000, 0)


def test_an_agent_does_not_pay(tenant: Tenant) -> None:
    agent = tenant.stack.login("agent")
    body = {"package_id": "lite", "provider": "vodacom", "phone": "0754321555"}
    answer = tenant.post("billing/payments/initiate/", body, token=agent)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def _order_id(payment: dict[str, Any]) -> str:
    return ids.as_uuid(payment["id"])


def _callbacks(tenant: Tenant, payment: dict[str, Any]) -> list[Any]:
    return [c for c in tenant.stack.zenopay.log()["callbacks"] if c.get("order_id") == _order_id(payment)]


def _callback_path(tenant: Tenant, order_id: str) -> str:
    key = tenant.stack.secret("ZenopaySecret")["token_key"]
    digest = hmac.digest(key.encode(), order_id.encode(), hashlib.sha256)
    return f"webhooks/payments/zenopay/{base64.urlsafe_b64encode(digest).decode().rstrip('=')}/"


def _call_back(tenant: Tenant, path: str, body: dict[str, Any], headers: dict[str, str]) -> requests.Response:
    return tenant.post(path, body, token=None, headers=headers)
