"""Reconciliation over the deployed stack: a day's money beside pawaPay's own list, and what the staff see of it."""

import uuid
from typing import Any

import pytest
import requests

from functions.billing import days, reconcile
from mifumo import ids
from sandbox.pawapay.simulator import TOKEN
from tests.e2e.stack import Stack, Tenant, wait_until

_TIGO, _TIGO_THAT_DECLINES = "0654321555", "0654321039"


@pytest.fixture
def day(stack: Stack) -> str:
    """Returns a day that can be compared, as if nobody had begun to."""
    chosen = reconcile.due()[1]
    key = {"pk": {"S": "RECON#pawapay"}, "sk": {"S": chosen}}
    stack.client("dynamodb").delete_item(TableName=stack.outputs["LedgerTable"], Key=key)
    return chosen


def _put_back(tenant: Tenant, payment_id: str, day: str, **told: Any) -> None:
    """Lets a payment have been made on an earlier day, in our books and at pawaPay, which tells this of it."""
    start, _ = days.bounds(day)
    order, moment = ids.as_uuid(payment_id), {"S": start}
    at = {":at": moment, ":day": {"S": f"PAYDAY#pawapay#{day}"}, ":sk": {"S": f"{start}#{payment_id}"}}
    changes = "SET created_at = :at, completed_at = :at, day_pk = :day, day_sk = :sk, listing_sk = :sk"
    if tenant.payment(payment_id)["status"] == "failed":  # and nobody watches it any more
        changes = changes.replace(" completed_at = :at,", "") + " REMOVE next_check_at, due_pk, due_sk"
    tenant.stack.client("dynamodb").update_item(
        TableName=tenant.stack.outputs["LedgerTable"],
        Key={"pk": {"S": f"PAY#{payment_id}"}, "sk": {"S": "META"}},
        UpdateExpression=changes,
        ExpressionAttributeValues=at,
    )
    tenant.stack.pawapay.post(f"deposits/{order}", {"status": "COMPLETED", "created": start, **told})


def _made_by_other_means(stack: Stack, day: str) -> str:
    """Has somebody pay with pawaPay for an order that is none of ours; returns its id."""
    order, (start, _) = str(uuid.uuid4()), days.bounds(day)
    payer = {"type": "MMO", "accountDetails": {"phoneNumber": "255713456789", "provider": "TIGO_TZA"}}
    made = requests.post(
        f"{stack.told['sandbox_url']}/pawapay/v2/deposits",
        json={"depositId": order, "amount": "7000", "currency": "TZS", "payer": payer},
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=10,
    )
    assert made.json()["status"] == "ACCEPTED", made.text
    stack.pawapay.post(f"deposits/{order}", {"status": "COMPLETED", "created": start})
    return order


def _seen(tenant: Tenant, day: str, **query: str) -> dict[str, Any]:
    """Reads a reconciliation as one of the staff."""
    path, token = f"admin/billing/reconciliations/{day}/pawapay/", tenant.stack.staff("neema")
    answer = tenant.request("GET", path, token=token, params={"limit": 250, **query})
    return answer.json() if answer.status_code == 200 else {}


def _compared(tenant: Tenant, day: str) -> dict[str, Any]:
    """Runs the comparison, as the schedule does every half hour, until pawaPay has made its list."""

    def over() -> bool:
        tenant.stack.run("BillingReconcilingFunction")
        found = _seen(tenant, day)
        return bool(found) and found["reconciliation"]["stage"] == "over"

    wait_until("the day is compared", over)
    return _seen(tenant, day)


def test_the_staff_see_what_pawapays_list_and_our_books_do_not_agree_about(tenant: Tenant, day: str) -> None:
    begun = [tenant.start_lite(_TIGO, wallet="tigo") for _ in range(3)]
    declined = tenant.start_lite(_TIGO_THAT_DECLINES, wallet="tigo")
    agreed, unknown, cheaper = (tenant.paid(payment)["id"] for payment in begun)
    tenant.paid(declined, "failed")
    _put_back(tenant, agreed, day)
    _put_back(tenant, unknown, day, status="FAILED")
    _put_back(tenant, cheaper, day, amount=100_000)
    _put_back(tenant, declined, day)
    foreign = _made_by_other_means(tenant.stack, day)
    assert tenant.balance() == (15_000, 0)

    found = _compared(tenant, day)
    ours = {ids.as_uuid(payment): payment for payment in (*begun, declined)}
    rows = {row["order"]: row for row in found["items"] if row["order"] in {*ours, foreign}}
    told = {order: (row["bucket"], row["status"], row["ours"], row["theirs"]) for order, row in rows.items()}
    assert told == {
        ids.as_uuid(unknown): ("ours_only", "completed", 150_000, 150_000),
        ids.as_uuid(cheaper): ("mismatch", "completed", 150_000, 100_000),
        ids.as_uuid(declined): ("mismatch", "failed", 150_000, 150_000),
        foreign: ("theirs_only", None, None, 7_000),
    }
    assert {rows[order]["payment_id"] for order in ours if order in rows} == {unknown, cheaper, declined}
    assert found["reconciliation"]["differences"] >= 4
    alone = _seen(tenant, day, bucket="theirs_only")["items"]
    assert foreign in {row["order"] for row in alone}
    assert {row["bucket"] for row in alone} == {"theirs_only"}

    # What was paid there and not here was asked about, and has come by the one way to a credit; nothing else has moved.
    tenant.paid(declined)
    entries = [(entry["kind"], entry["amount"], entry["reference"]) for entry in tenant.ledger()]
    assert sorted(entries) == sorted(("credit", 5_000, payment) for payment in (*begun, declined))
    assert tenant.balance() == (20_000, 0)
