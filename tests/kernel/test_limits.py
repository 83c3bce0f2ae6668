"""Limits at the door: how many requests, how large a body, how deep, and what every answer tells of it."""

import base64
import json
from typing import Any

import pytest

from mifumo import buckets, clock, keys, settings
from mifumo.bodies import BYTES_MAX, DEPTH_MAX, too_deep
from mifumo.http import Api, api, needs, public
from mifumo.modes import Mode
from mifumo.permissions import Action
from mifumo.wire import Request
from tests.builders import CONTEXT, answer, request, token
from tests.wire import Wire


class Thing(Request):
    size: int | None = None
    inside: Any = None


@pytest.fixture
def app(aws_tables: Wire, monkeypatch: pytest.MonkeyPatch) -> Api:
    for kind in ("IP", "TENANT", "KEY"):
        monkeypatch.setenv(f"REQUESTS_PER_{kind}", "40")
    settings.forget()
    buckets.forget()
    app = api()

    @app.get("/open/")
    @public
    def open_to_all() -> dict[str, str]:
        return {}

    @app.get("/closed/")
    @needs(Action.SMS_READ)
    def closed() -> dict[str, str]:
        return {}

    @app.post("/things/")
    @public
    def things(thing: Thing) -> dict[str, Any]:
        return {"size": thing.size}

    return app


def ask(app: Api, *args: Any, **options: Any) -> tuple[int, Any, dict[str, str]]:
    response = app.resolve(request(*args, **options), CONTEXT)
    return *answer(response), response["headers"]


def flood(app: Api, times: int, *args: Any, **options: Any) -> list[int]:
    return [ask(app, *args, **options)[0] for _ in range(times)]


def test_an_address_has_so_many_requests_a_minute_on_public_routes(app: Api) -> None:
    assert flood(app, 42, "GET", "/open/") == [200] * 40 + [429] * 2
    assert ask(app, "GET", "/open/", ip="41.59.1.1")[0] == 200


def test_a_refusal_says_when_to_come_back_and_changes_nothing(app: Api, aws_tables: Wire) -> None:
    flood(app, 40, "GET", "/open/")
    aws_tables.clear()
    status, problem, headers = ask(app, "GET", "/open/")
    assert (status, problem["code"], problem["retryable"]) == (429, "rate_limited", True)
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert headers["RateLimit"].startswith('"address";r=0;t=')
    assert headers["RateLimit-Policy"] == '"address";q=40;w=60'
    assert flood(app, 20, "GET", "/open/") == [429] * 20
    assert aws_tables.count() == 0, "a refusal is remembered: a flood costs nothing"


def test_requests_cost_one_write_for_each_block(app: Api, aws_tables: Wire) -> None:
    aws_tables.clear()
    flood(app, 40, "GET", "/open/")
    assert aws_tables.count("UpdateItem") == 21, "one request, then blocks of a twentieth of 40"
    assert aws_tables.count() == 21


def test_a_quiet_tenant_may_meet_a_new_process_with_each_request(app: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.epoch_ms()  # requests come back with time, and a busy machine takes some
    monkeypatch.setattr(clock, "epoch_ms", lambda: now)
    for _ in range(40):
        assert ask(app, "GET", "/closed/", token=token(tenant="quiet"))[0] == 200
        buckets.forget()
    assert ask(app, "GET", "/closed/", token=token(tenant="quiet"))[0] == 429


def test_a_tenant_has_its_own_requests_and_so_has_each_key(app: Api) -> None:
    assert flood(app, 41, "GET", "/closed/", token=token(tenant="busy"))[-1] == 429
    assert ask(app, "GET", "/closed/", token=token(tenant="calm"))[0] == 200


def test_the_requests_of_a_tenant_come_back_with_time(app: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    flood(app, 41, "GET", "/open/")
    later = clock.epoch_ms() + 30_000
    monkeypatch.setattr(clock, "epoch_ms", lambda: later)
    assert flood(app, 21, "GET", "/open/").count(200) == 20


def test_who_proves_nothing_uses_up_their_address(app: Api) -> None:
    assert flood(app, 42, "GET", "/closed/", token="garbage") == [401] * 40 + [429] * 2
    assert flood(app, 1, "GET", "/closed/", token=keys.mint(Mode.LIVE)) == [429]
    assert ask(app, "GET", "/closed/", token=token())[0] == 200, "a good token is not held up by its neighbours"


def test_every_answer_tells_what_is_left(app: Api) -> None:
    _, _, headers = ask(app, "GET", "/closed/", token=token())
    assert headers["RateLimit"].startswith('"tenant";r=39;t=')
    _, _, refused = ask(app, "GET", "/closed/")
    assert refused["RateLimit"].startswith('"address";r=39;t=')


def test_a_door_without_limits_counts_nobody(aws_tables: Wire) -> None:
    unlimited = api(limited=False)

    @unlimited.get("/open/")
    @public
    def open_to_all() -> dict[str, str]:
        return {}

    aws_tables.clear()
    status, _, headers = ask(unlimited, "GET", "/open/")
    assert (status, "RateLimit" in headers, aws_tables.count()) == (200, False, 0)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"inside": ' + "[" * DEPTH_MAX + "]" * DEPTH_MAX + "}", "body_too_deep"),
        ("[" * 100_000, "body_too_deep"),
        ('{"a":' * 50_000, "body_too_deep"),
        ('{"size": ' + "9" * 5_000 + "}", "number_too_long"),
        ('{"size": -' + "1" * 1_000 + "}", "number_too_long"),
    ],
    ids=["deep", "brackets", "braces", "long", "negative"],
)
def test_a_body_that_would_break_a_parser_is_named_and_refused(app: Api, body: str, code: str) -> None:
    status, problem, _ = ask(app, "POST", "/things/", body)
    assert (status, problem["code"], problem["errors"][0]["code"]) == (422, "validation_failed", code)


@pytest.mark.parametrize("size", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "1.5", "true", '"x"', "[]"])
def test_no_number_is_a_fault_of_ours(app: Api, size: str) -> None:
    status, _, _ = ask(app, "POST", "/things/", f'{{"size": {size}}}')
    assert status in {200, 422}


def test_brackets_in_a_text_are_no_depth(app: Api) -> None:
    assert ask(app, "POST", "/things/", json.dumps({"inside": "[{" * 1_000 + '\\"['}))[0] == 200
    assert not too_deep("[" * DEPTH_MAX)
    assert too_deep("[" * (DEPTH_MAX + 1))


def test_a_body_in_base_64_counts_as_what_it_is(app: Api) -> None:
    def send(raw: bytes) -> int:
        event = request("POST", "/things/", "")
        event.update(body=base64.b64encode(raw).decode(), isBase64Encoded=True)
        return int(app.resolve(event, CONTEXT)["statusCode"])

    room = BYTES_MAX - len(b'{"inside": ""}')
    assert send(b'{"inside": "' + b"x" * room + b'"}') == 200
    assert send(b'{"inside": "' + b"x" * (room + 3) + b'"}') == 413
    assert send(b'{"inside": "\xff"}') == 422


def test_base_64_that_is_none_is_refused(app: Api) -> None:
    event = request("POST", "/things/", "")
    event.update(body="a", isBase64Encoded=True)
    assert app.resolve(event, CONTEXT)["statusCode"] == 422
