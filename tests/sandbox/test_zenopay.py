"""The ZenoPay simulator against ZenoPay's documented contract, over real HTTP."""

import time
from typing import Any

import pytest
import requests

from sandbox.doorstep import Doorstep
from sandbox.testing import ZENOPAY_API_KEY, RunningZenoPay, running_zenopay

ORDER_ID = "5c7d9a5e-3c39-4f8e-9f0c-0a3f5e2c7d11"
HEADERS = {"x-api-key": ZENOPAY_API_KEY}
QUIET_S = 0.25


def create(
    zenopay: RunningZenoPay, phone: str = "0754321100", *, timeout_s: float = 5, **fields: Any
) -> requests.Response:
    body = {
        "order_id": ORDER_ID,
        "buyer_name": "Asha Juma",
        "buyer_email": "asha@example.com",
        "buyer_phone": phone,
        "amount": 150_000,
    }
    url = f"{zenopay.url}/mobile_money_tanzania"
    return requests.post(url, json=body | fields, headers=HEADERS, timeout=timeout_s)


def status(zenopay: RunningZenoPay, order_id: str = ORDER_ID, *, timeout_s: float = 5) -> requests.Response:
    query = {"order_id": order_id}
    return requests.get(f"{zenopay.url}/order-status", params=query, headers=HEADERS, timeout=timeout_s)


def order(zenopay: RunningZenoPay) -> dict[str, Any]:
    data: list[dict[str, Any]] = status(zenopay).json()["data"]
    return data[0]


def test_a_push_is_accepted_then_paid_then_called_back(zenopay: RunningZenoPay, doorstep: Doorstep) -> None:
    answer = create(zenopay, webhook_url=doorstep.url, metadata={"payment": "p1"})

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "success",
        "resultcode": "000",
        "message": "Request in progress. You will receive a callback shortly",
        "order_id": ORDER_ID,
    }
    callback = doorstep.wait_for(1)[0]
    body = status(zenopay).json()
    paid = body["data"][0]
    assert callback == {
        "order_id": ORDER_ID,
        "payment_status": "COMPLETED",
        "reference": body["reference"],
        "metadata": {"payment": "p1"},
    }
    assert doorstep.calls[0].headers["x-api-key"] == ZENOPAY_API_KEY
    assert (body["result"], body["resultcode"], body["message"]) == ("SUCCESS", "000", "Order fetch successful")
    assert (paid["order_id"], paid["amount"], paid["payment_status"]) == (ORDER_ID, "150000", "COMPLETED")
    assert (paid["channel"], paid["msisdn"], paid["reference"]) == ("MPESA-TZ", "255754321100", body["reference"])
    assert len(paid["transid"]) == 10


def test_an_order_is_pending_without_operator_details_until_the_payer_answers() -> None:
    with running_zenopay(pay_delay_s=60) as slow:
        create(slow)

        pending = order(slow)

    assert pending["payment_status"] == "PENDING"
    assert pending["amount"] == "150000"
    assert {pending[name] for name in ("transid", "channel", "reference", "msisdn")} == {None}


@pytest.mark.parametrize(
    ("last_digits", "final", "callbacks"),
    [
        ("100", "COMPLETED", 1),
        ("039", "FAILED", 0),
        ("049", "FAILED", 0),
        ("129", "PENDING", 0),
        ("229", "COMPLETED", 0),
        ("329", "COMPLETED", 3),
        ("429", "PENDING", 1),
        ("529", "COMPLETED", 1),
    ],
)
def test_the_payers_last_three_digits_choose_the_ending(
    zenopay: RunningZenoPay, doorstep: Doorstep, last_digits: str, final: str, callbacks: int
) -> None:
    create(zenopay, f"0754321{last_digits}", webhook_url=doorstep.url)

    doorstep.wait_for(callbacks)
    time.sleep(QUIET_S)
    assert order(zenopay)["payment_status"] == final
    assert [body["payment_status"] for body in doorstep.bodies()] == ["COMPLETED"] * callbacks
    assert len(zenopay.log()["callbacks"]) == callbacks


def test_three_callbacks_come_at_once(zenopay: RunningZenoPay, doorstep: Doorstep) -> None:
    doorstep.delay_s = 0.2

    create(zenopay, "0754321329", webhook_url=doorstep.url)

    doorstep.wait_for(3)
    assert doorstep.inside_max == 3


def test_another_amount_is_paid_than_was_asked_for(zenopay: RunningZenoPay, doorstep: Doorstep) -> None:
    create(zenopay, "0754321529", webhook_url=doorstep.url)

    doorstep.wait_for(1)
    assert order(zenopay)["amount"] == "149500"
    assert zenopay.log()["orders"][0]["amount"] == 150_000


def test_a_callback_is_tried_four_times_and_no_more(doorstep: Doorstep) -> None:
    with running_zenopay() as zenopay:
        zenopay.simulator.postman._retry_gaps_s = (0.02, 0.02, 0.02)
        doorstep.answers = [500] * 10

        create(zenopay, webhook_url=doorstep.url)

        doorstep.wait_for(4)
        time.sleep(QUIET_S)
        assert [callback["answered"] for callback in zenopay.log()["callbacks"]] == [500] * 4


def test_a_late_payer_completes_an_order_that_had_failed(zenopay: RunningZenoPay, doorstep: Doorstep) -> None:
    create(zenopay, "0754321039", webhook_url=doorstep.url)
    time.sleep(QUIET_S)

    flipped = requests.post(f"{zenopay.control_url}/orders/{ORDER_ID}", json={"payment_status": "COMPLETED"}, timeout=5)

    assert flipped.status_code == 200
    assert (order(zenopay)["payment_status"], order(zenopay)["amount"]) == ("COMPLETED", "150000")
    assert doorstep.calls == []


def test_an_order_flipped_while_pending_stays_flipped(doorstep: Doorstep) -> None:
    with running_zenopay(pay_delay_s=0.2) as zenopay:
        create(zenopay, "0754321100", webhook_url=doorstep.url)
        zenopay.flip(ORDER_ID, "CANCELLED")
        time.sleep(0.4)

        assert order(zenopay)["payment_status"] == "CANCELLED"


def test_fifty_callbacks_can_be_asked_for_at_once(zenopay: RunningZenoPay, doorstep: Doorstep) -> None:
    create(zenopay, "0754321229", webhook_url=doorstep.url)

    asked = requests.post(f"{zenopay.control_url}/orders/{ORDER_ID}/callback", json={"times": 50}, timeout=5)

    assert asked.status_code == 202
    assert {body["order_id"] for body in doorstep.wait_for(50)} == {ORDER_ID}


@pytest.mark.parametrize("path", [f"/orders/{ORDER_ID}", f"/orders/{ORDER_ID}/callback"])
def test_control_of_an_unknown_order_is_a_404(zenopay: RunningZenoPay, path: str) -> None:
    answer = requests.post(f"{zenopay.control_url}{path}", json={"payment_status": "COMPLETED"}, timeout=5)

    assert answer.status_code == 404


def test_an_order_cannot_be_flipped_to_a_status_that_does_not_exist(zenopay: RunningZenoPay) -> None:
    create(zenopay, "0754321129")

    answer = requests.post(f"{zenopay.control_url}/orders/{ORDER_ID}", json={"payment_status": "PAID"}, timeout=5)

    assert answer.status_code == 400
    assert order(zenopay)["payment_status"] == "PENDING"


@pytest.mark.parametrize(
    "fields",
    [
        {"order_id": ""},
        {"buyer_name": None},
        {"buyer_email": ""},
        {"buyer_phone": "255754321100"},
        {"buyer_phone": "0254321100"},
        {"amount": "150000"},
        {"amount": 0},
        {"amount": 99.5},
        {"webhook_url": "/relative"},
    ],
)
def test_a_malformed_order_is_refused_and_not_created(zenopay: RunningZenoPay, fields: dict[str, Any]) -> None:
    answer = create(zenopay, **fields)

    assert answer.status_code == 400
    assert (answer.json()["status"], answer.json()["resultcode"]) == ("FAILED", "400")
    assert zenopay.log()["orders"] == []


def test_an_order_id_is_taken_once(zenopay: RunningZenoPay) -> None:
    create(zenopay)

    again = create(zenopay, amount=1_000)

    assert (again.status_code, again.json()["status"]) == (400, "FAILED")
    assert [placed["amount"] for placed in zenopay.log()["orders"]] == [150_000]


def test_a_wrong_key_is_refused_everywhere(zenopay: RunningZenoPay) -> None:
    wrong = {"x-api-key": "wrong"}
    created = requests.post(f"{zenopay.url}/mobile_money_tanzania", json={}, headers=wrong, timeout=5)
    asked = requests.get(f"{zenopay.url}/order-status", params={"order_id": "x"}, headers=wrong, timeout=5)

    for answer in (created, asked):
        assert answer.status_code == 401
        assert answer.json() == {"status": "FAILED", "resultcode": "401", "message": "Invalid API Key."}
    assert zenopay.log()["orders"] == []


def test_the_status_of_an_unknown_order_has_no_data(zenopay: RunningZenoPay) -> None:
    answer = status(zenopay, "unknown")

    assert (answer.status_code, answer.json()["result"], answer.json()["data"]) == (200, "FAIL", [])


@pytest.mark.parametrize(
    ("phone", "channel"),
    [("0754321100", "MPESA-TZ"), ("0654321100", "TIGO-TZ"), ("0784321100", "AIRTEL-TZ"), ("0624321100", "HALOPESA-TZ")],
)
def test_the_channel_follows_the_payers_prefix(
    zenopay: RunningZenoPay, doorstep: Doorstep, phone: str, channel: str
) -> None:
    create(zenopay, phone, webhook_url=doorstep.url)

    doorstep.wait_for(1)
    assert order(zenopay)["channel"] == channel


@pytest.mark.parametrize(("kind", "code"), [("http_500", 500), ("http_429", 429)])
def test_a_broken_or_busy_zenopay_creates_nothing(zenopay: RunningZenoPay, kind: str, code: int) -> None:
    zenopay.add_fault(kind)

    assert create(zenopay).status_code == code
    assert zenopay.log()["orders"] == []


def test_not_successful_is_a_200_that_creates_nothing(zenopay: RunningZenoPay) -> None:
    zenopay.add_fault("not_successful")

    answer = create(zenopay)

    assert (answer.status_code, answer.json()["status"]) == (200, "FAILED")
    assert zenopay.log()["orders"] == []


@pytest.mark.parametrize(("kind", "orders"), [("timeout_before_accept", 0), ("timeout_after_accept", 1)])
def test_a_timeout_never_answers_before_or_after_the_order_is_there(
    zenopay: RunningZenoPay, kind: str, orders: int
) -> None:
    zenopay.add_fault(kind)

    with pytest.raises(requests.exceptions.ReadTimeout):
        create(zenopay, timeout_s=0.3)

    assert len(zenopay.log()["orders"]) == orders


def test_a_reset_after_accept_leaves_an_order_that_gets_paid(zenopay: RunningZenoPay, doorstep: Doorstep) -> None:
    zenopay.add_fault("reset_after_accept")

    with pytest.raises(requests.exceptions.ConnectionError):
        create(zenopay, webhook_url=doorstep.url)

    doorstep.wait_for(1)
    assert order(zenopay)["payment_status"] == "COMPLETED"


def test_garbage_is_a_200_without_json_though_the_order_is_there(zenopay: RunningZenoPay) -> None:
    zenopay.add_fault("garbage_200")

    answer = create(zenopay)

    assert answer.status_code == 200
    assert "json" not in answer.headers["Content-Type"]
    assert len(zenopay.log()["orders"]) == 1


def test_a_refused_connection_creates_nothing(zenopay: RunningZenoPay) -> None:
    zenopay.add_fault("refuse_connection", 1000)

    with pytest.raises(requests.exceptions.ConnectionError) as refused:
        create(zenopay)

    assert "refused" in str(refused.value).lower()
    assert zenopay.log()["orders"] == []


def test_status_faults_fail_the_question_and_not_the_order(zenopay: RunningZenoPay) -> None:
    zenopay.add_fault("status_500")
    zenopay.add_fault("status_timeout")

    assert create(zenopay).status_code == 200
    assert status(zenopay).status_code == 500
    with pytest.raises(requests.exceptions.ReadTimeout):
        status(zenopay, timeout_s=0.3)
    assert status(zenopay).status_code == 200


def test_clearing_forgets_orders_faults_and_latency(zenopay: RunningZenoPay) -> None:
    create(zenopay)
    zenopay.add_fault("http_500")
    zenopay.set_latency(2_000)

    zenopay.clear()

    started = time.monotonic()
    assert create(zenopay).status_code == 200
    assert time.monotonic() - started < 1
