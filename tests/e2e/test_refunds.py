"""Refunds over the deployed stack: two people send a payment's money back, and what the provider calls back of it."""

from typing import Any

from mifumo import ids
from tests.e2e.stack import Tenant, wait_until

_TIGO, _TIGO_THAT_WAITS = "0654321555", "0654321959"
_WHY = {"reason": "Bought by mistake.", "evidence": "Ticket 4711, line 3"}


def _refunded(tenant: Tenant, payment_id: str) -> dict[str, Any]:
    """Has one of the staff propose a refund and another one approve it; returns the refund as the staff see it."""
    amina, baraka = tenant.stack.staff("amina"), tenant.stack.staff("baraka")
    proposed = tenant.post(f"admin/billing/payments/{payment_id}/refund/", _WHY, token=amina)
    assert proposed.status_code == 201, proposed.text
    approval = f"admin/billing/proposals/{proposed.json()['id']}/approve/"
    alone = tenant.post(approval, {"reason": "I am in a hurry."}, token=amina)
    assert (alone.status_code, alone.json()["code"]) == (403, "own_proposal"), alone.text
    assert tenant.balance() == (5_000, 0)
    approved = tenant.post(approval, {"reason": "I have looked at it too."}, token=baraka)
    assert approved.status_code == 200, approved.text
    refund: dict[str, Any] = _file(tenant, payment_id)["payment"]["refund"]
    return refund


def _file(tenant: Tenant, payment_id: str) -> Any:
    answer = tenant.request("GET", f"admin/billing/payments/{payment_id}/", token=tenant.stack.staff("amina"))
    assert answer.status_code == 200, answer.text
    return answer.json()


def _answers(tenant: Tenant, refund_id: str) -> list[int]:
    """Lists how our door has answered the callbacks about a refund, in their order."""
    calls = tenant.stack.pawapay.log()["callbacks"]
    return [call["answered"] for call in calls if call["id"] == refund_id and call["answered"]]


def _called_back(tenant: Tenant, refund_id: str, count: int) -> list[int]:
    """Waits for so many callbacks about a refund; returns how they were answered."""
    wait_until(f"{count} callbacks came", lambda: len(_answers(tenant, refund_id)) >= count)
    return _answers(tenant, refund_id)


def _sent(tenant: Tenant, refund_id: str) -> int:
    """Counts what pawaPay has taken on to send back under this id."""
    return [one["refundId"] for one in tenant.stack.pawapay.log()["refunds"]].count(refund_id)


def _outcomes(tenant: Tenant, payment_id: str, refund_id: str) -> list[str | None]:
    """Lists what came of the callbacks about a refund, as the staff see it; the same words are kept once."""
    told = _file(tenant, payment_id)["provider_events"]
    return [event["outcome"] for event in told if refund_id in event["body"]]


def _entries(tenant: Tenant) -> list[tuple[str, int]]:
    return [(entry["kind"], entry["amount"]) for entry in tenant.ledger()]


def test_a_refund_that_is_called_back_three_times_takes_the_credits_back_once(tenant: Tenant) -> None:
    payment = tenant.buy_lite(_TIGO, wallet="tigo")["id"]
    refund_id = ids.as_uuid(_refunded(tenant, payment)["id"])
    tenant.paid(payment, "refunded")
    assert _called_back(tenant, refund_id, 1) == [200]
    tenant.stack.pawapay.post(f"refunds/{refund_id}/callback", {"times": 2})
    assert _called_back(tenant, refund_id, 3) == [200] * 3
    wait_until("the callbacks were looked into", lambda: _outcomes(tenant, payment, refund_id) == ["settled"])
    assert _entries(tenant) == [("credit", 5_000), ("hold", 5_000), ("reversal", 5_000)]
    assert tenant.balance() == (0, 0)
    assert _sent(tenant, refund_id) == 1


def test_neither_a_forged_callback_nor_an_untrue_one_ends_a_refund(tenant: Tenant) -> None:
    payment = tenant.buy_lite(_TIGO_THAT_WAITS, wallet="tigo")["id"]
    refund_id = ids.as_uuid(_refunded(tenant, payment)["id"])
    wait_until("pawaPay was asked for the refund", lambda: _sent(tenant, refund_id))
    tenant.stack.pawapay.add_fault("sign_with_another_key")
    tenant.stack.pawapay.post(f"refunds/{refund_id}/callback", {"status": "COMPLETED"})
    # The second attempt has pawaPay's own signature, and says what pawaPay itself does not.
    assert _called_back(tenant, refund_id, 2) == [401, 200]
    wait_until("it was looked into", lambda: _outcomes(tenant, payment, refund_id) == ["refunding"])
    assert (tenant.payment(payment)["status"], tenant.balance()) == ("refund_pending", (0, 5_000))

    tenant.stack.pawapay.post(f"refunds/{refund_id}", {"status": "COMPLETED"})
    tenant.stack.pawapay.post(f"refunds/{refund_id}/callback", {"times": 2})
    tenant.paid(payment, "refunded")
    assert _entries(tenant) == [("credit", 5_000), ("hold", 5_000), ("reversal", 5_000)]
    assert tenant.balance() == (0, 0)
