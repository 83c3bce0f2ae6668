"""Routes: each with a stranger, another tenant, an invalid request and a valid one, and what it costs in AWS calls."""

import json
import os
from dataclasses import fields
from typing import Any

import boto3
import pytest

from functions.billing import api, catalogue_models, payment_models
from functions.billing.payment import Payment
from mifumo import aws, clock, ids, ledger, tables, tenants, wallets, writes
from mifumo.ids import TenantId
from mifumo.packages import PACKAGES
from mifumo.tables import Key
from tests.billing.conftest import INITIATE, QUOTES, TENANT, Till
from tests.builders import CONTEXT, request, token

ROUTES = [
    ("GET", "/api/billing/sms/packages/"),
    ("GET", "/api/billing/plans/"),
    ("GET", "/api/billing/payments/providers/"),
    ("POST", INITIATE),
    ("POST", QUOTES),
    ("GET", "/api/billing/quotes/01m86mvt1mxhz5r76k6x5nkw8f/"),
    ("GET", "/api/billing/payments/"),
    ("GET", "/api/billing/payments/01m86mvt1mxhz5r76k6x5nkw8f/"),
    ("POST", "/api/billing/payments/01m86mvt1mxhz5r76k6x5nkw8f/cancel/"),
    ("POST", "/api/billing/payments/01m86mvt1mxhz5r76k6x5nkw8f/retry/"),
    ("GET", "/api/billing/transfers/"),
    ("GET", "/api/billing/transfers/01m86mvt1mxhz5r76k6x5nkw8f/"),
    ("POST", "/api/billing/transfers/01m86mvt1mxhz5r76k6x5nkw8f/cancel/"),
    ("GET", "/api/billing/settings/"),
    ("GET", "/api/billing/balance/"),
    ("GET", "/api/billing/ledger/"),
]
LITE = {"package_id": "lite", "provider": "vodacom", "phone": "0754123129"}


def test_a_stranger_learns_nothing_and_costs_nothing(till: Till) -> None:
    till.wire.clear()
    for method, path in ROUTES:
        status, problem = till.call(method, path, token=None)
        assert (status, problem["code"]) == (401, "unauthenticated"), path
    assert till.wire.calls == []


def test_each_route_answers_without_its_trailing_slash_too(till: Till) -> None:
    for method, path in ROUTES:
        body = {"package_id": "lite"} if path == QUOTES else LITE
        status, _ = till.call(method, path, body)
        assert (till.call(method, path.rstrip("/"), body)[0], status < 405) == (status, True), path


def test_the_packages_are_the_seeds(till: Till) -> None:
    till.wire.clear()
    status, body = till.call("GET", "/api/billing/sms/packages/")
    assert status == 200
    assert [(p["id"], p["credits"], p["price"], p["unit_price"], len(p["sender_ids"])) for p in body["items"]] == [
        ("lite", 5_000, 150_000, 30, 4),
        ("standard", 50_000, 1_250_000, 25, 6),
        ("pro", 250_000, 4_500_000, 18, 8),
        ("enterprise", 1_000_000, 12_000_000, 12, 10),
    ]
    assert body["items"][1]["features"] == ["Priority support", "6 Sender IDs", "Analytics"]
    assert {p["currency"] for p in body["items"]} == {"TZS"}
    assert till.wire.calls == []


def test_the_plan_is_the_seeds(till: Till) -> None:
    _, body = till.call("GET", "/api/billing/plans/")
    (plan,) = body["items"]
    assert (plan["name"], plan["price"], plan["max_contacts"], plan["max_campaigns"], plan["max_sms_per_month"]) == (
        "SMS Service Plan",
        10_000,
        1_000,
        10,
        1_000,
    )


def test_the_wallets_have_their_limits_and_are_available(till: Till) -> None:
    till.wire.clear()
    _, body = till.call("GET", "/api/billing/payments/providers/")
    assert [(p["code"], p["min_amount"], p["max_amount"], p["available"]) for p in body["items"]] == [
        ("vodacom", 1_000, 1_000_000, True),
        ("tigo", 1_000, 1_000_000, True),
        ("airtel", 1_000, 1_000_000, True),
        ("halotel", 1_000, 500_000, True),
    ]
    assert till.wire.calls == ["BatchGetItem"]


def test_without_a_key_nobody_can_pay_until_one_is_put_in(till: Till) -> None:
    secrets, arn = boto3.client("secretsmanager"), os.environ["ZENOPAY_SECRET"]
    good = secrets.get_secret_value(SecretId=arn)["SecretString"]
    secrets.put_secret_value(SecretId=arn, SecretString=json.dumps({"api_key": "", "token_key": "k"}))
    till.travel.forward(301)
    _, body = till.call("GET", "/api/billing/payments/providers/")
    assert {p["available"] for p in body["items"]} == {False}
    status, problem = till.buy()
    assert (status, problem["code"], problem["retryable"]) == (503, "provider_unavailable", True)
    assert till.call("GET", "/api/billing/payments/")[1]["items"] == []
    secrets.put_secret_value(SecretId=arn, SecretString=good)
    till.travel.forward(31)
    assert till.buy("129")[0] == 202


def test_a_payment_starts_with_six_calls_and_shows_what_was_agreed(till: Till) -> None:
    till.wire.clear()
    status, body = till.buy("129")
    reads, writes_ = ["BatchGetItem", "GetItem", "BatchGetItem"], ["TransactWriteItems", "TransactWriteItems"]
    assert till.wire.calls == [*reads, *writes_, "SendMessageBatch"]
    created, expires = clock.parse(body.pop("created_at")), clock.parse(body.pop("expires_at"))
    assert (expires - created).total_seconds() == 25
    assert status == 202
    assert ids.valid(body.pop("id"))
    assert body == {
        "status": "pending",
        "package_id": "lite",
        "credits": 5000,
        "amount": 150_000,
        "currency": "TZS",
        "provider": "vodacom",
        "phone": "+255754123129",
        "net": 127_119,
        "vat": 22_881,
        "vat_rate": 1_800,
        **dict.fromkeys(["quote_id", "reference", "failure_code", "receipt", "retry_of", "retried_as", "completed_at"]),
    }
    (order,) = till.simulator.log()["orders"]
    assert (order["amount"], order["buyer_phone"], order["buyer_name"]) == (150_000, "0754123129", "Duka la Asha")
    assert wallets.read(TENANT).available == 0


@pytest.mark.parametrize(
    ("package", "provider", "limits"),
    [
        ("standard", "vodacom", (1_000, 1_000_000)),
        ("pro", "tigo", (1_000, 1_000_000)),
        ("enterprise", "halotel", (1_000, 500_000)),
    ],
)
def test_a_package_dearer_than_the_wallet_moves_is_refused_before_any_call(
    till: Till, package: str, provider: str, limits: tuple[int, int]
) -> None:
    till.wire.clear()
    status, problem = till.buy(package_id=package, provider=provider)
    assert (status, problem["code"]) == (422, "amount_outside_limits")
    assert (problem["min_amount"], problem["max_amount"]) == limits
    assert problem["amount"] == PACKAGES[package].price_tzs
    assert problem["pay_by"] == ["bank"]
    assert "/api/billing/transfers/" in problem["detail"]
    assert till.wire.calls == []
    assert till.simulator.log()["orders"] == []


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"package_id": "huge"}, {"/package_id"}),
        ({"provider": "mpesa"}, {"/provider"}),
        ({"phone": "0222123456"}, {"/phone"}),
        ({"phone": "+254722123456"}, {"/phone"}),
        ({"phone": 754123456}, {"/phone"}),
        ({"phone": ""}, {"/phone"}),
        ({"webhook_url": "https://evil.example/"}, {"/webhook_url"}),
        ({"amount": 1}, {"/amount"}),
        ({"package_id": 1, "provider": None, "phone": None}, {"/package_id", "/provider", "/phone"}),
        ({"package_id": None}, {"body"}),
        ({"quote_id": "01m86mvt1mxhz5r76k6x5nkw8f"}, {"body"}),
    ],
)
def test_an_invalid_request_hears_all_that_is_wrong_and_moves_nothing(
    till: Till, changes: dict[str, Any], pointers: set[str]
) -> None:
    till.wire.clear()
    status, problem = till.buy(**changes)
    assert (status, problem["code"]) == (422, "validation_failed")
    assert {error["pointer"] for error in problem["errors"]} == pointers
    assert till.wire.calls == []


def test_owner_admin_and_staff_pay_and_an_agent_does_not(till: Till) -> None:
    for role in ("owner", "admin", "staff"):
        headers = {"Idempotency-Key": role}
        assert till.call("POST", INITIATE, LITE, token=token(role=role), headers=headers)[0] == 202
    pushed = len(till.simulator.log()["orders"])
    status, problem = till.call("POST", INITIATE, LITE, token=token(role="agent"))
    assert (status, problem["code"]) == (403, "forbidden")
    assert len(till.simulator.log()["orders"]) == pushed


def test_a_suspended_tenant_cannot_pay_and_is_still_credited_for_what_it_paid(till: Till) -> None:
    payment = till.bought("229")
    table = boto3.client("dynamodb")
    item = tables.get("access", Key(f"T#{TENANT}", "TENANT"))
    assert item
    table.put_item(TableName="access", Item=aws.marshal({**item, "status": "suspended"}))
    status, problem = till.buy(key="another")
    assert (status, problem["code"]) == (403, "tenant_suspended")
    till.paid(payment)
    till.look(payment)
    till.credited(payment)


def test_the_same_key_returns_the_same_payment_and_pushes_once(till: Till) -> None:
    first = till.bought("129", key="once")
    till.wire.clear()
    again = till.bought("129", key="once")
    spelled = till.bought("129", key="once", phone="+255 754 123 129")
    assert first.id == again.id == spelled.id
    assert set(till.wire.calls) == {"GetItem", "BatchGetItem"}  # nothing is written
    assert len(till.simulator.log()["orders"]) == 1


def test_a_replay_says_so_and_every_answer_carries_its_key(till: Till) -> None:
    def send(**headers: str) -> dict[str, Any]:
        event = request("POST", INITIATE, LITE, token=till.owner, headers=headers)
        headers_out: dict[str, Any] = api.handler(event, CONTEXT)["headers"]
        return headers_out

    minted = send()
    assert "Idempotent-Replayed" not in minted
    again = send(**{"Idempotency-Key": minted["Idempotency-Key"]})
    assert again["Idempotent-Replayed"] == "true"
    assert len(till.simulator.log()["orders"]) == 1


@pytest.mark.parametrize("changes", [{"phone": "0754123456"}, {"provider": "tigo"}])
def test_the_same_key_with_another_body_is_refused(till: Till, changes: dict[str, Any]) -> None:
    till.bought("129", key="once")
    status, problem = till.buy("129", key="once", **changes)
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    assert len(till.simulator.log()["orders"]) == 1


def test_the_same_key_of_another_tenant_is_another_payment(till: Till) -> None:
    first = till.bought("129", key="once")
    writes.commit(tenants.put(TenantId("t2"), "Another", verified=True))
    headers = {"Idempotency-Key": "once"}
    status, body = till.call("POST", INITIATE, LITE, token=token(tenant="t2"), headers=headers)
    assert status == 202
    assert body["id"] != first.id


def test_another_tenants_payment_is_not_found_and_not_listed(till: Till) -> None:
    payment = till.bought("129")
    stranger = token(tenant="t2")
    status, problem = till.call("GET", f"/api/billing/payments/{payment.id}/", token=stranger)
    assert (status, problem["code"]) == (404, "not_found")
    assert till.call("GET", "/api/billing/payments/", token=stranger)[1] == {"items": [], "next": None}
    assert till.call("GET", "/api/billing/balance/", token=stranger)[1]["available"] == 0
    assert till.call("GET", "/api/billing/ledger/", token=stranger)[1]["items"] == []


@pytest.mark.parametrize("payment_id", ["nonsense", "01m86mvt1mxhz5r76k6x5nkw8f", "..%2f..", "META"])
def test_a_payment_that_never_was_is_not_found(till: Till, payment_id: str) -> None:
    assert till.call("GET", f"/api/billing/payments/{payment_id}/")[0] == 404


def test_payments_are_paged_newest_first_and_a_cursor_fits_its_own_list(till: Till) -> None:
    made, stranger = [], token(tenant="t2")
    for number in range(3):
        till.travel.forward(1)
        made.append(till.bought("129", key=str(number)).id)
    till.wire.clear()
    _, first = till.call("GET", "/api/billing/payments/", query={"limit": "2"})
    assert till.wire.calls == ["Query"]
    assert [payment["id"] for payment in first["items"]] == [made[2], made[1]]
    _, second = till.call("GET", "/api/billing/payments/", query={"limit": "2", "cursor": first["next"]})
    assert [payment["id"] for payment in second["items"]] == [made[0]]
    assert second["next"] is None
    elsewhere = {"limit": "2", "cursor": first["next"]}
    assert till.call("GET", "/api/billing/payments/", query=elsewhere, token=stranger)[0] == 422
    assert till.call("GET", "/api/billing/ledger/", query=elsewhere)[0] == 422
    for wrong in ("0", "251", "many"):
        assert till.call("GET", "/api/billing/payments/", query={"limit": wrong})[0] == 422


def test_the_statement_is_paged_newest_first_and_shows_what_each_entry_did(till: Till) -> None:
    for number in range(3):
        writes.transact(
            *ledger.credit(wallets.read(TENANT), 100, name=f"n{number}", reference=f"r{number}", postings=[])
        )
    writes.transact(*ledger.hold(wallets.read(TENANT), 40, batch="b1"))
    _, first = till.call("GET", "/api/billing/ledger/", query={"limit": "3"})
    newest = first["items"][0]
    newest.pop("created_at")
    assert newest == {
        "seq": 4,
        "kind": "hold",
        "amount": 40,
        "available_delta": -40,
        "held_delta": 40,
        "available_after": 260,
        "held_after": 40,
        "payment_id": None,
        "batch_id": "b1",
        "reference": "b1",
    }
    _, second = till.call("GET", "/api/billing/ledger/", query={"limit": "3", "cursor": first["next"]})
    assert [entry["seq"] for entry in first["items"] + second["items"]] == [4, 3, 2, 1]
    _, balance = till.call("GET", "/api/billing/balance/")
    assert (balance["available"], balance["held"], balance["package"]) == (260, 40, None)
    assert clock.parse(balance["updated_at"]) <= clock.now()


def test_reading_costs_one_call(till: Till) -> None:
    payment = till.bought("129")
    for path in ("balance/", "ledger/", "payments/", f"payments/{payment.id}/"):
        till.wire.clear()
        assert till.call("GET", f"/api/billing/{path}")[0] == 200
        assert till.wire.count() == 1


def test_settling_a_payment_costs_six_calls_and_seven_with_a_callbacks_outcome(till: Till) -> None:
    payment = till.bought("229")
    till.paid(payment)
    till.call_back(payment)
    (message,) = [body for body in till.queued() if "event" in body]
    till.wire.clear()
    till.look(payment, **message)
    looked = ["GetItem", "GetItem", "UpdateItem"]
    assert till.wire.calls == [*looked, "GetItem", "TransactWriteItems", "SendMessageBatch", "UpdateItem"]
    till.wire.clear()
    till.look(payment, **message)
    assert till.wire.calls == ["GetItem", "UpdateItem"]


def test_a_look_that_finds_nothing_new_costs_three_calls_and_the_next_message(till: Till) -> None:
    payment = till.bought("129")
    till.wire.clear()
    till.look(payment, due=payment.next_check_at)
    assert till.wire.calls == ["GetItem", "GetItem", "UpdateItem", "SendMessageBatch"]


def test_each_shown_field_is_one_that_is_kept() -> None:
    assert set(catalogue_models.PackageId.__args__) == set(PACKAGES)  # type: ignore[attr-defined]
    kept = {field.name for field in fields(Payment)} | {"package_id", "quote_id", "provider"}
    assert set(payment_models.PaymentView.model_fields) <= kept


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/api/billing/balance/"), ("GET", INITIATE)])
def test_another_method_is_not_allowed_or_finds_no_payment(till: Till, method: str, path: str) -> None:
    assert till.call(method, path)[0] in {404, 405}
