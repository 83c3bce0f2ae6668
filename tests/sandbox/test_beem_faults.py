"""Each fault of the Beem simulator does to the caller what its name says, and to the log what it must."""

import time

import pytest
import requests

from sandbox.doorstep import Doorstep
from sandbox.testing import BEEM_API_KEY, BEEM_SECRET_KEY, RunningBeem, running_beem

ORDINARY = "255712345678"


def send(beem: RunningBeem, *, timeout_s: float = 5) -> requests.Response:
    body = {
        "source_addr": "Taarifa-SMS",
        "message": "Habari",
        "recipients": [{"recipient_id": 1, "dest_addr": ORDINARY}],
    }
    return requests.post(f"{beem.url}/v1/send", json=body, auth=(BEEM_API_KEY, BEEM_SECRET_KEY), timeout=timeout_s)


def control(beem: RunningBeem, method: str, path: str, **body: object) -> requests.Response:
    return requests.request(method, f"{beem.control_url}{path}", json=body, timeout=5)


@pytest.mark.parametrize(("kind", "status"), [("http_500", 500), ("http_429", 429)])
def test_a_broken_or_busy_beem_answers_its_status_and_accepts_nothing(
    beem: RunningBeem, kind: str, status: int
) -> None:
    beem.add_fault(kind)

    assert send(beem).status_code == status
    assert beem.log() == []


@pytest.mark.parametrize(
    ("kind", "code", "status"), [("code_102", 102, 400), ("code_111", 111, 400), ("code_120", 120, 401)]
)
def test_a_refusal_carries_its_code_and_accepts_nothing(beem: RunningBeem, kind: str, code: int, status: int) -> None:
    beem.add_fault(kind)

    answer = send(beem)

    assert (answer.status_code, answer.json()["successful"], answer.json()["code"]) == (status, False, code)
    assert beem.log() == []


def test_not_successful_is_a_200_that_accepts_nothing(beem: RunningBeem) -> None:
    beem.add_fault("not_successful")

    answer = send(beem)

    assert (answer.status_code, answer.json()["successful"]) == (200, False)
    assert beem.log() == []


def test_a_timeout_before_accept_never_answers_and_accepts_nothing(beem: RunningBeem) -> None:
    beem.add_fault("timeout_before_accept")

    with pytest.raises(requests.exceptions.ReadTimeout):
        send(beem, timeout_s=0.3)

    assert beem.log() == []


def test_a_timeout_after_accept_never_answers_but_the_text_goes_out(beem: RunningBeem, doorstep: Doorstep) -> None:
    beem.add_fault("timeout_after_accept")

    with pytest.raises(requests.exceptions.ReadTimeout):
        send(beem, timeout_s=0.3)

    assert len(beem.log()) == 1
    assert doorstep.wait_for(1)[0]["status"] == "DELIVERED"


def test_a_reset_after_accept_breaks_the_connection_but_the_text_goes_out(
    beem: RunningBeem, doorstep: Doorstep
) -> None:
    beem.add_fault("reset_after_accept")

    with pytest.raises(requests.exceptions.ConnectionError) as broken:
        send(beem)

    assert "reset" in str(broken.value).lower()
    assert len(beem.log()) == 1
    assert doorstep.wait_for(1)[0]["status"] == "DELIVERED"


def test_garbage_is_a_200_without_json_though_the_text_goes_out(beem: RunningBeem) -> None:
    beem.add_fault("garbage_200")

    answer = send(beem)

    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()
    assert len(beem.log()) == 1


def test_a_refused_connection_is_refused_by_the_system_and_comes_back_by_itself(beem: RunningBeem) -> None:
    kept_alive = requests.Session()
    kept_alive.auth = (BEEM_API_KEY, BEEM_SECRET_KEY)
    kept_alive.get(f"{beem.url}/public/v1/vendors/balance", timeout=5)
    beem.add_fault("refuse_connection", 2)
    started = time.monotonic()

    with pytest.raises(requests.exceptions.ConnectionError) as refused:
        send(beem)
    with pytest.raises(requests.exceptions.ConnectionError):
        kept_alive.get(f"{beem.url}/public/v1/vendors/balance", timeout=5)

    assert "refused" in str(refused.value).lower()
    while True:
        try:
            assert send(beem).status_code == 200
            break
        except requests.exceptions.ConnectionError:
            assert time.monotonic() - started < 5
            time.sleep(0.02)
    assert time.monotonic() - started >= 0.55  # two windows of 0.3 s
    assert len(beem.log()) == 1


def test_clearing_the_faults_opens_the_port_at_once(beem: RunningBeem) -> None:
    beem.add_fault("refuse_connection", 1000)

    beem.clear()

    assert send(beem).status_code == 200


def test_a_refusal_waits_for_its_turn_behind_other_faults(beem: RunningBeem) -> None:
    beem.add_fault("http_500")
    beem.add_fault("refuse_connection", 1000)

    assert send(beem).status_code == 500
    with pytest.raises(requests.exceptions.ConnectionError):
        send(beem)


def test_faults_are_used_up_one_a_call_in_their_order(beem: RunningBeem) -> None:
    control(beem, "POST", "/faults", kind="http_500", times=2)
    control(beem, "POST", "/faults", kind="http_429")

    assert [send(beem).status_code for _ in range(4)] == [500, 500, 429, 200]
    assert len(beem.log()) == 1


def test_faults_can_be_read_and_dropped(beem: RunningBeem) -> None:
    added = control(beem, "POST", "/faults", kind="http_500", times=2)
    read = control(beem, "GET", "/faults").json()
    dropped = control(beem, "DELETE", "/faults")

    assert added.status_code == 201
    assert read["pending"] == {"send": ["http_500", "http_500"]}
    assert dropped.status_code == 204
    assert send(beem).status_code == 200


def test_faults_spare_the_other_calls(beem: RunningBeem) -> None:
    beem.add_fault("http_500")

    balance = requests.get(f"{beem.url}/public/v1/vendors/balance", auth=(BEEM_API_KEY, BEEM_SECRET_KEY), timeout=5)

    assert balance.status_code == 200
    assert send(beem).status_code == 500


@pytest.mark.parametrize(
    "body", [{"kind": "earthquake"}, {"kind": "http_500", "times": 0}, {"kind": "http_500", "times": "2"}, {}]
)
def test_a_fault_that_makes_no_sense_is_refused(beem: RunningBeem, body: dict[str, object]) -> None:
    answer = control(beem, "POST", "/faults", **body)

    assert answer.status_code == 400
    assert answer.json()["error"]
    assert send(beem).status_code == 200


def test_latency_delays_the_answer_and_not_the_work(beem: RunningBeem, doorstep: Doorstep) -> None:
    assert control(beem, "POST", "/latency", ms=300).json() == {"ms": 300}
    started = time.monotonic()

    assert send(beem).status_code == 200

    assert time.monotonic() - started >= 0.3
    assert doorstep.calls[0].at - started < 0.3


def test_a_deleted_log_is_empty_and_request_ids_go_on(beem: RunningBeem) -> None:
    first = send(beem).json()["request_id"]

    assert control(beem, "DELETE", "/log").status_code == 204

    assert control(beem, "GET", "/log").json() == []
    assert send(beem).json()["request_id"] > first


def test_a_request_id_never_comes_twice_even_after_a_restart(beem: RunningBeem) -> None:
    before = {send(beem).json()["request_id"] for _ in range(20)}

    with running_beem() as restarted:
        after = {send(restarted).json()["request_id"] for _ in range(20)}

    assert len(before | after) == 40
