"""The demo's story against an API in miniature: exit code 0 only when everything adds up, a sentence otherwise."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses
from rich.console import Console

from sandbox.demo import story
from sandbox.demo.screen import Screen
from sandbox.steps import CloudError

ORIGIN = "http://127.0.0.1:8080"
STACK = {"name": "stack", "api_url": "http://localhost:8080/api", "sandbox_url": "http://localhost:8080/sandbox"}
COUNTS = {"delivered": 983, "undelivered": 4, "rejected": 4, "unknown": 9}

Answer = tuple[int, dict[str, str], str]


class MiniatureApi:
    """What the story meets: a payment that is completed and a batch that ends at the second look."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.payment_ends_as = "completed"
        self.credits_after_payment = 5_000
        self.counts = COUNTS
        self.batch_ends = True
        self.texts_twice = False
        self.looks: dict[str, int] = {}
        self.sent: dict[str, Any] = {}
        routes = {
            ("POST", "auth/register/"): self._register,
            ("GET", "billing/sms/packages/"): self._packages,
            ("POST", "billing/payments/initiate/"): self._initiate,
            ("GET", "billing/payments/p1/"): self._payment,
            ("GET", "billing/balance/"): self._balance,
            ("GET", "billing/ledger/"): self._ledger,
            ("POST", "sms/send/"): self._send,
            ("GET", "sms/batches/b1/"): self._batch,
        }
        for (method, path), answer in routes.items():
            mock.add_callback(method, f"{ORIGIN}/api/{path}", callback=self._json(answer))
        mock.add_callback("GET", f"{ORIGIN}/sandbox/beem/log", callback=self._json(self._log))

    def _json(self, answer: Any) -> Any:
        def call(request: requests.PreparedRequest) -> Answer:
            body = json.loads(request.body) if request.body else {}
            return 200, {"Content-Type": "application/json"}, json.dumps(answer(body))

        return call

    def _second_look(self, what: str) -> bool:
        self.looks[what] = self.looks.get(what, 0) + 1
        return self.looks[what] > 1

    def _register(self, body: dict[str, Any]) -> Any:
        return {"user": {"role": "owner"}, "tenant": {"name": body["business_name"]}, "tokens": {"access": "t"}}

    def _packages(self, _: Any) -> Any:
        return {"items": [{"id": "pro", "credits": 250_000}, {"id": "lite", "credits": 5_000}]}

    def _initiate(self, body: dict[str, Any]) -> Any:
        assert (body["package_id"], body["provider"]) == ("lite", "vodacom")
        assert body["phone"].startswith("0754")
        return {"id": "p1", "amount": 150_000, "currency": "TZS", "phone": "+255754321600"}

    def _payment(self, _: Any) -> Any:
        status = self.payment_ends_as if self._second_look("payment") else "pending"
        return {"id": "p1", "status": status, "failure_code": None if status == "completed" else "declined"}

    def _moves(self) -> list[tuple[str, int, int, int]]:
        bought = self.credits_after_payment
        moves = [("credit", bought, bought, 0)]
        if self.sent:
            moves += [
                ("hold", 1_000, bought - 1_000, 1_000),
                ("capture", 996, bought - 1_000, 4),
                ("release", 4, bought - 996, 0),
            ]
        return moves

    def _balance(self, _: Any) -> Any:
        return {"available": self._moves()[-1][2], "held": self._moves()[-1][3]}

    def _ledger(self, _: Any) -> Any:
        items = [
            {"seq": seq, "kind": kind, "amount": amount, "available_after": available, "held_after": held}
            for seq, (kind, amount, available, held) in enumerate(self._moves(), 1)
        ]
        return {"items": items[::-1], "next": None}

    def _send(self, body: dict[str, Any]) -> Any:
        self.sent = body
        return self._batch(body) | {"refused": [], "encoding": "GSM-7"}

    def _batch(self, _: Any) -> Any:
        ended = self.batch_ends and self._second_look("batch")
        return {
            "id": "b1",
            "status": "completed" if ended else "sending",
            "accepted": 1_000,
            "segments": 1,
            "price": 1_000,
            "charged": 996 if ended else 0,
            "counts": self.counts if ended else {"queued": 1_000},
        }

    def _log(self, _: Any) -> Any:
        log = [{"dest_addr": f"255{phone[1:]}", "message": self.sent["text"]} for phone in self.sent["recipients"]]
        return log + log[:1] if self.texts_twice else log


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[MiniatureApi]:
    monkeypatch.setattr(story, "_LOOK_AGAIN_S", 0.001)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield MiniatureApi(mock)


def tell() -> tuple[int, str]:
    out = io.StringIO()
    code = story.tell(STACK, Screen(Console(file=out, width=140)))
    return code, out.getvalue()


def test_a_story_that_adds_up_ends_with_0_and_says_where_to_look(api: MiniatureApi) -> None:
    code, told = tell()

    assert code == 0
    assert api.sent["sender_id"] == "Taarifa-SMS"
    assert len(api.sent["text"]) <= 160
    assert len(api.sent["recipients"]) == 1_000
    for words in ("The balance is 5,000 credits", "delivered", "983", "capture", "Everything adds up", "/api/docs/"):
        assert words in told


def test_every_run_is_a_new_tenant_with_a_new_text(api: MiniatureApi) -> None:
    tell()
    first = api.sent["text"]
    api.looks.clear()
    api.sent = {}

    assert tell()[0] == 0
    assert api.sent["text"] != first


def test_a_payment_that_fails_is_told_with_its_reason(api: MiniatureApi) -> None:
    api.payment_ends_as = "failed"

    with pytest.raises(CloudError, match=r"The payment ended as failed \(declined\)"):
        tell()


def test_a_package_credited_twice_is_told(api: MiniatureApi) -> None:
    api.credits_after_payment = 10_000

    with pytest.raises(CloudError, match="5,000 credits were bought, and the balance says 10,000"):
        tell()


def test_texts_that_never_end_are_told(api: MiniatureApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "_ENDED_MAX_S", 0.05)
    api.batch_ends = False

    with pytest.raises(CloudError, match="Not every text had ended"):
        tell()


def test_a_text_that_went_out_twice_ends_with_1(api: MiniatureApi) -> None:
    api.texts_twice = True

    code, told = tell()

    assert code == 1
    assert "1 numbers got the text more than once" in told
    assert "Everything adds up" not in told


def test_a_lost_delivery_report_ends_with_1(api: MiniatureApi) -> None:
    api.counts = COUNTS | {"delivered": 982, "unknown": 10}

    code, told = tell()

    assert code == 1
    assert "Beem delivered 983 texts, the batch counts 982" in told
