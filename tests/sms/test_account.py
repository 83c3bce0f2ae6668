"""The platform's account at Beem: read once an hour, shown to staff, and people are told before it runs dry."""

from typing import Any

import pytest
import requests

from functions.sms import checkup
from mifumo import settings
from sandbox.testing import BEEM_API_KEY, BEEM_SECRET_KEY
from tests.builders import CONTEXT, token
from tests.sms.world import World

STAFF = token(role="staff")


def look() -> Any:
    settings.forget()
    return checkup.handler({}, CONTEXT)


def shown(world: World) -> Any:
    status, body = world.call("GET", "/api/admin/sms/provider/", token=STAFF)
    assert status == 200, body
    return body


def ask_beem(world: World, name: str) -> None:
    """Asks Beem for a sender name, as the platform's people do in its portal."""
    requests.post(
        f"{world.beem.url}/public/v1/sender-names",
        json={"senderid": name, "sample_content": "Habari"},
        auth=(BEEM_API_KEY, BEEM_SECRET_KEY),
        timeout=5,
    ).raise_for_status()


def test_the_balance_is_read_and_shown(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(world)["balance"] is None
    read = look()["balance"]
    body = shown(world)
    assert body["balance"] == read > 1_000_000
    assert body["balance_read_at"]
    assert "ProviderBalanceLow" not in capsys.readouterr().out


def test_a_low_balance_rings(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDER_BALANCE_MIN", "1000000000")
    look()
    assert "ProviderBalanceLow" in capsys.readouterr().out
    assert shown(world)["balance"]


def test_a_provider_that_does_not_answer_leaves_what_was_read(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    look()
    before = shown(world)
    capsys.readouterr()
    monkeypatch.setenv("BEEM_URL", "http://127.0.0.1:1")
    assert look() == {"balance": None, "names": 0}
    assert "ProviderAccountUnread" in capsys.readouterr().out
    assert shown(world) == before


@pytest.mark.parametrize(
    "body", ["[]", '{"data": 5}', '{"data": {"credit_balance": "NaN"}}', '{"data": {"credit_balance": true}}', "<html>"]
)
@pytest.mark.usefixtures("world")
def test_nonsense_is_no_balance(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    answer = requests.Response()
    answer.status_code, answer._content = 200, body.encode()
    monkeypatch.setattr(requests, "get", lambda *_, **__: answer)
    assert look()["balance"] is None


def test_staff_see_how_far_a_name_is_at_beem_and_that_decides_nothing(world: World) -> None:
    wish = {"purpose": "Taarifa za miamala kwa wateja", "sample": "Ndugu mteja, muamala wako umekamilika."}
    for name in ("Quantum", "Unheard"):
        assert world.call("POST", "/api/sms/sender-ids/", {"name": name, **wish})[0] == 201
    ask_beem(world, "QUANTUM")
    look()
    assert {"name": "QUANTUM", "status": "pending"} in shown(world)["sender_names"]
    _, page = world.call("GET", "/api/admin/sms/sender-ids/", token=STAFF)
    waiting = {item["name"]: (item["status"], item["at_provider"]) for item in page["items"]}
    assert waiting == {"Quantum": ("pending", "pending"), "Unheard": ("pending", None)}
    assert "Quantum" not in world.call("GET", "/api/sms/capability/")[1]["sender_ids"]
