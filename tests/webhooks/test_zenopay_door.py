"""ZenoPay's door: proven by key and address, kept once, queued, answered fast; anything else changes nothing."""

import base64
import json
import os
from typing import Any

import pytest

from functions.webhooks import api
from mifumo import aws, clock, ids, queue, tables
from mifumo.providers import zenopay
from sandbox.testing import ZENOPAY_API_KEY
from tests.builders import CONTEXT, answer, request
from tests.wire import Crash, Wire

PAYMENT = "01m86mvt1mxhz5r76k6x5nkw8f"
ORDER = ids.as_uuid(PAYMENT)
KEY, TOKEN_KEY = ZENOPAY_API_KEY, "zeno-token-key"
BODY = {"order_id": ORDER, "payment_status": "COMPLETED", "reference": "1003020496", "metadata": {}}


def path(order_id: str = ORDER) -> str:
    return f"/api/webhooks/payments/zenopay/{zenopay.callback_token(TOKEN_KEY, order_id)}/"


def call(body: Any = BODY, *, at: str | None = None, method: str = "POST", **headers: str) -> tuple[int, Any]:
    sent = {"x-api-key": KEY, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return answer(api.handler(request(method, at or path(), body, headers=sent), CONTEXT))


def events(order_id: str = ORDER) -> list[dict[str, Any]]:
    return list(tables.query_all("ledger", f"PEV#zenopay#{order_id}", consistent=True))


def queued() -> list[dict[str, Any]]:
    found = aws.sqs().receive_message(QueueUrl=os.environ["PAYMENTS_QUEUE_URL"], MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]


@pytest.fixture
def warm(aws_tables: Wire) -> Wire:
    """A door that has read its secrets, as all calls but the first find it."""
    call()
    aws.sqs().purge_queue(QueueUrl=os.environ["PAYMENTS_QUEUE_URL"])
    aws_tables.clear()
    return aws_tables


def test_a_callback_is_kept_word_for_word_and_queued_for_one_write_and_one_message(aws_tables: Wire) -> None:
    call({**BODY, "order_id": ids.as_uuid(ids.new())}, x_api_key=KEY)  # another order's token: refused, secrets read
    aws_tables.clear()
    assert call() == (200, {"status": "received"})
    assert aws_tables.calls == ["PutItem", "SendMessageBatch"]
    (event,) = events()
    assert json.loads(event["body"]) == BODY
    (message,) = queued()
    assert message["payment_id"] == PAYMENT
    assert message["received_at"] == event["received_at"]
    assert message["event"] == {"provider": "zenopay", "order": ORDER, "digest": event["sk"].removeprefix("E#")}


def test_a_repetition_is_kept_once_and_still_looked_into(warm: Wire) -> None:
    for _ in range(3):
        assert call()[0] == 200
    assert warm.calls == ["PutItem", "SendMessageBatch"] * 3
    assert len(events()) == 1


def test_fields_that_nobody_has_heard_of_are_kept(warm: Wire) -> None:
    assert call({**BODY, "transid": "CEJ3I3SETSN", "amount": 150_000, "new": {"deep": [1]}})[0] == 200
    assert len(events()) == 2
    assert warm.count("PutItem") == 1


@pytest.mark.parametrize("shown", ["wrong", "", KEY[:-1], f"{KEY} ", "ключ"])
def test_a_wrong_key_is_refused_and_nothing_is_kept(warm: Wire, shown: str) -> None:
    status, problem = call({**BODY, "reference": "forged"}, x_api_key=shown)
    assert (status, problem["code"]) == (403, "callback_refused")
    assert (len(events()), queued()) == (1, [])
    assert warm.count("PutItem", "SendMessageBatch") == 0


def test_a_call_without_the_key_is_refused(warm: Wire) -> None:
    event = request("POST", path(), BODY)
    assert answer(api.handler(event, CONTEXT))[0] == 403
    assert warm.count("PutItem", "SendMessageBatch") == 0


@pytest.mark.parametrize("token", ["forged", "x" * 43, zenopay.callback_token("another-key", ORDER), "%2e%2e%2f"])
def test_an_address_that_we_did_not_make_is_refused(warm: Wire, token: str) -> None:
    status, _ = call({**BODY, "reference": "forged"}, at=f"/api/webhooks/payments/zenopay/{token}/")
    assert status in {403, 404}
    assert (len(events()), queued()) == (1, [])
    assert warm.count("PutItem", "SendMessageBatch") == 0


def test_one_orders_address_does_not_speak_for_another(warm: Wire) -> None:
    other = ids.as_uuid(ids.new())
    assert call({**BODY, "order_id": other})[0] == 403
    assert events(other) == []
    assert warm.count("PutItem", "SendMessageBatch") == 0


@pytest.mark.parametrize("body", ["", "nonsense", "[]", "{}", '{"order_id": 7}', '{"order_id": "7"}', "[" * 60_000])
def test_a_body_without_an_order_is_refused(warm: Wire, body: str) -> None:
    status, problem = call(body)
    assert (status, problem["code"]) == (422, "validation_failed")
    assert warm.count("PutItem", "SendMessageBatch") == 0


def test_a_body_larger_than_any_callback_is_refused_before_it_is_read(warm: Wire) -> None:
    assert call({**BODY, "metadata": {"x": "y" * 65_536}})[0] == 413
    assert call({**BODY, "metadata": {"x": "y" * 300_000}})[0] == 413
    assert warm.count("PutItem", "SendMessageBatch") == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
def test_only_json_is_taken(warm: Wire, kind: str) -> None:
    assert call(content_type=kind)[0] == 415
    assert warm.count("PutItem", "SendMessageBatch") == 0


def test_json_may_name_its_charset_and_come_in_base64(warm: Wire) -> None:
    assert call(content_type="Application/JSON; charset=utf-8")[0] == 200
    event = request("POST", path(), json.dumps(BODY), headers={"x-api-key": KEY})
    event["body"], event["isBase64Encoded"] = base64.b64encode(event["body"].encode()).decode(), True
    assert answer(api.handler(event, CONTEXT))[0] == 200
    assert len(events()) == 1  # the same bytes, however they travelled
    assert warm.count("SendMessageBatch") == 2


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_not_allowed(warm: Wire, method: str) -> None:
    assert call(method=method)[0] == 405
    assert warm.calls == []


def test_a_key_that_was_never_put_in_opens_nothing(aws_tables: Wire) -> None:
    secret = json.dumps({"api_key": "", "token_key": ""})
    aws.secrets_manager().put_secret_value(SecretId=os.environ["ZENOPAY_SECRET"], SecretString=secret)
    empty = f"/api/webhooks/payments/zenopay/{zenopay.callback_token('', ORDER)}/"
    assert call(at=empty, x_api_key="")[0] == 403
    assert aws_tables.count("PutItem") == 0


def test_a_key_that_was_replaced_is_known_half_a_minute_later(warm: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = json.dumps({"api_key": "new-key", "token_key": TOKEN_KEY})
    aws.secrets_manager().put_secret_value(SecretId=os.environ["ZENOPAY_SECRET"], SecretString=secret)
    assert call(x_api_key="new-key")[0] == 403
    read_at = clock.epoch()
    monkeypatch.setattr(clock, "epoch", lambda at=None: read_at + 31)
    assert call(x_api_key="new-key")[0] == 200
    for _ in range(20):
        assert call(x_api_key="forged")[0] == 403
    assert warm.count("GetSecretValue") == 1  # a flood of forged calls does not flood Secrets Manager


@pytest.mark.parametrize("after", [False, True])
def test_a_door_that_dies_has_not_answered_and_the_repetition_completes_it(warm: Wire, *, after: bool) -> None:
    for number in range(2):
        body = {**BODY, "reference": f"{number}{after}"}
        warm.cut(number, after=after)
        with pytest.raises(Crash):
            call(body)
        warm.mend()
        assert call(body)[0] == 200
        assert any(message["payment_id"] == PAYMENT for message in queued())


def test_a_queue_that_takes_nothing_makes_the_provider_come_again(warm: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "send", lambda *_, **__: 1)
    status, problem = call()
    assert (status, problem["retryable"]) == (503, True)
    assert warm.count("SendMessageBatch") == 0
