"""Bodies of callbacks as networks leave them: compressed, marked, with other line ends; and what opens a door."""

import base64
import gzip
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from functions.webhooks import api, proofs
from mifumo import ids, settings, tables
from mifumo.providers import clickpesa_checksum, zenopay
from sandbox.pawapay.signer import Signer
from sandbox.testing import CLICKPESA_CHECKSUM_KEY, ZENOPAY_API_KEY, RunningPawaPay, running_pawapay
from tests.builders import CONTEXT, answer, request
from tests.wire import Wire

ORDER = ids.as_uuid("01m86mvt1mxhz5r76k6x5nkw8f")
ORIGIN = "http://pay.example"
MARK = "\ufeff"
# What leaves a callback the same JSON, and other bytes.
CHANGES: dict[str, Callable[[str], str]] = {
    "byte order mark": lambda text: f"{MARK}{text}",
    "crlf": lambda text: text.replace("\n", "\r\n"),
    "crlf at the end": lambda text: text + "\r\n",
    "no line ends": lambda text: text.replace("\n", ""),
}
changed = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


class Sender:
    """A provider that says of an order that it is paid, and proves what it sends over the bytes that it is given."""

    def __init__(self, name: str) -> None:
        self.name = name

    def text(self) -> str:
        """Writes a callback over several lines."""
        words: dict[str, dict[str, Any]] = {
            "zenopay": {"order_id": ORDER, "payment_status": "COMPLETED", "reference": "1"},
            "pawapay": {"depositId": ORDER, "status": "COMPLETED", "amount": "150000.00", "currency": "TZS"},
            "clickpesa": {"event": "PAYMENT RECEIVED", "data": {"orderReference": ORDER.replace("-", "")}},
        }
        said = words[self.name]
        if self.name == "clickpesa":
            said["checksum"] = clickpesa_checksum.of(said, CLICKPESA_CHECKSUM_KEY)
        return json.dumps(said, indent=1)

    def proof(self, body: str) -> dict[str, str]:
        """Returns the headers that prove a body."""
        if self.name == "pawapay":
            return dict(Signer().headers(f"{ORIGIN}{proofs.PAWAPAY_PATH}", body.encode(), None))
        return {"x-api-key": ZENOPAY_API_KEY} if self.name == "zenopay" else {}

    def path(self) -> str:
        token = f"{zenopay.callback_token('zeno-token-key', ORDER)}/" if self.name == "zenopay" else ""
        return f"/api/webhooks/payments/{self.name}/{token}"

    def send(self, body: str | bytes, headers: dict[str, str]) -> tuple[int, Any]:
        sent = {name.lower(): value for name, value in headers.items()}
        event = request("POST", self.path(), body if isinstance(body, str) else "", headers=sent)
        if isinstance(body, bytes):  # as the gateway hands on what is no text
            event["body"], event["isBase64Encoded"] = base64.b64encode(body).decode(), True
        return answer(api.handler(event, CONTEXT))

    def kept(self) -> list[str]:
        return [event["body"] for event in tables.query_all("ledger", f"PEV#{self.name}#{ORDER}", consistent=True)]


@pytest.fixture(scope="module")
def keys() -> Any:
    """Publishes the keys that pawaPay signs with."""
    with running_pawapay() as simulator:
        yield simulator


@pytest.fixture(params=["zenopay", "pawapay", "clickpesa"])
def sender(
    request: pytest.FixtureRequest, aws_tables: Wire, keys: RunningPawaPay, monkeypatch: pytest.MonkeyPatch
) -> Sender:
    monkeypatch.setenv("PAWAPAY_URL", keys.url)
    monkeypatch.setenv("PUBLIC_URL", ORIGIN)
    settings.forget()
    return Sender(request.param)


@changed
def test_a_mark_and_line_ends_are_part_of_what_is_proven_and_no_hindrance_to_reading_it(
    sender: Sender, change: Callable[[str], str]
) -> None:
    body = change(sender.text())
    if sender.name == "clickpesa" and body.startswith(MARK):  # no JSON, so there is no one way to write it
        assert sender.send(body, sender.proof(body))[0] == 401
        assert sender.kept() == []
        return
    assert sender.send(body, sender.proof(body)) == (200, {"status": "received"})
    assert sender.kept() == [body], "word for word"


@changed
@pytest.mark.parametrize("sender", ["pawapay"], indirect=True)
def test_a_mark_or_line_ends_that_came_after_the_signature_break_it(
    sender: Sender, change: Callable[[str], str]
) -> None:
    text = sender.text()
    assert sender.send(change(text), sender.proof(text))[0] == 401
    assert sender.kept() == []


LINE_ENDS = {name: change for name, change in CHANGES.items() if name != "byte order mark"}


@pytest.mark.parametrize("change", LINE_ENDS.values(), ids=LINE_ENDS)
@pytest.mark.parametrize("sender", ["clickpesa"], indirect=True)
def test_a_checksum_is_over_what_is_said_and_not_over_how_it_is_laid_out(
    sender: Sender, change: Callable[[str], str]
) -> None:
    body = change(sender.text())
    assert sender.send(body, {})[0] == 200
    assert sender.send(body.replace("RECEIVED", "REFUSED!"), {})[0] == 401
    assert sender.kept() == [body]


def test_a_body_that_is_no_text_is_refused(sender: Sender) -> None:
    body = sender.text().encode().replace(b"COMPLETED", b"\xff\xfe").replace(b"RECEIVED", b"\xff\xfe")
    assert sender.send(body, sender.proof(sender.text()))[0] in {401, 422}
    assert sender.kept() == []


@pytest.mark.parametrize("size", [200, 60_000_000], ids=["small", "bomb"])
def test_a_compressed_body_is_refused_and_never_unpacked(sender: Sender, aws_tables: Wire, size: int) -> None:
    body = gzip.compress(sender.text().encode() + b" " * size)
    assert len(body) < 64 * 1024
    status, problem = sender.send(body, {**sender.proof(sender.text()), "content-encoding": "gzip"})
    assert (status, problem["code"]) in {(415, "unsupported_media_type"), (422, "validation_failed")}
    assert aws_tables.count("PutItem", "SendMessageBatch") == 0


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "GZIP", "identity, gzip"])
def test_a_body_that_says_it_is_compressed_is_refused_even_when_it_is_not(sender: Sender, encoding: str) -> None:
    body = sender.text()
    status, problem = sender.send(body, {**sender.proof(body), "content-encoding": encoding})
    assert (status, problem["code"]) == (415, "unsupported_media_type")
    assert sender.kept() == []
    assert sender.send(body, {**sender.proof(body), "content-encoding": "identity"})[0] == 200


@pytest.mark.parametrize("sender", ["zenopay", "clickpesa"], indirect=True)
def test_nothing_but_a_comparison_in_constant_time_decides_about_a_secret(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a comparison that always says yes, every guess is right: so nothing else has looked at the guess."""
    guess = sender.text().replace('"checksum": "', '"checksum": "0')
    headers = {"x-api-key": "a guess"}
    if sender.name == "zenopay":
        monkeypatch.setattr(sender, "path", lambda: "/api/webhooks/payments/zenopay/a-guess/")
    assert sender.send(guess, headers)[0] in {401, 403}
    compared: list[tuple[bytes, bytes]] = []

    def yes(shown: bytes, known: bytes) -> bool:
        compared.append((shown, known))
        return True

    monkeypatch.setattr(hmac, "compare_digest", yes)
    assert sender.send(guess, headers)[0] == 200
    assert len(compared) == (2 if sender.name == "zenopay" else 1)
    assert all(isinstance(side, bytes) for pair in compared for side in pair)
