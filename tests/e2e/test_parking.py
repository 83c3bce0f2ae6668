"""A 402 that can be paid, over the deployed stack: the offer is bought, and what was parked is sent by itself, once."""

import pytest

from tests.e2e.stack import Tenant, wait_until


@pytest.mark.parametrize("ending", ["555", "229", "329"], ids=["it pays", "the callback is lost", "three callbacks"])
def test_a_parked_batch_is_sent_once_after_its_offer_was_paid(tenant: Tenant, ending: str) -> None:
    recipients = tenant.numbers(30)
    refused = tenant.send(recipients)
    assert (refused.status_code, refused.json()["shortfall"]) == (402, 30)
    parked = tenant.send(recipients, park=True)
    assert (parked.status_code, parked.json()["status"]) == (202, "parked")
    batch_id, offer = parked.json()["id"], parked.json()["top_up"]["quote_id"]
    paid = tenant.post(
        "billing/payments/initiate/", {"quote_id": offer, "provider": "vodacom", "phone": f"0754321{ending}"}
    )
    assert paid.status_code == 202, paid.text

    def completed() -> bool:
        tenant.stack.sweep("Billing")
        return bool(tenant.batch(batch_id)["status"] == "completed")

    wait_until("the batch went by itself", completed, within_s=90, every_s=1)
    sent = [entry["dest_addr"] for entry in tenant.stack.beem.log()]
    assert sorted(number for number in sent if "0" + number.removeprefix("255") in recipients) == sorted(
        "255" + number.removeprefix("0") for number in recipients
    )
    assert [(entry["kind"], entry["amount"]) for entry in tenant.ledger()] == [
        ("credit", 100),
        ("hold", 30),
        ("capture", 30),
    ]
    assert tenant.balance() == (70, 0)


def test_a_parked_batch_that_is_cancelled_is_not_sent_when_credits_come(tenant: Tenant) -> None:
    recipients = tenant.numbers(3)
    parked = tenant.send(recipients, park=True).json()
    assert tenant.post(f"sms/batches/{parked['id']}/cancel/", {}).json()["status"] == "cancelled"
    tenant.buy_lite()
    tenant.stack.sweep("Sms")
    assert tenant.batch(parked["id"])["status"] == "cancelled"
    assert tenant.balance() == (5_000, 0)
