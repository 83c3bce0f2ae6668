"""The pawaPay simulator against pawaPay's documented contract, over real HTTP."""

import time
from typing import Any

import pytest
import requests

from sandbox.doorstep import Doorstep
from sandbox.testing import PAWAPAY_TOKEN, RunningPawaPay, running_pawapay

DEPOSIT_ID = "8917c345-4791-4285-a416-62f24b6982db"
REFUND_ID = "f4401bd2-1568-4140-bf2d-eb77d2b2b639"
HEADERS = {"Authorization": f"Bearer {PAWAPAY_TOKEN}"}
QUIET_S = 0.25


def deposit(
    pawapay: RunningPawaPay,
    phone: str = "255763456789",
    *,
    provider: str = "VODACOM_TZA",
    timeout_s: float = 5,
    **members: Any,
) -> requests.Response:
    payer = {"type": "MMO", "accountDetails": {"phoneNumber": phone, "provider": provider}}
    body = {"depositId": DEPOSIT_ID, "amount": "150000", "currency": "TZS", "payer": payer, **members}
    sent = {name: value for name, value in body.items() if value is not ...}
    return requests.post(f"{pawapay.url}/v2/deposits", json=sent, headers=HEADERS, timeout=timeout_s)


def refund(pawapay: RunningPawaPay, **members: Any) -> requests.Response:
    body = {"refundId": REFUND_ID, "depositId": DEPOSIT_ID, **members}
    return requests.post(f"{pawapay.url}/v2/refunds", json=body, headers=HEADERS, timeout=5)


def get(pawapay: RunningPawaPay, path: str, *, timeout_s: float = 5) -> requests.Response:
    return requests.get(f"{pawapay.url}{path}", headers=HEADERS, timeout=timeout_s)


def post(pawapay: RunningPawaPay, path: str, body: Any = None) -> requests.Response:
    return requests.post(f"{pawapay.control_url}{path}", json=body, headers=HEADERS, timeout=5)


def record(pawapay: RunningPawaPay, deposit_id: str = DEPOSIT_ID) -> dict[str, Any]:
    data: dict[str, Any] = get(pawapay, f"/v2/deposits/{deposit_id}").json()["data"]
    return data


def test_a_deposit_is_accepted_then_paid_then_called_back(pawapay: RunningPawaPay, doorstep: Doorstep) -> None:
    answer = deposit(
        pawapay,
        customerMessage="Mifumo SMS",
        clientReferenceId="order 1",
        metadata=[{"orderId": "1"}, {"customerId": "2", "isPII": True}],
    )

    assert answer.status_code == 200
    assert answer.json() == {
        "depositId": DEPOSIT_ID,
        "status": "ACCEPTED",
        "nextStep": "FINAL_STATUS",
        "created": answer.json()["created"],
    }
    callback = doorstep.wait_for(1)[0]
    body = get(pawapay, f"/v2/deposits/{DEPOSIT_ID}").json()
    assert body == {"status": "FOUND", "data": callback}
    assert callback == {
        "depositId": DEPOSIT_ID,
        "status": "COMPLETED",
        "amount": "150000.00",
        "currency": "TZS",
        "country": "TZA",
        "payer": {"type": "MMO", "accountDetails": {"phoneNumber": "255763456789", "provider": "VODACOM_TZA"}},
        "customerMessage": "Mifumo SMS",
        "clientReferenceId": "order 1",
        "created": answer.json()["created"],
        "providerTransactionId": callback["providerTransactionId"],
        "metadata": {"orderId": "1", "customerId": "2"},
    }


def test_a_deposit_is_accepted_without_a_transaction_until_the_payer_answers() -> None:
    with running_pawapay(pay_delay_s=60) as slow:
        deposit(slow)
        pending = record(slow)

    assert pending["status"] == "ACCEPTED"
    assert "providerTransactionId" not in pending


@pytest.mark.parametrize(
    ("last_digits", "final", "code", "told"),
    [
        ("789", "COMPLETED", None, ["COMPLETED"]),
        ("019", "FAILED", "PAYER_LIMIT_REACHED", ["FAILED"]),
        ("029", "FAILED", "PAYER_NOT_FOUND", ["FAILED"]),
        ("039", "FAILED", "PAYMENT_NOT_APPROVED", ["FAILED"]),
        ("049", "FAILED", "INSUFFICIENT_BALANCE", ["FAILED"]),
        ("069", "FAILED", "UNSPECIFIED_FAILURE", ["FAILED"]),
        ("129", "ACCEPTED", None, []),
        ("229", "COMPLETED", None, []),
        ("329", "COMPLETED", None, ["COMPLETED"] * 3),
        ("429", "PROCESSING", None, ["COMPLETED"]),
        ("529", "COMPLETED", None, ["COMPLETED"]),
        ("629", "COMPLETED", None, ["COMPLETED"]),
        ("729", "COMPLETED", None, ["FAILED", "COMPLETED"]),
        ("829", "COMPLETED", None, ["COMPLETED", "PROCESSING"]),
        ("929", "IN_RECONCILIATION", None, []),
    ],
)
def test_the_payers_last_three_digits_choose_the_ending(
    pawapay: RunningPawaPay, doorstep: Doorstep, last_digits: str, final: str, code: str | None, told: list[str]
) -> None:
    deposit(pawapay, f"255763456{last_digits}")

    doorstep.wait_for(len(told))
    time.sleep(QUIET_S)
    ended = record(pawapay)
    assert (ended["status"], ended.get("failureReason", {}).get("failureCode")) == (final, code)
    assert [body["status"] for body in doorstep.bodies()] == told
    assert [attempt["answered"] for attempt in pawapay.log()["callbacks"]] == [200] * len(told)


@pytest.mark.parametrize(
    ("phone", "provider"),
    [
        ("255683456789", "AIRTEL_TZA"),
        ("255763456789", "VODACOM_TZA"),
        ("255713456789", "TIGO_TZA"),
        ("255623456789", "HALOTEL_TZA"),
    ],
)
def test_the_sandbox_numbers_of_each_provider_pay(
    pawapay: RunningPawaPay, doorstep: Doorstep, phone: str, provider: str
) -> None:
    predicted = requests.post(
        f"{pawapay.url}/v2/predict-provider",
        json={"phoneNumber": f"+{phone[:3]} {phone[3:]}"},
        headers=HEADERS,
        timeout=5,
    )
    assert predicted.json() == {"country": "TZA", "provider": provider, "phoneNumber": phone}
    deposit(pawapay, phone, provider=provider)
    assert doorstep.wait_for(1)[0]["payer"]["accountDetails"] == {"phoneNumber": phone, "provider": provider}


def test_too_little_or_another_currency_is_paid_and_told(pawapay: RunningPawaPay, doorstep: Doorstep) -> None:
    deposit(pawapay, "255763456529")
    deposit(pawapay, "255763456629", depositId=REFUND_ID)

    paid = {body["depositId"]: (body["amount"], body["currency"]) for body in doorstep.wait_for(2)}
    assert paid == {DEPOSIT_ID: ("149500.00", "TZS"), REFUND_ID: ("150000.00", "USD")}
    assert record(pawapay)["amount"] == "149500.00"


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"unheardOf": 1}, "UNSUPPORTED_PARAMETER"),
        ({"amount": ...}, "MISSING_PARAMETER"),
        ({"depositId": ...}, "MISSING_PARAMETER"),
        ({"amount": 150_000}, "INVALID_PARAMETER"),
        ({"amount": "0150000"}, "INVALID_PARAMETER"),
        ({"amount": "1e5"}, "INVALID_PARAMETER"),
        ({"depositId": "1"}, "INVALID_PARAMETER"),
        ({"depositId": DEPOSIT_ID.replace("-", "")}, "INVALID_PARAMETER"),
        ({"customerMessage": "abc"}, "INVALID_PARAMETER"),
        ({"customerMessage": "not-allowed"}, "INVALID_PARAMETER"),
        ({"metadata": {"orderId": "1"}}, "INVALID_PARAMETER"),
        ({"metadata": [{"a": "1", "b": "2"}]}, "INVALID_PARAMETER"),
        ({"metadata": [{f"m{number}": "1"} for number in range(11)]}, "INVALID_PARAMETER"),
        ({"metadata": [{"a": "1"}, {"a": "2"}]}, "DUPLICATE_METADATA_FIELD"),
        ({"payer": {"type": "MMO"}}, "MISSING_PARAMETER"),
        ({"payer": {"type": "MMO", "accountDetails": {"phoneNumber": "255763456789"}}}, "MISSING_PARAMETER"),
    ],
)
def test_a_request_of_another_form_is_a_400(pawapay: RunningPawaPay, members: dict[str, Any], code: str) -> None:
    answer = deposit(pawapay, **members)

    assert (answer.status_code, answer.json()["failureReason"]["failureCode"]) == (400, code)
    assert pawapay.log()["deposits"] == []


@pytest.mark.parametrize(
    ("phone", "provider", "members", "code", "named"),
    [
        ("0763456789", "VODACOM_TZA", {}, "INVALID_PHONE_NUMBER", True),
        ("+255763456789", "VODACOM_TZA", {}, "INVALID_PHONE_NUMBER", True),
        ("255763456789", "MTN_MOMO_ZMB", {}, "INVALID_PROVIDER", True),
        ("255763456789", "VODACOM_TZA", {"currency": "USD"}, "INVALID_CURRENCY", True),
        ("255763456789", "VODACOM_TZA", {"amount": "150000.50"}, "INVALID_AMOUNT", True),
        ("255763456789", "AIRTEL_TZA", {"amount": "150000.505"}, "INVALID_AMOUNT", True),
        ("255763456789", "VODACOM_TZA", {"amount": "499"}, "AMOUNT_OUT_OF_BOUNDS", False),
        ("255763456789", "HALOTEL_TZA", {"amount": "500001"}, "AMOUNT_OUT_OF_BOUNDS", False),
    ],
)
def test_what_pawapay_will_not_do_is_a_200_that_says_rejected(
    pawapay: RunningPawaPay, phone: str, provider: str, members: dict[str, Any], code: str, *, named: bool
) -> None:
    answer = deposit(pawapay, phone, provider=provider, **members)

    assert (answer.status_code, answer.json()["status"]) == (200, "REJECTED")
    assert answer.json()["failureReason"]["failureCode"] == code
    assert answer.json()["depositId"] == (DEPOSIT_ID if named else None)
    assert pawapay.log()["deposits"] == []


def test_decimals_are_taken_where_the_provider_has_them(pawapay: RunningPawaPay) -> None:
    assert deposit(pawapay, provider="AIRTEL_TZA", amount="1500.50").json()["status"] == "ACCEPTED"
    assert record(pawapay)["amount"] == "1500.50"


def test_a_body_that_is_no_json_is_invalid_input(pawapay: RunningPawaPay) -> None:
    answer = requests.post(f"{pawapay.url}/v2/deposits", data="[", headers=HEADERS, timeout=5)

    assert (answer.status_code, answer.json()["failureReason"]["failureCode"]) == (400, "INVALID_INPUT")


def test_a_deposit_id_is_taken_once_whatever_comes_with_it(pawapay: RunningPawaPay, doorstep: Doorstep) -> None:
    first = deposit(pawapay)

    again = deposit(pawapay, amount="1000")

    assert (again.status_code, again.json()) == (
        200,
        {"depositId": DEPOSIT_ID, "status": "DUPLICATE_IGNORED", "created": first.json()["created"]},
    )
    doorstep.wait_for(1)
    time.sleep(QUIET_S)
    assert len(doorstep.calls) == 1
    assert [one["requestedAmount"] for one in pawapay.log()["deposits"]] == ["150000"]


@pytest.mark.parametrize(
    ("headers", "code"), [({}, "NO_AUTHENTICATION"), ({"Authorization": "Bearer wrong"}, "AUTHENTICATION_ERROR")]
)
def test_no_token_or_a_wrong_one_is_refused_everywhere(
    pawapay: RunningPawaPay, headers: dict[str, str], code: str
) -> None:
    calls = [
        ("POST", "/v2/deposits"),
        ("GET", f"/v2/deposits/{DEPOSIT_ID}"),
        ("POST", f"/v2/deposits/resend-callback/{DEPOSIT_ID}"),
        ("POST", "/v2/refunds"),
        ("GET", f"/v2/refunds/{REFUND_ID}"),
        ("POST", "/v2/predict-provider"),
        ("GET", "/v2/active-conf"),
        ("GET", "/v2/availability"),
        ("GET", "/v2/public-key/http"),
    ]
    for method, path in calls:
        answer = requests.request(method, f"{pawapay.url}{path}", json={}, headers=headers, timeout=5)
        assert (answer.status_code, answer.json()["failureReason"]["failureCode"]) == (401, code), path


def test_what_is_not_there_is_not_found_with_a_200(pawapay: RunningPawaPay) -> None:
    for path in (f"/v2/deposits/{DEPOSIT_ID}", f"/v2/refunds/{REFUND_ID}"):
        assert (get(pawapay, path).status_code, get(pawapay, path).json()) == (200, {"status": "NOT_FOUND"})


# --- callbacks ---------------------------------------------------------------------------------------------------


def test_a_callback_carries_the_headers_of_a_signed_one(pawapay: RunningPawaPay, doorstep: Doorstep) -> None:
    deposit(pawapay)
    doorstep.wait_for(1)

    headers = doorstep.calls[0].headers
    assert headers["content-type"] == "application/json"
    assert headers["content-digest"].startswith("sha-512=:")
    assert headers["signature"].startswith("sig-pp=:ME")  # an ASN.1 sequence
    assert headers["signature-input"].startswith(
        'sig-pp=("@method" "@authority" "@path" "signature-date" "content-digest" "content-type")'
        ';alg="ecdsa-p256-sha256";keyid="HTTP_EC_P256_KEY:1";created='
    )
    assert len(headers["signature-date"]) == len("2026-09-23T13:55:10.673817314Z")


def test_a_callback_that_is_not_taken_comes_again_signed_anew(pawapay: RunningPawaPay, doorstep: Doorstep) -> None:
    pawapay.simulator.postman._retry_gaps_s = (0.02, 0.02)
    doorstep.answers = [500, 401]

    deposit(pawapay)

    doorstep.wait_for(3)
    time.sleep(QUIET_S)
    assert [attempt["answered"] for attempt in pawapay.log()["callbacks"]] == [500, 401, 200]
    assert len({call.headers["signature"] for call in doorstep.calls}) == 3


def test_an_unsigned_callback_has_no_signature_and_the_next_one_has(
    pawapay: RunningPawaPay, doorstep: Doorstep
) -> None:
    pawapay.add_fault("unsigned")

    deposit(pawapay, "255763456329")

    doorstep.wait_for(3)
    assert sorted("signature" in call.headers for call in doorstep.calls) == [False, True, True]


def test_a_callback_is_sent_again_for_a_final_deposit_alone(pawapay: RunningPawaPay, doorstep: Doorstep) -> None:
    path = f"/v2/deposits/resend-callback/{DEPOSIT_ID}"
    assert post(pawapay, path).json()["failureReason"]["failureCode"] == "NOT_FOUND"
    deposit(pawapay, "255763456129")
    assert post(pawapay, path).json()["failureReason"]["failureCode"] == "INVALID_STATE"

    pawapay.flip(DEPOSIT_ID, "FAILED")

    assert post(pawapay, path).json() == {"depositId": DEPOSIT_ID, "status": "ACCEPTED"}
    assert doorstep.wait_for(1)[0]["status"] == "FAILED"


# --- refunds -----------------------------------------------------------------------------------------------------


def test_a_refund_is_accepted_then_paid_then_called_back(pawapay: RunningPawaPay, doorstep: Doorstep) -> None:
    deposit(pawapay)
    doorstep.wait_for(1)

    answer = refund(pawapay, amount="50000", currency="TZS")

    assert answer.json() == {"refundId": REFUND_ID, "status": "ACCEPTED", "created": answer.json()["created"]}
    callback = doorstep.wait_for(2)[1]
    assert doorstep.calls[1].path.endswith("/refunds/")
    assert get(pawapay, f"/v2/refunds/{REFUND_ID}").json() == {"status": "FOUND", "data": callback}
    assert (callback["refundId"], callback["depositId"]) == (REFUND_ID, DEPOSIT_ID)
    assert (callback["status"], callback["amount"]) == ("COMPLETED", "50000.00")
    assert callback["recipient"]["accountDetails"]["phoneNumber"] == "255763456789"
    assert refund(pawapay).json()["status"] == "DUPLICATE_IGNORED"
    assert refund(pawapay, refundId=DEPOSIT_ID, amount="100001").json()["failureReason"]["failureCode"] == (
        "AMOUNT_OUT_OF_BOUNDS"
    )
    assert refund(pawapay, refundId=DEPOSIT_ID).json()["status"] == "ACCEPTED"  # the rest


def test_a_refund_needs_a_completed_deposit_and_waits_for_the_one_before_it(doorstep: Doorstep) -> None:
    with running_pawapay(doorstep.url, pay_delay_s=60) as pawapay:
        assert refund(pawapay).json()["failureReason"]["failureCode"] == "NOT_FOUND"
        deposit(pawapay)
        assert refund(pawapay).json()["failureReason"]["failureCode"] == "INVALID_STATE"
        pawapay.flip(DEPOSIT_ID, "COMPLETED")
        assert refund(pawapay, amount="1000").json()["status"] == "ACCEPTED"
        other = refund(pawapay, refundId=DEPOSIT_ID)
        assert other.json()["failureReason"]["failureCode"] == "REFUND_IN_PROGRESS"


def test_a_refund_can_be_made_to_fail(doorstep: Doorstep) -> None:
    with running_pawapay(pay_delay_s=0.5) as pawapay:
        pawapay.set_callback(None, refunds=doorstep.url)
        deposit(pawapay)
        pawapay.flip(DEPOSIT_ID, "COMPLETED")
        refund(pawapay)
        assert post(pawapay, f"/refunds/{REFUND_ID}", {"status": "FAILED"}).status_code == 200
        assert doorstep.wait_for(1)[0]["status"] == "FAILED"
        ended = get(pawapay, f"/v2/refunds/{REFUND_ID}").json()["data"]
    assert (ended["status"], ended["failureReason"]["failureCode"]) == ("FAILED", "UNSPECIFIED_FAILURE")
    assert "providerTransactionId" not in ended


def test_a_refund_may_wait_and_be_called_back_about_true_or_not(pawapay: RunningPawaPay, doorstep: Doorstep) -> None:
    deposit(pawapay, "255763456959")
    doorstep.wait_for(1)
    assert refund(pawapay).json()["status"] == "ACCEPTED"
    time.sleep(QUIET_S)
    assert len(doorstep.calls) == 1

    asked = post(pawapay, f"/refunds/{REFUND_ID}/callback", {"times": 2, "status": "COMPLETED"})

    assert asked.status_code == 202
    assert {body["status"] for body in doorstep.wait_for(3)[1:]} == {"COMPLETED"}
    assert get(pawapay, f"/v2/refunds/{REFUND_ID}").json()["data"]["status"] == "ACCEPTED"


# --- toolkit -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_list", [False, True])
def test_the_configuration_comes_in_both_documented_forms(pawapay: RunningPawaPay, *, as_list: bool) -> None:
    pawapay.simulator.wire.lists_operations = as_list

    conf = get(pawapay, "/v2/active-conf?country=TZA&operationType=DEPOSIT").json()

    providers = {one["provider"]: one["currencies"][0]["operationTypes"] for one in conf["countries"][0]["providers"]}
    halotel = providers["HALOTEL_TZA"]
    terms = halotel[0]["DEPOSIT"] if as_list else halotel["DEPOSIT"]
    assert (terms["minAmount"], terms["maxAmount"], terms["decimalsInAmount"]) == ("500", "500000", "NONE")
    assert set(providers) == {"VODACOM_TZA", "TIGO_TZA", "AIRTEL_TZA", "HALOTEL_TZA"}
    assert len(halotel) == 1
    assert conf["signatureConfiguration"]["signedCallbacks"] is True


def test_a_closed_provider_refuses_deposits_and_says_so(pawapay: RunningPawaPay) -> None:
    assert post(pawapay, "/providers/TIGO_TZA", {"status": "CLOSED"}).status_code == 200

    closed = deposit(pawapay, provider="TIGO_TZA")

    assert closed.json()["failureReason"]["failureCode"] == "PROVIDER_TEMPORARILY_UNAVAILABLE"
    (country,) = get(pawapay, "/v2/availability?operationType=DEPOSIT").json()
    statuses = {one["provider"]: one["operationTypes"] for one in country["providers"]}
    assert statuses["TIGO_TZA"] == [{"operationType": "DEPOSIT", "status": "CLOSED"}]
    assert statuses["VODACOM_TZA"] == [{"operationType": "DEPOSIT", "status": "OPERATIONAL"}]


def test_a_number_of_nobody_cannot_be_predicted(pawapay: RunningPawaPay) -> None:
    answer = post(pawapay, "/v2/predict-provider", {"phoneNumber": "0221234567"})

    assert (answer.status_code, answer.json()["failureReason"]["failureCode"]) == (400, "INVALID_PHONE_NUMBER")


def test_keys_stay_the_same_from_one_start_to_the_next(pawapay: RunningPawaPay) -> None:
    with running_pawapay() as another:
        assert get(another, "/v2/public-key/http").json() == get(pawapay, "/v2/public-key/http").json()
    assert post(pawapay, "/keys").json() == {"id": "HTTP_EC_P256_KEY:2"}
    assert [key["id"] for key in get(pawapay, "/v2/public-key/http").json()] == [
        "HTTP_EC_P256_KEY:1",
        "HTTP_EC_P256_KEY:2",
    ]


# --- control and faults ------------------------------------------------------------------------------------------


def test_a_late_payer_completes_a_deposit_that_had_failed(pawapay: RunningPawaPay, doorstep: Doorstep) -> None:
    deposit(pawapay, "255763456039")
    doorstep.wait_for(1)

    flipped = post(pawapay, f"/deposits/{DEPOSIT_ID}", {"status": "COMPLETED"})

    assert flipped.status_code == 200
    assert (record(pawapay)["status"], record(pawapay)["amount"]) == ("COMPLETED", "150000.00")
    assert "failureReason" not in record(pawapay)
    assert len(doorstep.calls) == 1


def test_a_deposit_flipped_while_pending_stays_flipped(doorstep: Doorstep) -> None:
    with running_pawapay(doorstep.url, pay_delay_s=0.5) as pawapay:
        deposit(pawapay)
        pawapay.flip(DEPOSIT_ID, "IN_RECONCILIATION")
        time.sleep(0.5 + QUIET_S)
        assert record(pawapay)["status"] == "IN_RECONCILIATION"
        assert doorstep.calls == []


def test_fifty_callbacks_can_be_asked_for_at_once_true_or_not(pawapay: RunningPawaPay, doorstep: Doorstep) -> None:
    deposit(pawapay, "255763456129")

    asked = post(pawapay, f"/deposits/{DEPOSIT_ID}/callback", {"times": 50, "status": "COMPLETED"})

    assert asked.status_code == 202
    assert {body["status"] for body in doorstep.wait_for(50)} == {"COMPLETED"}
    assert record(pawapay)["status"] == "ACCEPTED"


def test_callbacks_go_where_control_says_and_nowhere_without(pawapay: RunningPawaPay, doorstep: Doorstep) -> None:
    assert post(pawapay, "/callback", {"url": "/relative"}).status_code == 400
    assert post(pawapay, "/callback", {"url": None}).json() == {"url": None, "refund_url": None}
    deposit(pawapay)
    time.sleep(QUIET_S)
    assert doorstep.calls == []
    post(pawapay, "/callback", {"url": doorstep.url})
    deposit(pawapay, depositId=REFUND_ID)
    assert doorstep.wait_for(1)[0]["depositId"] == REFUND_ID


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"/deposits/{DEPOSIT_ID}", {"status": "COMPLETED"}, 404),
        (f"/deposits/{DEPOSIT_ID}/callback", {}, 404),
        (f"/refunds/{REFUND_ID}", {"status": "COMPLETED"}, 404),
        (f"/refunds/{REFUND_ID}/callback", {}, 404),
        ("/providers/MTN_MOMO_ZMB", {"status": "CLOSED"}, 404),
        ("/providers/TIGO_TZA", {"status": "AJAR"}, 400),
        ("/faults", {"kind": "code_102"}, 400),
    ],
)
def test_control_that_makes_no_sense_is_refused(
    pawapay: RunningPawaPay, path: str, body: dict[str, Any], status: int
) -> None:
    assert post(pawapay, path, body).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        {"status": "PAID"},
        {"status": "COMPLETED", "created": "yesterday"},
        {"status": "COMPLETED", "created": "2026-01-31T08:15:32"},
    ],
)
def test_a_deposit_cannot_be_given_a_status_or_a_moment_that_there_is_not(
    pawapay: RunningPawaPay, body: dict[str, Any]
) -> None:
    deposit(pawapay, "255763456129")

    assert post(pawapay, f"/deposits/{DEPOSIT_ID}", body).status_code == 400
    assert record(pawapay)["status"] == "ACCEPTED"


def test_a_deposit_can_be_put_back_to_another_day(pawapay: RunningPawaPay, doorstep: Doorstep) -> None:
    deposit(pawapay)
    doorstep.wait_for(1)
    moved = {"status": "COMPLETED", "created": "2026-01-31T08:15:32Z"}
    assert post(pawapay, f"/deposits/{DEPOSIT_ID}", moved).status_code == 200
    assert record(pawapay)["created"] == moved["created"]
    span = {"startDate": "2026-01-31T00:00:00", "endDate": "2026-02-01T00:00:00"}
    wanted = {"wallet": {"country": "TZA", "currency": "TZS"}, "callbackUrl": doorstep.url, **span}
    made = get(pawapay, f"/v2/statements/{post(pawapay, '/v2/statements', wanted).json()['statementId']}").json()
    rows = requests.get(made["data"]["downloadUrl"], timeout=5).text.splitlines()
    assert DEPOSIT_ID in rows[1]


@pytest.mark.parametrize(("kind", "code"), [("http_500", 500), ("http_429", 429)])
def test_a_broken_or_busy_pawapay_takes_nothing_on(pawapay: RunningPawaPay, kind: str, code: int) -> None:
    pawapay.add_fault(kind)

    assert deposit(pawapay).status_code == code
    assert pawapay.log()["deposits"] == []


def test_not_successful_is_a_200_that_takes_nothing_on(pawapay: RunningPawaPay) -> None:
    pawapay.add_fault("not_successful")

    answer = deposit(pawapay)

    assert (answer.status_code, answer.json()["status"]) == (200, "REJECTED")
    assert pawapay.log()["deposits"] == []


@pytest.mark.parametrize(("kind", "deposits"), [("timeout_before_accept", 0), ("timeout_after_accept", 1)])
def test_a_timeout_never_answers_before_or_after_the_deposit_is_there(
    pawapay: RunningPawaPay, kind: str, deposits: int
) -> None:
    pawapay.add_fault(kind)

    with pytest.raises(requests.exceptions.ReadTimeout):
        deposit(pawapay, timeout_s=0.3)

    assert len(pawapay.log()["deposits"]) == deposits


def test_a_reset_after_accept_leaves_a_deposit_that_gets_paid(pawapay: RunningPawaPay, doorstep: Doorstep) -> None:
    pawapay.add_fault("reset_after_accept")

    with pytest.raises(requests.exceptions.ConnectionError):
        deposit(pawapay)

    assert doorstep.wait_for(1)[0]["status"] == "COMPLETED"


def test_garbage_is_a_200_without_json_though_the_deposit_is_there(pawapay: RunningPawaPay) -> None:
    pawapay.add_fault("garbage_200")

    answer = deposit(pawapay)

    assert answer.status_code == 200
    assert "json" not in answer.headers["Content-Type"]
    assert len(pawapay.log()["deposits"]) == 1


@pytest.mark.parametrize(
    ("path", "faults"),
    [
        (f"/v2/deposits/{DEPOSIT_ID}", ("status_500", "status_timeout")),
        ("/v2/public-key/http", ("keys_500", "keys_timeout")),
    ],
)
def test_questions_fail_on_demand_and_nothing_else_does(
    pawapay: RunningPawaPay, path: str, faults: tuple[str, str]
) -> None:
    for fault in faults:
        pawapay.add_fault(fault)

    assert deposit(pawapay).status_code == 200
    assert get(pawapay, path).status_code == 500
    with pytest.raises(requests.exceptions.ReadTimeout):
        get(pawapay, path, timeout_s=0.3)
    assert get(pawapay, path).status_code == 200


def test_clearing_forgets_records_faults_keys_and_closed_providers(pawapay: RunningPawaPay) -> None:
    deposit(pawapay)
    pawapay.add_fault("http_500")
    pawapay.rotate_key()
    pawapay.set_provider("VODACOM_TZA", "CLOSED")

    pawapay.clear()

    assert pawapay.log() == {"deposits": [], "refunds": [], "callbacks": []}
    assert deposit(pawapay).json()["status"] == "ACCEPTED"
    assert len(get(pawapay, "/v2/public-key/http").json()) == 1


def test_a_statement_is_asked_for_and_fetched_as_a_file_without_our_token(pawapay: RunningPawaPay) -> None:
    deposit(pawapay)
    for _ in range(100):
        if record(pawapay)["status"] == "COMPLETED":
            break
        time.sleep(0.02)
    body = {
        "wallet": {"country": "TZA", "currency": "TZS"},
        "callbackUrl": "http://127.0.0.1:9/",
        "startDate": "2026-01-01T00:00:00",
        "endDate": "2026-01-02T00:00:00",
    }
    empty = post(pawapay, "/v2/statements", body).json()
    assert empty["status"] == "ACCEPTED"
    day = record(pawapay)["created"][:10]
    asked = post(
        pawapay, "/v2/statements", body | {"startDate": f"{day}T00:00:00", "endDate": f"{day}T23:59:59"}
    ).json()
    rows = []
    for statement in (empty, asked):
        found = get(pawapay, f"/v2/statements/{statement['statementId']}").json()
        assert (found["status"], found["data"]["status"]) == ("FOUND", "COMPLETED")
        assert get(pawapay, found["data"]["downloadUrl"].removeprefix(pawapay.url)).status_code == 403
        rows.append(requests.get(found["data"]["downloadUrl"], timeout=5).text.splitlines()[1:])
    assert rows[0] == []
    assert DEPOSIT_ID in rows[1][0]
    assert get(pawapay, "/v2/statements/nobodys").json() == {"status": "NOT_FOUND"}


@pytest.mark.parametrize(
    "changes",
    [
        {"wallet": {"country": "KEN", "currency": "KES"}},
        {"endDate": "2026-03-01T00:00:00"},
        {"startDate": "yesterday"},
        {"callbackUrl": None},
    ],
)
def test_a_statement_of_another_form_is_rejected(pawapay: RunningPawaPay, changes: dict[str, Any]) -> None:
    wallet = {"country": "TZA", "currency": "TZS"}
    dates = {"startDate": "2026-01-01T00:00:00", "endDate": "2026-01-02T00:00:00"}
    answer = post(pawapay, "/v2/statements", {"wallet": wallet, "callbackUrl": "http://x/", **dates, **changes})
    assert answer.json()["status"] == "REJECTED"
