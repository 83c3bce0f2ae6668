"""The ClickPesa simulator against ClickPesa's documented contract, over HTTP, and against our own readers."""

import json
import time
from typing import Any

import pytest
import requests

from mifumo.providers import clickpesa_checksum
from mifumo.providers.clickpesa import parse_callback
from sandbox.clickpesa import checksum
from sandbox.doorstep import Doorstep
from sandbox.testing import (
    CLICKPESA_API_KEY,
    CLICKPESA_CHECKSUM_KEY,
    CLICKPESA_CLIENT_ID,
    RunningClickPesa,
    running_clickpesa,
)

REFERENCE = "5c7d9a5e3c394f8e9f0c0a3f5e2c7d11"
KEYS = {"client-id": CLICKPESA_CLIENT_ID, "api-key": CLICKPESA_API_KEY}
QUIET_S = 0.25


def token(clickpesa: RunningClickPesa) -> str:
    answer = requests.post(f"{clickpesa.url}/generate-token", headers=KEYS, timeout=5)
    assert answer.json()["success"] is True
    return str(answer.json()["token"])


def call(
    clickpesa: RunningClickPesa, path: str, body: dict[str, Any], *, bearer: str | None = None, timeout_s: float = 5
) -> requests.Response:
    url = f"{clickpesa.url}/payments/{path}-ussd-push-request"
    headers = {"Authorization": token(clickpesa) if bearer is None else bearer}
    return requests.post(url, json=body, headers=headers, timeout=timeout_s)


def signed(**fields: Any) -> dict[str, Any]:
    body = {"amount": "150000", "currency": "TZS", "orderReference": REFERENCE, "phoneNumber": "255754321100"} | fields
    return body | {"checksum": checksum.of(body, CLICKPESA_CHECKSUM_KEY)}


def initiate(
    clickpesa: RunningClickPesa, digits: str = "100", *, timeout_s: float = 5, **fields: Any
) -> requests.Response:
    body = signed(**{"phoneNumber": f"255754321{digits}", **fields})
    return call(clickpesa, "initiate", body, timeout_s=timeout_s)


def status(clickpesa: RunningClickPesa, reference: str = REFERENCE, *, timeout_s: float = 5) -> requests.Response:
    headers = {"Authorization": token(clickpesa)}
    return requests.get(f"{clickpesa.url}/payments/{reference}", headers=headers, timeout=timeout_s)


def attempts(clickpesa: RunningClickPesa) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = status(clickpesa).json()
    return found


def proven(doorstep: Doorstep, *, header: bool = False) -> bool:
    """Tells whether our own side takes the last callback for ClickPesa's."""
    callback = doorstep.calls[-1]
    shown = callback.headers.get(clickpesa_checksum.HEADER) if header else None
    return clickpesa_checksum.proves(callback.raw, CLICKPESA_CHECKSUM_KEY, header=shown)


def test_a_push_is_accepted_then_paid_then_called_back(clickpesa: RunningClickPesa, doorstep: Doorstep) -> None:
    answer = initiate(clickpesa)

    started = answer.json()
    assert answer.status_code == 200
    assert set(started) == {
        "id",
        "status",
        "channel",
        "orderReference",
        "collectedAmount",
        "collectedCurrency",
        "createdAt",
        "clientId",
    }
    assert (started["status"], started["orderReference"], started["collectedAmount"]) == (
        "PROCESSING",
        REFERENCE,
        "150000",
    )
    callback = doorstep.wait_for(1)[0]
    (paid,) = attempts(clickpesa)
    assert (paid["id"], paid["status"], paid["collectedAmount"]) == (started["id"], "SUCCESS", 150_000)
    assert set(callback) == {"event", "data", "checksum", "checksumMethod"}
    assert callback["event"] == "PAYMENT RECEIVED"
    data = callback["data"]
    assert (data["status"], data["collectedAmount"], data["channel"]) == ("SUCCESS", "150000", "M-PESA")
    assert data["paymentReference"] == paid["paymentReference"]
    assert proven(doorstep)
    assert parse_callback(doorstep.calls[0].raw).claimed == "SUCCESS"


@pytest.mark.parametrize(
    ("last_digits", "final", "told"),
    [
        ("100", "SUCCESS", ["SUCCESS"]),
        ("019", "FAILED", ["FAILED"]),
        ("029", "FAILED", ["FAILED"]),
        ("039", "FAILED", ["FAILED"]),
        ("049", "FAILED", ["FAILED"]),
        ("069", "FAILED", ["FAILED"]),
        ("129", "PROCESSING", []),
        ("229", "SUCCESS", []),
        ("329", "SUCCESS", ["SUCCESS"] * 3),
        ("429", "PROCESSING", ["SUCCESS"]),
        ("529", "SUCCESS", ["SUCCESS"]),
        ("629", "SUCCESS", ["SUCCESS"]),
        ("729", "SUCCESS", ["FAILED", "SUCCESS"]),
        ("829", "SUCCESS", ["SUCCESS", "PROCESSING"]),
        ("919", "SUCCESS", ["SUCCESS"]),
        ("939", "SETTLED", ["SETTLED"]),
        ("949", "SUCCESS", ["SUCCESS"]),
    ],
)
def test_the_payers_last_three_digits_choose_the_ending(
    clickpesa: RunningClickPesa, doorstep: Doorstep, last_digits: str, final: str, told: list[str]
) -> None:
    initiate(clickpesa, last_digits)

    doorstep.wait_for(len(told))
    time.sleep(QUIET_S)
    assert attempts(clickpesa)[-1]["status"] == final
    assert [body["data"]["status"] for body in doorstep.bodies()] == told
    assert {body["event"] for body in doorstep.bodies()} <= {"PAYMENT RECEIVED", "PAYMENT FAILED"}


def test_another_amount_another_currency_a_text_and_a_failed_attempt_before(
    clickpesa: RunningClickPesa, doorstep: Doorstep
) -> None:
    for nth, digits in enumerate(("529", "949", "919", "629"), start=1):
        initiate(clickpesa, digits, orderReference=f"r{nth}")
    doorstep.wait_for(4)

    assert status(clickpesa, "r4").json()[0]["collectedCurrency"] == "USD"
    assert status(clickpesa, "r1").json()[0]["collectedAmount"] == 149_500
    assert status(clickpesa, "r2").json()[0]["collectedAmount"] == "150000"
    failed, paid = status(clickpesa, "r3").json()
    assert (failed["status"], paid["status"]) == ("FAILED", "SUCCESS")
    assert failed["id"] != paid["id"]


def test_an_amount_can_be_asked_for_as_a_text_once(clickpesa: RunningClickPesa) -> None:
    initiate(clickpesa, "129")
    clickpesa.add_fault("amount_as_text")

    assert [attempts(clickpesa)[0]["collectedAmount"] for _ in range(2)] == ["150000", 150_000]


def test_more_attempts_can_be_put_behind_a_reference(clickpesa: RunningClickPesa) -> None:
    initiate(clickpesa, "129")

    url = f"{clickpesa.control_url}/payments/{REFERENCE}/attempts"
    assert requests.post(url, json={"status": "SUCCESS"}, timeout=5).status_code == 201
    assert [attempt["status"] for attempt in attempts(clickpesa)] == ["PROCESSING", "SUCCESS"]


@pytest.mark.parametrize(
    ("fault", "by_body", "by_header"),
    [
        ("unsigned", False, False),
        ("sign_with_another_key", False, False),
        ("body_changed", False, False),
        ("sign_in_header", False, True),
    ],
)
def test_a_callback_can_be_signed_wrongly_once(
    clickpesa: RunningClickPesa, doorstep: Doorstep, fault: str, *, by_body: bool, by_header: bool
) -> None:
    clickpesa.add_fault(fault)
    initiate(clickpesa)

    doorstep.wait_for(1)
    assert (proven(doorstep), proven(doorstep, header=True)) == (by_body, by_header)
    clickpesa.call_back(REFERENCE)
    doorstep.wait_for(2)
    assert proven(doorstep)


def test_what_is_sent_is_compact_and_keeps_its_letters(clickpesa: RunningClickPesa, doorstep: Doorstep) -> None:
    initiate(clickpesa)

    doorstep.wait_for(1)
    raw = doorstep.calls[0].raw.decode()
    assert "Chloé M’bayo" in raw
    assert raw == json.dumps(json.loads(raw), separators=(",", ":"), ensure_ascii=False)


def test_a_callback_is_tried_four_times_and_no_more(doorstep: Doorstep) -> None:
    with running_clickpesa(doorstep.url) as clickpesa:
        clickpesa.simulator.postman._retry_gaps_s = (0.02, 0.02, 0.02)
        doorstep.answers = [500] * 10

        initiate(clickpesa)

        doorstep.wait_for(4)
        time.sleep(QUIET_S)
        assert [callback["answered"] for callback in clickpesa.log()["callbacks"]] == [500] * 4


def test_a_token_opens_until_it_expires(clickpesa: RunningClickPesa) -> None:
    bearer = token(clickpesa)
    assert bearer.startswith("Bearer ")
    assert call(clickpesa, "preview", signed(), bearer=bearer).status_code == 200
    assert requests.delete(f"{clickpesa.control_url}/tokens", timeout=5).status_code == 204

    for path in ("preview", "initiate"):
        assert call(clickpesa, path, signed(), bearer=bearer).status_code == 401
    assert call(clickpesa, "initiate", signed(), bearer="").status_code == 401
    assert clickpesa.log()["attempts"] == []


@pytest.mark.parametrize("name", KEYS)
def test_a_wrong_key_gets_no_token(clickpesa: RunningClickPesa, name: str) -> None:
    answer = requests.post(f"{clickpesa.url}/generate-token", headers=KEYS | {name: "wrong"}, timeout=5)

    assert answer.status_code == 401
    assert "token" not in answer.json()


def test_a_change_of_the_checksum_settings_voids_every_token(clickpesa: RunningClickPesa) -> None:
    bearer, unsigned = token(clickpesa), signed()
    del unsigned["checksum"]
    assert call(clickpesa, "initiate", unsigned).json()["message"] == ["checksum is required"]

    requests.post(f"{clickpesa.control_url}/settings", json={"requires_checksum": False}, timeout=5)

    assert call(clickpesa, "initiate", unsigned, bearer=bearer).status_code == 401
    assert call(clickpesa, "initiate", unsigned).status_code == 200


def test_a_preview_lists_wallets_with_fees_or_the_numbers_own_with_its_owner(clickpesa: RunningClickPesa) -> None:
    requests.post(f"{clickpesa.control_url}/settings", json={"closed": ["TIGO-PESA"]}, timeout=5)
    body = {"amount": "1000", "currency": "TZS", "orderReference": REFERENCE}
    body |= {"checksum": checksum.of(body, CLICKPESA_CHECKSUM_KEY)}

    methods = {method["name"]: method for method in call(clickpesa, "preview", body).json()["activeMethods"]}
    assert (methods["M-PESA"]["status"], methods["M-PESA"]["fee"]) == ("AVAILABLE", 18)
    assert methods["TIGO-PESA"]["status"] == "UNAVAILABLE"
    own = call(clickpesa, "preview", signed(fetchSenderDetails=True)).json()
    assert [method["name"] for method in own["activeMethods"]] == ["M-PESA"]
    assert own["sender"]["accountNumber"] == "255754321100"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"amount": 150_000}, ["amount is not valid"]),
        ({"amount": "0"}, ["amount is not valid"]),
        ({"amount": "1.5"}, ["amount is not valid"]),
        ({"currency": "USD"}, ["currency is not valid"]),
        ({"orderReference": "5c7d9a5e-3c39"}, ["orderReference is not valid"]),
        ({"phoneNumber": "0754321100"}, ["phoneNumber is not valid"]),
        ({"phoneNumber": "+255754321100"}, ["phoneNumber is not valid"]),
        ({"amount": "", "phoneNumber": None}, ["amount is not valid", "phoneNumber is not valid"]),
    ],
)
def test_a_malformed_push_is_refused_and_not_made(
    clickpesa: RunningClickPesa, fields: dict[str, Any], wrong: list[str]
) -> None:
    answer = call(clickpesa, "initiate", signed(**fields))

    assert (answer.status_code, answer.json()["message"]) == (400, wrong)
    assert clickpesa.log()["attempts"] == []


def test_a_wrong_checksum_is_refused_first(clickpesa: RunningClickPesa) -> None:
    answer = call(clickpesa, "initiate", signed() | {"amount": "1"})

    assert (answer.status_code, answer.json()["message"]) == (400, ["Invalid checksum"])
    assert clickpesa.log()["attempts"] == []


def test_a_reference_is_taken_once(clickpesa: RunningClickPesa) -> None:
    initiate(clickpesa)

    again = initiate(clickpesa, amount="1000")

    assert again.status_code == 409
    assert [attempt["amount"] for attempt in clickpesa.log()["attempts"]] == [150_000]


def test_an_unknown_reference_is_a_404_for_wire_and_control(clickpesa: RunningClickPesa) -> None:
    assert status(clickpesa, "unknown").status_code == 404
    for path in ("", "/attempts", "/callback"):
        url = f"{clickpesa.control_url}/payments/unknown{path}"
        assert requests.post(url, json={"status": "SUCCESS"}, timeout=5).status_code == 404


def test_a_late_payer_completes_what_had_failed(clickpesa: RunningClickPesa, doorstep: Doorstep) -> None:
    initiate(clickpesa, "039")
    doorstep.wait_for(1)
    url = f"{clickpesa.control_url}/payments/{REFERENCE}"

    assert requests.post(url, json={"status": "PAID"}, timeout=5).status_code == 400
    assert requests.post(url, json={"status": "SUCCESS", "amount": 149_000}, timeout=5).status_code == 200

    (paid,) = attempts(clickpesa)
    assert (paid["status"], paid["collectedAmount"]) == ("SUCCESS", 149_000)
    assert paid["paymentReference"]
    assert len(doorstep.calls) == 1


def test_what_was_flipped_while_it_waited_stays_flipped(doorstep: Doorstep) -> None:
    with running_clickpesa(doorstep.url, pay_delay_s=0.2) as clickpesa:
        initiate(clickpesa)
        clickpesa.flip(REFERENCE, "FAILED")
        time.sleep(0.4)

        assert attempts(clickpesa)[0]["status"] == "FAILED"


def test_callbacks_can_be_asked_for_and_lie(clickpesa: RunningClickPesa, doorstep: Doorstep) -> None:
    initiate(clickpesa, "129")
    url = f"{clickpesa.control_url}/payments/{REFERENCE}/callback"

    assert requests.post(url, json={"times": 20, "status": "SUCCESS"}, timeout=5).status_code == 202

    assert {body["data"]["status"] for body in doorstep.wait_for(20)} == {"SUCCESS"}
    assert attempts(clickpesa)[0]["status"] == "PROCESSING"


def test_where_callbacks_go_is_set_as_on_the_dashboard(clickpesa: RunningClickPesa, doorstep: Doorstep) -> None:
    url = f"{clickpesa.control_url}/callback"
    assert requests.post(url, json={"url": "ftp://x/"}, timeout=5).status_code == 400
    assert requests.post(url, json={"url": None}, timeout=5).status_code == 200

    initiate(clickpesa)
    time.sleep(QUIET_S)

    assert doorstep.calls == []


@pytest.mark.parametrize(
    ("kind", "code"), [("http_500", 500), ("http_429", 429), ("not_successful", 400), ("token_500", 500)]
)
def test_a_broken_busy_or_unwilling_clickpesa_makes_nothing(clickpesa: RunningClickPesa, kind: str, code: int) -> None:
    bearer = token(clickpesa)
    clickpesa.add_fault(kind)

    if kind == "token_500":
        answer = requests.post(f"{clickpesa.url}/generate-token", headers=KEYS, timeout=5)
    else:
        answer = call(clickpesa, "initiate", signed(), bearer=bearer)

    assert answer.status_code == code
    assert clickpesa.log()["attempts"] == []


@pytest.mark.parametrize(("kind", "made"), [("timeout_before_accept", 0), ("timeout_after_accept", 1)])
def test_a_timeout_never_answers_before_or_after_the_payment_is_there(
    clickpesa: RunningClickPesa, kind: str, made: int
) -> None:
    clickpesa.add_fault(kind)

    with pytest.raises(requests.exceptions.ReadTimeout):
        initiate(clickpesa, timeout_s=0.3)

    assert len(clickpesa.log()["attempts"]) == made


def test_a_reset_after_accept_leaves_a_payment_that_gets_paid(clickpesa: RunningClickPesa, doorstep: Doorstep) -> None:
    clickpesa.add_fault("reset_after_accept")

    with pytest.raises(requests.exceptions.ConnectionError):
        initiate(clickpesa)

    doorstep.wait_for(1)
    assert attempts(clickpesa)[0]["status"] == "SUCCESS"


def test_garbage_is_a_200_without_json_though_the_payment_is_there(clickpesa: RunningClickPesa) -> None:
    clickpesa.add_fault("garbage_200")

    answer = initiate(clickpesa)

    assert (answer.status_code, "json" in answer.headers["Content-Type"]) == (200, False)
    assert len(clickpesa.log()["attempts"]) == 1


def test_status_and_token_faults_fail_the_question_and_not_the_payment(clickpesa: RunningClickPesa) -> None:
    initiate(clickpesa)
    clickpesa.add_fault("status_500")
    clickpesa.add_fault("status_timeout")

    assert status(clickpesa).status_code == 500
    with pytest.raises(requests.exceptions.ReadTimeout):
        status(clickpesa, timeout_s=0.3)
    clickpesa.add_fault("token_timeout")
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.post(f"{clickpesa.url}/generate-token", headers=KEYS, timeout=0.3)
    assert status(clickpesa).status_code == 200


def test_clearing_forgets_payments_faults_and_settings(clickpesa: RunningClickPesa) -> None:
    initiate(clickpesa)
    clickpesa.add_fault("http_500")
    clickpesa.set_latency(2_000)
    requests.post(f"{clickpesa.control_url}/settings", json={"requires_checksum": False}, timeout=5)

    clickpesa.clear()

    started = time.monotonic()
    assert initiate(clickpesa).status_code == 200
    assert time.monotonic() - started < 1
    assert clickpesa.simulator.wire.requires_checksum


def test_all_payments_are_listed_in_pages_between_two_dates(clickpesa: RunningClickPesa) -> None:
    for number in range(3):
        initiate(clickpesa, orderReference=f"{number}" * 32)
    headers = {"Authorization": token(clickpesa)}
    today = attempts_of(clickpesa, "0" * 32)[0]["createdAt"][:10]

    def listed(**asked: Any) -> dict[str, Any]:
        answer = requests.get(f"{clickpesa.url}/payments/all", params=asked, headers=headers, timeout=5)
        found: dict[str, Any] = answer.json()
        return found

    page = listed(startDate=today, endDate=today, orderBy="ASC", skip=1, limit=1)
    assert page["totalCount"] == 3
    assert [one["orderReference"] for one in page["data"]] == ["1" * 32]
    assert listed()["data"][0]["orderReference"] == "2" * 32
    assert listed(startDate="2020-01-01", endDate="2020-01-02") == {"data": [], "totalCount": 0}
    assert listed(startDate="today")["statusCode"] == 400


def attempts_of(clickpesa: RunningClickPesa, reference: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = status(clickpesa, reference).json()
    return found
