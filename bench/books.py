"""Books: a day of payments at a provider that has no list, each of which it is asked about when the day is compared."""

import os
from typing import Any

import requests

from bench.cloud import Cloud
from functions.billing import days, payment_items, reconcile
from functions.billing.payment import Payment
from functions.billing.states import Status
from mifumo import aws, ids, tables
from mifumo.ids import PaymentId, TenantId
from sandbox.testing import ZENOPAY_API_KEY

_AT_ONCE = 25  # as many as one batch write takes


def keep(cloud: Cloud, tenant: TenantId, *, payments: int) -> None:
    """Writes down payments of the last day that can be compared, and has ZenoPay know that they were paid."""
    start, _ = days.bounds(reconcile.due()[-1])
    made = [_paid(tenant, number, start) for number in range(payments)]
    for first in range(0, payments, _AT_ONCE):
        _write([{"PutRequest": {"Item": aws.marshal(payment_items.of(one))}} for one in made[first : first + _AT_ONCE]])
    with requests.Session() as session:
        for one in made:
            _push(session, cloud.zenopay.url, one)


def reopen() -> None:
    """Forgets what was compared of that day."""
    table, day = os.environ["LEDGER_TABLE"], reconcile.due()[-1]
    rows = list(tables.query_all(table, f"RECON#zenopay#{day}"))
    for key in [("RECON#zenopay", day), *((row["pk"], row["sk"]) for row in rows)]:
        _write([{"DeleteRequest": {"Key": aws.marshal(dict(zip(("pk", "sk"), key, strict=True)))}}])


def _paid(tenant: TenantId, number: int, at: str) -> Payment:
    own = PaymentId(ids.derived_uuid("bench", str(number)))
    return Payment(
        id=own,
        tenant=tenant,
        user="bench",
        package="lite",
        credits=5_000,
        amount=150_000,
        currency="TZS",
        gateway="zenopay",
        wallet="vodacom",
        phone="+255754123456",
        fingerprint="bench",
        created_at=at,
        expires_at=at,
        watched_until=at,
        status=Status.COMPLETED,
        completed_at=at,
        credit_txn=f"pay:{own}:credit",
    )


def _write(requests_: list[Any]) -> None:
    aws.dynamodb().batch_write_item(RequestItems={os.environ["LEDGER_TABLE"]: requests_})


def _push(session: requests.Session, url: str, payment: Payment) -> None:
    order = {
        "order_id": payment.order_id,
        "buyer_name": "Duka",
        "buyer_email": "duka@duka.example",
        "buyer_phone": "0754123456",
        "amount": payment.amount,
    }
    answer = session.post(f"{url}/mobile_money_tanzania", json=order, headers={"x-api-key": ZENOPAY_API_KEY}, timeout=5)
    answer.raise_for_status()
