"""The doors of the providers that sign: what is theirs and fresh is kept and queued, what is late is a hint, and the
rest changes nothing. The simulators sign, with the keys that they publish; what they sent is handed to the door.
"""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from functions.webhooks import api, proofs
from functions.webhooks.key_ring import AGAIN_AFTER_S
from mifumo import aws, clock, ids, provider_events, settings, tables
from mifumo.phone import Msisdn
from mifumo.providers import clickpesa_checksum
from mifumo.providers.clickpesa import ClickPesa
from mifumo.providers.pawapay import PawaPay
from mifumo.providers.payments import Push, Refund
from sandbox.doorstep import Call, Doorstep, open_doorstep
from sandbox.testing import (
    CLICKPESA_API_KEY,
    CLICKPESA_CHECKSUM_KEY,
    CLICKPESA_CLIENT_ID,
    PAWAPAY_TOKEN,
    RunningClickPesa,
    RunningPawaPay,
    running_clickpesa,
    running_pawapay,
)
from tests.builders import CONTEXT, answer, request
from tests.wire import Wire

PAYMENT = ids.derived_uuid("a", "payment")
ORDER = ids.as_uuid(PAYMENT)
CLICKPESA_PATH = "/api/webhooks/payments/clickpesa/"
REFUND = "f4401bd2-1568-4140-bf2d-eb77d2b2b639"
PUSH = Push(ORDER, 150_000, Msisdn("+255763456789"), "Duka", "", "")


def give(call: Call, *, path: str, body: bytes | None = None, method: str = "POST", **more: str) -> tuple[int, Any]:
    """Hands a call that a simulator has made to the door, with another body or other headers if they are given."""
    headers = {**call.headers, **{name.replace("_", "-"): value for name, value in more.items()}}
    return answer(api.handler(request(method, path, (body or call.raw).decode(), headers=headers), CONTEXT))


def events(provider: str) -> list[dict[str, Any]]:
    return list(tables.query_all("ledger", f"PEV#{provider}#{ORDER}", consistent=True))


def queued() -> list[dict[str, Any]]:
    found = aws.sqs().receive_message(QueueUrl=os.environ["PAYMENTS_QUEUE_URL"], MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]


def nothing_kept(wire: Wire) -> bool:
    return wire.count("PutItem", "SendMessageBatch") == 0


@dataclass
class PawaPayDoor:
    """pawaPay's simulator and what it sent, signed for the address that our door has in its settings."""

    simulator: RunningPawaPay
    step: Doorstep
    wire: Wire
    seen: int = 0

    def sent(self, *faults: str) -> Call:
        """Has a deposit paid, or told of once more, and returns the callback."""
        for fault in faults:
            self.simulator.add_fault(fault)
        if self.seen:
            self.simulator.call_back(ORDER)
        else:
            PawaPay(url=self.simulator.url, token=PAWAPAY_TOKEN, timeout_s=2).initiate(PUSH)
        self.seen += 1
        self.step.wait_for(self.seen)
        self.wire.clear()
        return self.step.calls[self.seen - 1]

    def take(self, call: Call, **changes: Any) -> tuple[int, Any]:
        return give(call, path=proofs.PAWAPAY_PATH, **changes)


@pytest.fixture
def pawa(aws_tables: Wire, monkeypatch: pytest.MonkeyPatch) -> Iterator[PawaPayDoor]:
    with open_doorstep() as step, running_pawapay() as simulator:
        origin = f"http://{urlsplit(step.url).netloc}"
        monkeypatch.setenv("PAWAPAY_URL", simulator.url)
        monkeypatch.setenv("PUBLIC_URL", origin)
        settings.forget()
        simulator.set_callback(f"{origin}{proofs.PAWAPAY_PATH}")
        yield PawaPayDoor(simulator, step, aws_tables)


def test_a_signed_callback_is_kept_with_its_proof_and_queued(pawa: PawaPayDoor) -> None:
    call = pawa.sent()
    assert pawa.take(call) == (200, {"status": "received"})
    (event,) = events("pawapay")
    assert (event["body"], event["proof"]) == (call.raw.decode(), "signed_fresh")
    (message,) = queued()
    assert message["payment_id"] == PAYMENT
    assert message["event"]["provider"] == "pawapay"
    pawa.wire.clear()
    assert pawa.take(call)[0] == 200  # replayed within its minute: known, and looked into once more
    assert pawa.wire.calls == ["PutItem", "SendMessageBatch"]
    assert len(events("pawapay")) == 1


def test_a_refund_callback_is_kept_with_its_proof_and_queued_under_the_refunds_id(pawa: PawaPayDoor) -> None:
    pawa.sent()
    told_at = urlsplit(pawa.step.url)._replace(path=proofs.PAWAPAY_REFUNDS_PATH).geturl()
    pawa.simulator.set_callback(None, refunds=told_at)
    client = PawaPay(url=pawa.simulator.url, token=PAWAPAY_TOKEN, timeout_s=2)
    assert client.refund(Refund(REFUND, ORDER, PUSH.amount_tzs)).initiation == "accepted"
    pawa.step.wait_for(2)
    call = pawa.step.calls[1]
    assert give(call, path=proofs.PAWAPAY_REFUNDS_PATH) == (200, {"status": "received"})
    (event,) = provider_events.told("pawapay", REFUND)
    assert (event["body"], event["proof"]) == (call.raw.decode(), "signed_fresh")
    (message,) = queued()
    assert (message["refund_id"], message["event"]["order"]) == (ids.of_uuid(REFUND), REFUND)
    assert "payment_id" not in message
    pawa.wire.clear()
    assert pawa.take(call)[0] == 401  # signed for another address
    assert nothing_kept(pawa.wire)


def test_a_refund_callback_of_no_refund_is_refused(pawa: PawaPayDoor) -> None:
    pawa.simulator.set_callback(urlsplit(pawa.step.url)._replace(path=proofs.PAWAPAY_REFUNDS_PATH).geturl())
    status, problem = give(pawa.sent(), path=proofs.PAWAPAY_REFUNDS_PATH)
    assert (status, [error["pointer"] for error in problem["errors"]]) == (422, ["/refundId"])
    assert nothing_kept(pawa.wire)


def test_word_of_a_statement_is_proven_answered_and_not_kept(pawa: PawaPayDoor) -> None:
    told_at = f"{urlsplit(pawa.step.url)._replace(path=proofs.PAWAPAY_STATEMENTS_PATH).geturl()}"
    dates = {"startDate": "2026-01-01T00:00:00", "endDate": "2026-01-02T00:00:00"}
    wanted = {"wallet": {"country": "TZA", "currency": "TZS"}, "callbackUrl": told_at, **dates}
    asked = requests.post(
        f"{pawa.simulator.url}/v2/statements",
        json=wanted,
        headers={"Authorization": f"Bearer {PAWAPAY_TOKEN}"},
        timeout=5,
    )
    assert asked.json()["status"] == "ACCEPTED"
    pawa.step.wait_for(1)
    call = pawa.step.calls[0]
    pawa.wire.clear()
    assert give(call, path=proofs.PAWAPAY_STATEMENTS_PATH) == (200, {"status": "received"})
    assert pawa.take(call)[0] == 401  # signed for another address
    assert nothing_kept(pawa.wire)


def test_r_and_s_side_by_side_are_as_good_as_the_asn1_form(pawa: PawaPayDoor) -> None:
    assert pawa.take(pawa.sent("sign_raw"))[0] == 200
    assert len(events("pawapay")) == 1


def test_a_body_that_came_in_base_64_is_verified_over_its_bytes(pawa: PawaPayDoor) -> None:
    call = pawa.sent()
    event = request("POST", proofs.PAWAPAY_PATH, "", headers=dict(call.headers))
    event["body"], event["isBase64Encoded"] = base64.b64encode(call.raw).decode(), True
    assert answer(api.handler(event, CONTEXT))[0] == 200


@pytest.mark.parametrize("fault", ["unsigned", "sign_with_another_key", "body_changed"])
def test_what_is_not_pawapays_own_word_is_refused_and_nothing_of_it_is_kept(pawa: PawaPayDoor, fault: str) -> None:
    status, problem = pawa.take(pawa.sent(fault))
    assert (status, problem["code"]) == (401, "signature_refused")
    assert nothing_kept(pawa.wire)


def test_a_signature_that_has_run_out_makes_the_callback_a_hint(pawa: PawaPayDoor) -> None:
    assert pawa.take(pawa.sent("sign_stale"))[0] == 200
    (event,) = events("pawapay")
    assert event["proof"] == "stale"
    assert len(queued()) == 1


def test_a_captured_callback_is_a_hint_two_minutes_later(pawa: PawaPayDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    call, sent_at = pawa.sent(), clock.epoch()
    monkeypatch.setattr(clock, "epoch", lambda at=None: sent_at + 130)
    assert pawa.take(call)[0] == 200
    (event,) = events("pawapay")
    assert event["proof"] == "stale"


def test_a_signature_for_another_host_or_method_opens_nothing(
    pawa: PawaPayDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = pawa.sent()
    assert pawa.take(call, method="PUT")[0] == 405
    monkeypatch.setenv("PUBLIC_URL", "https://api.example")
    settings.forget()
    assert pawa.take(call, host=urlsplit(pawa.step.url).netloc)[0] == 401  # what the call says of itself counts nothing
    assert nothing_kept(pawa.wire)


def test_an_unknown_key_is_looked_up_once_and_then_refused(pawa: PawaPayDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pawa.take(pawa.sent())[0] == 200
    pawa.simulator.rotate_key()
    call, later = pawa.sent(), clock.now().timestamp() + AGAIN_AFTER_S + 1
    assert pawa.take(call)[0] == 401  # the keys were read a moment ago
    assert nothing_kept(pawa.wire)
    monkeypatch.setattr(clock, "now", lambda: datetime.fromtimestamp(later, UTC))
    assert pawa.take(call)[0] == 200


@pytest.mark.parametrize("fault", ["keys_500", "keys_timeout"])
def test_as_long_as_the_keys_cannot_be_read_pawapay_is_asked_to_come_again(pawa: PawaPayDoor, fault: str) -> None:
    status, problem = pawa.take(pawa.sent(fault))
    assert (status, problem["retryable"]) == (503, True)
    assert nothing_kept(pawa.wire)


def test_without_a_token_no_signature_is_believed_and_no_key_asked_for(pawa: PawaPayDoor) -> None:
    aws.secrets_manager().put_secret_value(SecretId=os.environ["PAWAPAY_SECRET"], SecretString='{"token": ""}')
    assert pawa.take(pawa.sent())[0] == 401
    assert nothing_kept(pawa.wire)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_of_a_callbacks_size_is_taken(pawa: PawaPayDoor, kind: str) -> None:
    call = pawa.sent()
    assert pawa.take(call, content_type=kind)[0] == 415
    assert pawa.take(call, body=b" " * 70_000)[0] == 413
    assert nothing_kept(pawa.wire)


@dataclass
class ClickPesaDoor:
    """ClickPesa's simulator and what it sent."""

    simulator: RunningClickPesa
    step: Doorstep
    wire: Wire

    def sent(self, *faults: str) -> Call:
        for fault in faults:
            self.simulator.add_fault(fault)
        ClickPesa(
            url=self.simulator.url,
            client_id=CLICKPESA_CLIENT_ID,
            api_key=CLICKPESA_API_KEY,
            checksum_key=CLICKPESA_CHECKSUM_KEY,
            timeout_s=2,
        ).initiate(PUSH)
        self.step.wait_for(1)
        self.wire.clear()
        return self.step.calls[0]

    def take(self, call: Call, **changes: Any) -> tuple[int, Any]:
        return give(call, path=CLICKPESA_PATH, **changes)


@pytest.fixture
def click(aws_tables: Wire) -> Iterator[ClickPesaDoor]:
    with open_doorstep() as step, running_clickpesa(step.url) as simulator:
        yield ClickPesaDoor(simulator, step, aws_tables)


@pytest.mark.parametrize("faults", [(), ("sign_in_header",)])
def test_a_checksummed_callback_is_kept_with_its_proof_and_queued(
    click: ClickPesaDoor, faults: tuple[str, ...]
) -> None:
    call = click.sent(*faults)
    for _ in range(2):
        assert click.take(call) == (200, {"status": "received"})
    (event,) = events("clickpesa")
    assert (event["body"], event["proof"]) == (call.raw.decode(), "signed")
    assert [message["payment_id"] for message in queued()] == [PAYMENT] * 2


@pytest.mark.parametrize("fault", ["unsigned", "sign_with_another_key", "body_changed"])
def test_what_is_not_clickpesas_own_word_is_refused_and_nothing_of_it_is_kept(click: ClickPesaDoor, fault: str) -> None:
    status, problem = click.take(click.sent(fault))
    assert (status, problem["code"]) == (401, "signature_refused")
    assert nothing_kept(click.wire)


def test_the_order_of_the_keys_does_not_matter_and_the_way_a_number_is_written_does(click: ClickPesaDoor) -> None:
    sent = json.loads(click.sent().raw)
    turned = dict(reversed(sent.items()))
    assert click.take(click.step.calls[0], body=json.dumps(turned, ensure_ascii=False).encode())[0] == 200
    rewritten = {**sent, "data": {**sent["data"], "collectedAmount": 150_000}}
    assert click.take(click.step.calls[0], body=json.dumps(rewritten).encode())[0] == 401


def test_a_key_that_was_replaced_is_known_half_a_minute_later(
    click: ClickPesaDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = click.sent()
    assert click.take(call)[0] == 200
    secret = {"client_id": "c", "api_key": "k", "checksum_key": "another key"}
    aws.secrets_manager().put_secret_value(SecretId=os.environ["CLICKPESA_SECRET"], SecretString=json.dumps(secret))
    payload = {name: value for name, value in json.loads(call.raw).items() if not name.startswith("checksum")}
    signed = {**payload, "checksum": clickpesa_checksum.of(payload, "another key")}
    body = json.dumps(signed, ensure_ascii=False).encode()
    assert click.take(call, body=body)[0] == 401
    read_at = clock.epoch()
    monkeypatch.setattr(clock, "epoch", lambda at=None: read_at + 31)
    assert click.take(call, body=body)[0] == 200


def test_a_key_that_was_never_put_in_proves_nothing(click: ClickPesaDoor) -> None:
    call = click.sent()
    aws.secrets_manager().put_secret_value(SecretId=os.environ["CLICKPESA_SECRET"], SecretString='{"checksum_key": ""}')
    payload = {name: value for name, value in json.loads(call.raw).items() if not name.startswith("checksum")}
    body = json.dumps({**payload, "checksum": clickpesa_checksum.of(payload, "")}, ensure_ascii=False).encode()
    assert click.take(call, body=body)[0] == 401


@pytest.mark.parametrize("data", [{}, {"orderReference": 7}, {"orderReference": ORDER}, {"orderReference": "x" * 32}])
def test_a_proven_callback_of_no_order_of_ours_is_refused(click: ClickPesaDoor, data: dict[str, Any]) -> None:
    payload = {"event": "PAYMENT RECEIVED", "data": data}
    body = json.dumps({**payload, "checksum": clickpesa_checksum.of(payload, CLICKPESA_CHECKSUM_KEY)}).encode()
    assert click.take(click.sent(), body=body)[0] == 422
    assert nothing_kept(click.wire)


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b'{"a": 1, "a": 2}', b"[" * 60_000])
def test_a_body_that_is_no_object_proves_nothing(click: ClickPesaDoor, body: bytes) -> None:
    assert click.take(click.sent(), body=body or b" ")[0] == 401
    assert nothing_kept(click.wire)
