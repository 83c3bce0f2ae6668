"""The Beem simulator against Beem's documented contract, over real HTTP."""

import time
from typing import Any

import pytest
import requests

from sandbox.doorstep import Doorstep
from sandbox.testing import BEEM_API_KEY, BEEM_SECRET_KEY, RunningBeem

AUTH = (BEEM_API_KEY, BEEM_SECRET_KEY)
ORDINARY = "255712345678"
QUIET_S = 0.25
"""Long enough for any further report to have come: reports leave 20 ms after the call."""


def send(beem: RunningBeem, *dest_addrs: str, timeout_s: float = 5, **fields: Any) -> requests.Response:
    body = {
        "source_addr": "Taarifa-SMS",
        "encoding": 0,
        "schedule_time": "",
        "message": "Habari",
        "recipients": [{"recipient_id": n, "dest_addr": to} for n, to in enumerate(dest_addrs, 1)],
    }
    return requests.post(f"{beem.url}/v1/send", json=body | fields, auth=AUTH, timeout=timeout_s)


def pulled(beem: RunningBeem, dest_addr: str, request_id: int) -> list[dict[str, Any]]:
    query: dict[str, str] = {"dest_addr": dest_addr, "request_id": str(request_id)}
    answer = requests.get(f"{beem.url}/public/v1/delivery-reports", params=query, auth=AUTH, timeout=5)
    items: list[dict[str, Any]] = answer.json()
    return items


def test_a_send_call_is_answered_logged_and_reported_recipient_by_recipient(
    beem: RunningBeem, doorstep: Doorstep
) -> None:
    answer = send(beem, ORDINARY, "255754000100")

    body = answer.json()
    request_id = body.pop("request_id")
    assert answer.status_code == 200
    assert isinstance(request_id, int)
    assert body == {
        "successful": True,
        "code": 100,
        "message": "Message Submitted Successfully",
        "valid": 2,
        "invalid": 0,
        "duplicates": 0,
    }
    log = beem.log()
    assert [(text["dest_addr"], text["recipient_id"]) for text in log] == [(ORDINARY, 1), ("255754000100", 2)]
    assert {(text["request_id"], text["source_addr"], text["message"]) for text in log} == {
        (request_id, "Taarifa-SMS", "Habari")
    }
    assert all(text["at"].endswith("Z") for text in log)
    reports = sorted(doorstep.wait_for(2), key=lambda report: int(report["recipient_id"]))
    for report in reports:
        assert report.pop("timestamp").endswith("Z")
    assert reports == [
        {"dest_addr": ORDINARY, "request_id": request_id, "recipient_id": 1, "status": "DELIVERED"},
        {"dest_addr": "255754000100", "request_id": request_id, "recipient_id": 2, "status": "DELIVERED"},
    ]


@pytest.mark.parametrize(
    ("last_digits", "statuses"),
    [
        ("000", ["DELIVERED"]),
        ("001", ["UNDELIVERED"]),
        ("002", ["REJECTED"]),
        ("003", []),
        ("004", ["DELIVERED", "DELIVERED"]),
        ("005", ["DELIVERED"]),
    ],
)
def test_the_last_three_digits_choose_what_is_reported(
    beem: RunningBeem, doorstep: Doorstep, last_digits: str, statuses: list[str]
) -> None:
    dest_addr = f"255754321{last_digits}"

    request_id = send(beem, dest_addr).json()["request_id"]

    doorstep.wait_for(len(statuses))
    time.sleep(QUIET_S)
    assert [report["status"] for report in doorstep.bodies()] == statuses
    final = statuses[0] if statuses else "PENDING"
    assert pulled(beem, dest_addr, request_id) == [{"dest_addr": dest_addr, "status": final, "request_id": request_id}]


def test_an_early_report_is_there_before_the_send_call_answers(beem: RunningBeem, doorstep: Doorstep) -> None:
    doorstep.delay_s = 0.2

    send(beem, "255754321005", "255755321005")
    answered_at = time.monotonic()

    assert len(doorstep.calls) == 2
    assert all(call.at < answered_at for call in doorstep.calls)


def test_an_early_report_to_a_broken_door_comes_again_later(beem: RunningBeem, doorstep: Doorstep) -> None:
    doorstep.answers = [503]

    assert send(beem, "255754321005").status_code == 200

    assert len(doorstep.wait_for(2)) == 2


def test_an_invalid_number_is_counted_and_neither_logged_nor_reported(beem: RunningBeem, doorstep: Doorstep) -> None:
    body = send(beem, "255754321006", "0712345678", ORDINARY).json()

    assert (body["successful"], body["valid"], body["invalid"], body["duplicates"]) == (True, 1, 2, 0)
    assert [text["dest_addr"] for text in beem.log()] == [ORDINARY]
    doorstep.wait_for(1)
    time.sleep(QUIET_S)
    assert [report["dest_addr"] for report in doorstep.bodies()] == [ORDINARY]
    assert pulled(beem, "255754321006", body["request_id"]) == []


def test_a_number_twice_in_one_call_is_sent_once_and_counted_as_duplicate(beem: RunningBeem) -> None:
    body = send(beem, ORDINARY, ORDINARY).json()

    assert (body["valid"], body["duplicates"]) == (1, 1)
    assert len(beem.log()) == 1


def test_a_report_is_pushed_until_the_door_answers_2xx(beem: RunningBeem, doorstep: Doorstep) -> None:
    doorstep.answers = [500, 404, 302]

    send(beem, ORDINARY)

    assert len(doorstep.wait_for(4)) == 4
    time.sleep(QUIET_S)
    assert len(doorstep.calls) == 4


def test_reports_knock_at_most_sixteen_at_a_time(beem: RunningBeem, doorstep: Doorstep) -> None:
    doorstep.delay_s = 0.05

    send(beem, *(f"255754310{n}" for n in range(100, 160)))

    doorstep.wait_for(60)
    assert 2 <= doorstep.inside_max <= 16


def test_without_a_callback_address_the_reports_can_still_be_pulled(beem: RunningBeem) -> None:
    beem.set_callback(None)

    request_id = send(beem, ORDINARY).json()["request_id"]

    time.sleep(QUIET_S)
    assert pulled(beem, ORDINARY, request_id)[0]["status"] == "DELIVERED"


def test_resent_reports_say_the_same_again(beem: RunningBeem, doorstep: Doorstep) -> None:
    send(beem, ORDINARY, "255754321003")
    doorstep.wait_for(1)

    resent = requests.post(f"{beem.control_url}/reports/resend", timeout=5)

    assert resent.json() == {"resent": 1}
    first, second = doorstep.wait_for(2)
    assert first | {"timestamp": ""} == second | {"timestamp": ""}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"message": ""}, 104),
        ({"source_addr": ""}, 104),
        ({"recipients": []}, 104),
        ({"recipients": [{"dest_addr": ORDINARY}]}, 104),
        ({"recipients": "255712345678"}, 104),
        ({"schedule_time": "tomorrow"}, 104),
        ({"source_addr": "TwelveLetter"}, 111),
        ({"source_addr": "Habari!"}, 111),
    ],
)
def test_a_malformed_send_call_is_refused_and_sends_nothing(
    beem: RunningBeem, fields: dict[str, Any], code: int
) -> None:
    answer = send(beem, ORDINARY, **fields)

    assert answer.status_code == 400
    assert (answer.json()["successful"], answer.json()["code"]) == (False, code)
    assert beem.log() == []


def test_a_body_that_is_not_json_is_refused(beem: RunningBeem) -> None:
    answer = requests.post(f"{beem.url}/v1/send", data="source_addr=INFO", auth=AUTH, timeout=5)

    assert (answer.status_code, answer.json()["code"]) == (400, 104)


@pytest.mark.parametrize("path", ["public/v1/vendors/balance", "public/v1/sender-names", "public/v1/delivery-reports"])
def test_every_call_needs_the_right_key(beem: RunningBeem, path: str) -> None:
    wrong = requests.get(f"{beem.url}/{path}", auth=(BEEM_API_KEY, "wrong"), timeout=5)
    none = requests.get(f"{beem.url}/{path}", timeout=5)

    assert (wrong.status_code, wrong.json()["code"]) == (401, 120)
    assert (none.status_code, none.json()["code"]) == (401, 107)


def test_a_wrong_key_sends_nothing(beem: RunningBeem) -> None:
    answer = requests.post(f"{beem.url}/v1/send", json={}, auth=("wrong", BEEM_SECRET_KEY), timeout=5)

    assert (answer.status_code, answer.json()["code"]) == (401, 120)
    assert beem.log() == []


def test_the_balance_falls_by_one_with_each_text(beem: RunningBeem) -> None:
    def balance() -> int:
        answer = requests.get(f"{beem.url}/public/v1/vendors/balance", auth=AUTH, timeout=5)
        return int(answer.json()["data"]["credit_balance"])

    before = balance()
    send(beem, ORDINARY, "255754321006", "255754000100")

    assert balance() == before - 2


def test_a_sender_name_is_asked_for_and_listed_as_pending(beem: RunningBeem) -> None:
    url = f"{beem.url}/public/v1/sender-names"
    asked = requests.post(url, json={"senderid": "DUKA", "sample_content": "Karibu"}, auth=AUTH, timeout=5)
    too_long = requests.post(url, json={"senderid": "DUKA", "sample_content": "x" * 171}, auth=AUTH, timeout=5)
    listed = requests.get(url, params={"q": "duk", "status": "pending"}, auth=AUTH, timeout=5).json()
    active = requests.get(url, params={"status": "active"}, auth=AUTH, timeout=5).json()

    assert asked.json()["data"]["status"] == "pending"
    assert (too_long.status_code, too_long.json()["code"]) == (400, 104)
    assert [(name["senderid"], name["sample_content"]) for name in listed["data"]] == [("DUKA", "Karibu")]
    assert listed["pagination"]["totalItems"] == 1
    assert active["data"] == []


def test_the_report_of_an_unknown_text_is_an_empty_list(beem: RunningBeem) -> None:
    assert pulled(beem, ORDINARY, 1) == []


def test_a_report_pull_needs_both_parameters(beem: RunningBeem) -> None:
    url = f"{beem.url}/public/v1/delivery-reports"

    answer = requests.get(url, params={"dest_addr": ORDINARY}, auth=AUTH, timeout=5)

    assert (answer.status_code, answer.json()["code"]) == (400, 104)
