"""Beem's door: a report goes into the queue as it came, for one message and no read or write."""

from typing import Any

import pytest

from functions.webhooks import api
from mifumo.observability import logger
from tests.builders import CONTEXT, answer, request
from tests.queues import taken
from tests.wire import Wire

PATH = "/api/webhooks/sms/beem/beem-token/"
REPORT = {
    "dest_addr": "255754123456",
    "request_id": 1234,
    "recipient_id": 1,
    "status": "DELIVERED",
    "timestamp": "2026-01-31 09:30:00",
}


def call(body: Any = REPORT, at: str = PATH, method: str = "POST", **headers: str) -> tuple[int, Any]:
    return answer(api.handler(request(method, at, body, headers=headers), CONTEXT))


def queued() -> list[dict[str, Any]]:
    return taken("RECEIPTS")


@pytest.fixture
def warm(aws_tables: Wire) -> Wire:
    call(at="/api/webhooks/sms/beem/warms-the-secret/")
    aws_tables.clear()
    return aws_tables


def test_a_report_is_queued_raw_for_one_call(warm: Wire) -> None:
    assert call() == (200, {"status": "received"})
    assert warm.calls == ["SendMessageBatch"]
    (message,) = queued()
    assert (message["provider"], message["report"]) == ("beem", REPORT)
    assert message["received_at"].endswith("Z")


def test_a_list_of_reports_is_queued_one_by_one(warm: Wire) -> None:
    reports = [{**REPORT, "recipient_id": number} for number in range(1, 13)]
    assert call(reports)[0] == 200
    assert warm.calls == ["SendMessageBatch"] * 2
    assert sorted(message["report"]["recipient_id"] for message in queued()) == list(range(1, 13))


@pytest.mark.parametrize("token", ["wrong", "beem-toke", "beem-token2", "BEEM-TOKEN"])
def test_a_wrong_token_is_refused_and_nothing_is_queued(warm: Wire, token: str) -> None:
    status, problem = call(at=f"/api/webhooks/sms/beem/{token}/")
    assert (status, problem["code"]) == (403, "callback_refused")
    assert (warm.count("SendMessageBatch"), queued()) == (0, [])


@pytest.mark.parametrize("body", ["", "null", "7", '"text"', "[]", "[1]", "[{}, 1]", "{", "[" * 60_000])
def test_what_is_no_report_is_refused(warm: Wire, body: str) -> None:
    status, problem = call(body)
    assert (status, problem["code"]) == (422, "validation_failed")
    assert warm.calls == []


def test_more_than_a_hundred_reports_or_64_kb_are_refused(warm: Wire) -> None:
    assert call([{}] * 101)[0] == 422
    assert call({"dest_addr": "7" * 65_536})[0] == 413
    assert warm.calls == []


def test_only_json_by_post_is_taken(warm: Wire) -> None:
    assert call(**{"content-type": "text/plain"})[0] == 415
    assert call(method="GET")[0] == 405
    assert warm.calls == []


def test_a_million_reports_write_no_million_lines(warm: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(logger, "info", lambda *_, **__: lines.append("info"))
    assert call()[0] == 200
    assert (lines, warm.count()) == ([], 1)


def test_a_text_from_a_phone_is_queued_raw_for_one_call(warm: Wire) -> None:
    text = {"from": "255712345678", "to": "255699000000", "message": {"text": "STOP"}}
    assert call(text, at=PATH + "inbound/") == (200, {"status": "received"})
    assert warm.calls == ["SendMessageBatch"]
    (message,) = queued()
    assert (message["provider"], message["inbound"]) == ("beem", text)


def test_a_text_without_beems_token_is_refused(warm: Wire) -> None:
    status, problem = call({"from": "255712345678", "message": "STOP"}, at="/api/webhooks/sms/beem/wrong/inbound/")
    assert (status, problem["code"], queued()) == (403, "callback_refused", [])
