"""Beem's adapter against the simulator over HTTP: every way a call can end is of one kind, and never of another."""

import json
import time
from base64 import b64encode
from collections.abc import Iterator

import boto3
import pytest
import responses

from mifumo import settings
from mifumo.providers import beem
from mifumo.providers.beem import Answer, Kind
from sandbox.testing import BEEM_API_KEY, BEEM_SECRET_KEY, RunningBeem, running_beem
from tests.kernel.conftest import Lines
from tests.wire import Wire

URL = "http://127.0.0.1:9"
DIGITS = ["255712345678", "255754123456"]
GOOD = {"successful": True, "request_id": 7, "code": 100, "valid": 2, "invalid": 0, "duplicates": 0}


@pytest.fixture
def simulator(aws_tables: Wire, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningBeem]:
    with running_beem() as running:
        monkeypatch.setenv("BEEM_URL", running.url)
        monkeypatch.setenv("BEEM_REPORTS_URL", running.url)
        monkeypatch.setenv("PROVIDER_TIMEOUT_S", "0.3")
        settings.forget()
        yield running


def send() -> Answer:
    return beem.send("MIFUMO", "Habari", list(enumerate(DIGITS, 1)), ucs_2=False)


def test_an_accepted_call_has_its_request_id(simulator: RunningBeem) -> None:
    answer = send()
    assert (answer.kind, answer.invalid, answer.waits) == (Kind.ACCEPTED, 0, False)
    assert [text["dest_addr"] for text in simulator.log()] == DIGITS
    assert answer.request_id


@pytest.mark.parametrize(
    ("fault", "kind", "reason", "taken"),
    [
        ("refuse_connection", Kind.NOT_SENT, "provider_unreachable", 0),
        ("http_500", Kind.UNKNOWN, "answer_unreadable", 0),
        ("http_429", Kind.NOT_SENT, "provider_rate_limit", 0),
        ("timeout_before_accept", Kind.UNKNOWN, "no_answer", 0),
        ("timeout_after_accept", Kind.UNKNOWN, "no_answer", 2),
        ("reset_after_accept", Kind.UNKNOWN, "no_answer", 2),
        ("garbage_200", Kind.UNKNOWN, "answer_unreadable", 2),
        ("not_successful", Kind.REFUSED, "invalid_number", 0),
        ("code_102", Kind.PLATFORM, "provider_balance", 0),
        ("code_120", Kind.PLATFORM, "provider_credentials", 0),
        ("code_111", Kind.REFUSED, "invalid_sender_id", 0),
    ],
)
def test_every_fault_is_of_its_kind(simulator: RunningBeem, fault: str, kind: Kind, reason: str, taken: int) -> None:
    simulator.add_fault(fault)
    answer = send()
    assert (answer.kind, answer.reason, answer.waits) == (kind, reason, fault == "http_429")
    assert len(simulator.log()) == taken


def test_a_host_that_has_no_address_was_not_sent_to(simulator: RunningBeem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEEM_URL", "http://beem.invalid")
    monkeypatch.setattr("socket.getaddrinfo", _no_address)
    settings.forget()
    assert send().kind is Kind.NOT_SENT


def _no_address(*_: object, **__: object) -> None:
    import socket

    raise socket.gaierror(-2, "Name or service not known")


def test_wrong_credentials_are_ours_to_mend(simulator: RunningBeem) -> None:
    wrong = json.dumps({"api_key": "wrong", "secret_key": "wrong"})
    arn = beem.BeemSettings.load().beem_secret
    boto3.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=wrong)
    assert (send().kind, simulator.log()) == (Kind.PLATFORM, [])


@pytest.mark.parametrize(
    ("change", "invalid", "detail"),
    [
        ({"valid": 1, "invalid": 1}, 1, ""),
        ({"valid": 1, "duplicates": 1}, 1, ""),
        ({"valid": 0, "invalid": 2}, 2, ""),
        ({"valid": 3}, 0, "figures do not add up"),
        ({"valid": 1}, 0, "figures do not add up"),
        ({"valid": -1, "invalid": 3}, 0, "figures do not add up"),
        ({"valid": "2"}, 0, "figures do not add up"),
        ({"valid": True, "invalid": 1}, 0, "figures do not add up"),
    ],
    ids=str,
)
def test_figures_that_do_not_add_up_count_all_as_taken(
    aws_tables: Wire, change: dict[str, object], invalid: int, detail: str
) -> None:
    with responses.RequestsMock() as wire:
        wire.post(f"{URL}/v1/send", json={**GOOD, **change})
        answer = send()
    assert (answer.kind, answer.invalid, answer.detail, answer.request_id) == (Kind.ACCEPTED, invalid, detail, "7")


@pytest.mark.parametrize("request_id", [None, "", True, [], 1.5], ids=str)
def test_an_acceptance_without_a_request_id_is_unknown(aws_tables: Wire, request_id: object) -> None:
    with responses.RequestsMock() as wire:
        wire.post(f"{URL}/v1/send", json={**GOOD, "request_id": request_id})
        assert (answer := send()).kind is Kind.UNKNOWN
    assert answer.reason == "answer_without_request_id"


def test_a_redirect_is_not_followed_with_our_credentials(aws_tables: Wire) -> None:
    with responses.RequestsMock() as wire:
        wire.post(f"{URL}/v1/send", status=302, headers={"Location": f"{URL}/elsewhere"})
        assert send().kind is Kind.UNKNOWN
        assert len(wire.calls) == 1


def test_beem_tells_what_it_knows_of_one_recipient(simulator: RunningBeem) -> None:
    answer = send()
    assert answer.request_id
    reports = None
    for _ in range(100):
        reports = beem.ask(answer.request_id, DIGITS[0])
        if reports and reports[0]["status"].upper() == "DELIVERED":
            break
        time.sleep(0.02)
    assert reports
    assert [(report["dest_addr"], str(report["request_id"])) for report in reports] == [(DIGITS[0], answer.request_id)]
    assert beem.ask(answer.request_id, "255700000000") == []


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, '{"status": "DELIVERED"}', [{"status": "DELIVERED"}]),
        (200, '[{"a": 1}, 2, null]', [{"a": 1}]),
        (200, "[]", []),
        (200, '"nothing"', None),
        (200, "<html>", None),
        (302, "", None),
        (500, "[]", None),
    ],
)
def test_an_answer_about_reports_is_read_or_it_is_none(
    aws_tables: Wire, status: int, body: str, expected: object
) -> None:
    with responses.RequestsMock() as wire:
        wire.get(f"{URL}/public/v1/delivery-reports", body=body, status=status)
        assert beem.ask("7", DIGITS[0]) == expected


def test_beem_that_is_not_there_says_nothing(aws_tables: Wire) -> None:
    assert beem.ask("7", DIGITS[0]) is None


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, '{"successful": false, "code": []}', Kind.REFUSED),
        (400, '{"successful": false, "code": {"a": 1}}', Kind.REFUSED),
        (200, '{"successful": true, "code": "100", "request_id": 7}', Kind.UNKNOWN),
        (200, '{"successful": true, "code": 102}', Kind.UNKNOWN),
        (200, '{"successful": false, "code": 100}', Kind.UNKNOWN),
        (200, '{"successful": "true", "code": 100, "request_id": 7}', Kind.UNKNOWN),
        (500, '{"successful": true, "code": 100, "request_id": 7}', Kind.UNKNOWN),
        (503, '{"code": 102}', Kind.PLATFORM),
        (404, "", Kind.PLATFORM),
        (422, "", Kind.REFUSED),
        (204, "", Kind.UNKNOWN),
        (200, "[" * 100_000, Kind.UNKNOWN),
        (200, "[100]", Kind.UNKNOWN),
        (200, "null", Kind.UNKNOWN),
    ],
)
def test_no_answer_is_so_strange_that_it_has_no_kind(aws_tables: Wire, status: int, body: str, kind: Kind) -> None:
    with responses.RequestsMock() as wire:
        wire.post(f"{URL}/v1/send", body=body, status=status)
        assert send().kind is kind


def test_reports_nested_without_end_are_no_answer(aws_tables: Wire) -> None:
    with responses.RequestsMock() as wire:
        wire.get(f"{URL}/public/v1/delivery-reports", body="[" * 100_000)
        assert beem.ask("7", DIGITS[0]) is None


@pytest.mark.parametrize(("ucs_2", "encoding"), [(False, 0), (True, 8)])
def test_the_call_proves_who_we_are_and_carries_each_recipient_by_its_number(
    aws_tables: Wire, ucs_2: bool, encoding: int
) -> None:
    with responses.RequestsMock() as wire:
        wire.post(f"{URL}/v1/send", json=GOOD)
        beem.send("MIFUMO", "Habari", list(enumerate(DIGITS, 1)), ucs_2=ucs_2)
        (call,) = wire.calls
    proof = b64encode(f"{BEEM_API_KEY}:{BEEM_SECRET_KEY}".encode()).decode()
    assert call.request.headers["Authorization"] == f"Basic {proof}"
    assert call.request.headers["Connection"] == "close"
    assert json.loads(call.request.body or "") == {
        "source_addr": "MIFUMO",
        "schedule_time": "",
        "encoding": encoding,
        "message": "Habari",
        "recipients": [{"recipient_id": n, "dest_addr": digits} for n, digits in enumerate(DIGITS, 1)],
    }


@pytest.mark.parametrize("fault", [None, "code_120", "reset_after_accept", "refuse_connection", "garbage_200"])
def test_neither_log_nor_answer_holds_secrets_numbers_or_texts(
    simulator: RunningBeem, log: Lines, capfd: pytest.CaptureFixture[str], fault: str | None
) -> None:
    if fault:
        simulator.add_fault(fault)
    told = str(send()) + str(log()) + "".join(capfd.readouterr())
    for private in (BEEM_API_KEY, BEEM_SECRET_KEY, "Habari", *DIGITS):
        assert private not in told
