"""A purchase stands in the tenant's audit log, in the transaction that began it, without the payer's number."""

import json

from mifumo import tables
from mifumo.aws import Item
from tests.billing.conftest import Till
from tests.builders import token


def log() -> list[Item]:
    return tables.query("audit", "T#t1", consistent=True).items


def test_a_payment_is_told_once_however_often_its_request_comes(till: Till) -> None:
    first = till.bought()
    assert till.bought().id == first.id
    (entry,) = log()
    assert (entry["action"], entry["actor"], entry["role"], entry["target"]) == (
        "payment.initiated",
        "u1",
        "owner",
        first.id,
    )
    assert entry["after"] == {"package": "lite", "credits": 5_000, "amount": 150_000, "wallet": "vodacom"}
    assert first.phone.removeprefix("255") not in json.dumps(entry)


def test_another_order_under_the_same_key_leaves_no_entry(till: Till) -> None:
    till.bought()
    assert till.buy("457")[0] == 422
    assert len(log()) == 1


def test_who_may_not_buy_leaves_no_entry(till: Till) -> None:
    assert till.call("POST", "/api/billing/payments/initiate/", {}, token=token(role="agent"))[0] == 403
    assert till.buy(provider="nobody")[0] == 422
    assert log() == []
