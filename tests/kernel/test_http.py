"""What every door owes every caller: one error shape, headers that are always there, and no way in by default."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import boto3
import jwt
import pytest
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, ConfigDict

from mifumo import aws, callers, clock, ids
from mifumo.bodies import BYTES_MAX
from mifumo.http import Api, Caller, IdempotencyKey, api, needs, public
from mifumo.permissions import Action
from tests.builders import CONTEXT, KEY, KEY_ID, answer, request, token
from tests.wire import Wire

OTHER_KEY = "another-signing-key-that-only-tests-know-012345"
SECURITY = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}


class Thing(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid")

    name: str
    size: int


@pytest.fixture
def app(aws_tables: Wire) -> Api:
    app = api()

    @app.get("/open/")
    @public
    def open_to_all() -> dict[str, str]:
        return {"open": "yes"}

    @app.get("/closed/")
    @needs(Action.SMS_READ)
    def closed(caller: Caller, count: Annotated[int, Query(ge=1)] = 1) -> dict[str, Any]:
        return {"tenant": caller.tenant_id, "role": caller.role, "count": count}

    @app.get("/forgotten/")
    def forgotten() -> dict[str, str]:
        return {"secret": "yes"}

    @app.get("/heads/")
    @needs(Action.MEMBERS_MANAGE)
    def heads() -> dict[str, str]:
        return {"secret": "yes"}

    @app.post("/things/")
    @needs(Action.SMS_SEND)
    def things(thing: Thing, caller: Caller, key: IdempotencyKey) -> dict[str, str]:
        return {"key": key}

    @app.get("/broken/")
    @public
    def broken() -> dict[str, str]:
        raise RuntimeError("the password is hunter2")

    return app


def ask(app: Api, *args: Any, **options: Any) -> tuple[int, Any, dict[str, str]]:
    response = app.resolve(request(*args, **options), CONTEXT)
    return *answer(response), response["headers"]


def signed(key: str = KEY, *, kid: str | None = KEY_ID, algorithm: str = callers.ALGORITHM, **claims: Any) -> str:
    now = clock.epoch()
    body = {"iss": "mifumo", "sub": "u1", "tid": "t1", "role": "owner", "iat": now, "exp": now + 60, **claims}
    return jwt.encode(body, key, algorithm, headers={"kid": kid} if kid else None)


def tampered() -> str:
    head, body, seal = token().split(".")
    other = signed(tid="t2").split(".")[1]
    assert other != body
    return f"{head}.{other}.{seal}"


def test_a_caller_with_a_token_is_let_in_as_its_tenant(app: Api) -> None:
    status, body, _ = ask(app, "GET", "/closed/", token=token(tenant="t7", role="agent"))
    assert (status, body) == (200, {"tenant": "t7", "role": "agent", "count": 1})


@pytest.mark.parametrize("path", ["/closed/", "/forgotten/"])
def test_a_route_that_is_not_public_is_closed_to_strangers(app: Api, path: str) -> None:
    status, body, headers = ask(app, "GET", path)
    assert (status, body["code"]) == (401, "unauthenticated")
    assert headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/heads/", "/forgotten/"])
def test_a_caller_gets_into_no_route_that_is_not_theirs_or_that_names_no_action(app: Api, path: str) -> None:
    status, body, _ = ask(app, "GET", path, token=token(role="agent"))
    assert (status, body["code"]) == (403, "forbidden")


@pytest.mark.parametrize("body", ["{", {"nonsense": 1}, None], ids=["malformed", "invalid", "none"])
def test_a_stranger_learns_nothing_of_validation(app: Api, body: Any) -> None:
    status, problem, _ = ask(app, "POST", "/things/", body)
    assert (status, problem["code"], "errors" in problem) == (401, "unauthenticated", False)


def test_an_expired_token_says_so(app: Api) -> None:
    status, body, _ = ask(app, "GET", "/closed/", token=token(expires_in_s=-1))
    assert (status, body["code"]) == (401, "token_expired")


FORGERIES: dict[str, Callable[[], str]] = {
    "tampered": tampered,
    "another key": lambda: signed(OTHER_KEY),
    "alg none": lambda: signed("", algorithm="none"),
    "another issuer": lambda: signed(iss="somebody"),
    "unknown kid": lambda: signed(kid="k9"),
    "kid current": lambda: signed(kid="current"),
    "no kid": lambda: signed(kid=None),
    "unknown role": lambda: signed(role="emperor"),
    "another algorithm": lambda: signed(KEY * 2, algorithm="HS512"),
    "no token": lambda: "not-a-token",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_token_that_is_not_ours_is_refused(app: Api, forgery: str) -> None:
    status, body, _ = ask(app, "GET", "/closed/", token=FORGERIES[forgery]())
    assert (status, body["code"]) == (401, "invalid_credentials")


def test_two_keys_are_live_at_once_and_a_revoked_one_is_not(app: Api) -> None:
    secrets = boto3.client("secretsmanager")
    arn = callers.SigningSettings.load().signing_keys_secret

    def rotate(value: dict[str, str]) -> None:
        secrets.put_secret_value(SecretId=arn, SecretString=json.dumps(value))
        aws._secrets.clear()

    rotate({"current": "k2", KEY_ID: KEY, "k2": OTHER_KEY})
    assert callers.signing_key() == ("k2", OTHER_KEY)
    new = signed(OTHER_KEY, kid="k2")
    assert [ask(app, "GET", "/closed/", token=each)[0] for each in (token(), new)] == [200, 200]
    rotate({"current": "k2", "k2": OTHER_KEY})
    assert [ask(app, "GET", "/closed/", token=each)[0] for each in (token(), new)] == [401, 200]


def test_unknown_key_ids_do_not_hammer_the_secret(app: Api, aws_tables: Wire) -> None:
    aws_tables.clear()
    for kid in ("a", "b", "c", "d"):
        ask(app, "GET", "/closed/", token=signed(kid=kid))
    assert aws_tables.count("GetSecretValue") == 1


@pytest.mark.parametrize("path", ["/open", "/open/", "/open//"])
def test_a_path_is_the_same_with_and_without_its_slash(app: Api, path: str) -> None:
    assert ask(app, "GET", path)[:2] == (200, {"open": "yes"})


def test_where_nothing_is_the_answer_is_404(app: Api) -> None:
    status, body, headers = ask(app, "GET", "/nowhere/")
    assert (status, body["code"], headers["Content-Type"]) == (404, "not_found", "application/problem+json")


def test_another_method_is_told_which_there_are(app: Api) -> None:
    status, body, headers = ask(app, "DELETE", "/things/")
    assert (status, body["code"], headers["Allow"]) == (405, "method_not_allowed", "POST")


def test_a_body_may_be_as_large_as_the_limit_and_no_larger(app: Api) -> None:
    def sized(size: int) -> int:
        frame = len(json.dumps({"name": "", "size": 1}))
        return ask(app, "POST", "/things/", {"name": "x" * (size - frame), "size": 1}, token=token())[0]

    assert (sized(BYTES_MAX), sized(BYTES_MAX + 1)) == (200, 413)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_body_that_is_not_json_is_415(app: Api, kind: str) -> None:
    status, body, _ = ask(app, "POST", "/things/", "name=x", token=token(), headers={"Content-Type": kind})
    assert (status, body["code"]) == (415, "unsupported_media_type")


def test_every_broken_field_is_named_in_one_answer(app: Api) -> None:
    status, body, _ = ask(app, "POST", "/things/", {"size": "big", "extra/part": 1}, token=token())
    assert (status, body["code"]) == (422, "validation_failed")
    assert {error["pointer"] for error in body["errors"]} == {"/name", "/size", "/extra~1part"}
    assert all(error["code"] and error["detail"] for error in body["errors"])


def test_a_broken_query_is_named_as_one(app: Api) -> None:
    status, body, _ = ask(app, "GET", "/closed/", token=token(), query={"count": "0"})
    assert (status, [error["pointer"] for error in body["errors"]]) == (422, ["query:count"])


@pytest.mark.parametrize("body", ["{", "[1,", '{"name": }', "\x00"])
def test_json_that_does_not_parse_is_422_of_the_body(app: Api, body: str) -> None:
    status, problem, _ = ask(app, "POST", "/things/", body, token=token())
    assert (status, problem["code"]) == (422, "validation_failed")
    assert [error["pointer"] for error in problem["errors"]] == ["body"]


def test_a_fault_of_ours_is_a_500_that_tells_nothing(app: Api) -> None:
    status, body, headers = ask(app, "GET", "/broken/")
    assert (status, body["code"]) == (500, "internal_error")
    assert "hunter2" not in json.dumps([body, headers])
    assert "RuntimeError" not in json.dumps(body)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/open/"), ("GET", "/closed/"), ("GET", "/no/"), ("PUT", "/open/"), ("GET", "/broken/")],
)
def test_every_answer_has_its_security_headers_and_its_request_id(app: Api, method: str, path: str) -> None:
    status, body, headers = ask(app, method, path)
    assert SECURITY.items() <= headers.items()
    assert ids.valid(headers["X-Request-Id"])
    if status != 200:
        assert body["request_id"] == headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abcdefgh", True),
        ("a.b_c-d9", True),
        ("a" * 64, True),
        ("short", False),
        ("a" * 65, False),
        ("a b c d e", False),
    ],
)
def test_the_clients_request_id_is_kept_if_it_is_well_formed(app: Api, given: str, kept: bool) -> None:
    headers = ask(app, "GET", "/open/", headers={"X-Request-Id": given})[2]
    assert (headers["X-Request-Id"] == given) is kept
    assert kept or ids.valid(headers["X-Request-Id"])


def test_an_idempotency_key_comes_back_as_it_was_given_or_minted(app: Api) -> None:
    thing = {"name": "x", "size": 1}
    given = ask(app, "POST", "/things/", thing, token=token(), headers={"Idempotency-Key": "mine"})
    assert (given[1]["key"], given[2]["Idempotency-Key"]) == ("mine", "mine")
    minted = ask(app, "POST", "/things/", thing, token=token())
    assert ids.valid(minted[1]["key"])
    assert minted[2]["Idempotency-Key"] == minted[1]["key"]


@pytest.mark.parametrize("key", ["a" * 256, "a b", "ufunguo-é"])
def test_an_idempotency_key_out_of_form_is_refused(app: Api, key: str) -> None:
    thing = {"name": "x", "size": 1}
    status, body, _ = ask(app, "POST", "/things/", thing, token=token(), headers={"Idempotency-Key": key})
    assert (status, body["errors"][0]["code"]) == (422, "idempotency_key_invalid")


def test_a_body_is_measured_in_bytes_and_not_in_letters(app: Api) -> None:
    wide = json.dumps({"name": "ñ" * (BYTES_MAX // 2), "size": 1}, ensure_ascii=False)
    assert len(wide) < BYTES_MAX < len(wide.encode())
    assert ask(app, "POST", "/things/", wide, token=token())[0] == 413


def test_a_body_that_is_too_large_is_refused_before_anybody_looks_who_sent_it(app: Api) -> None:
    status, body, _ = ask(app, "POST", "/things/", "x" * (BYTES_MAX + 1))
    assert (status, body["code"]) == (413, "payload_too_large")


def test_keys_that_cannot_be_read_are_a_500_of_the_one_shape(app: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_order(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret is at arn:aws:secretsmanager")

    monkeypatch.setattr(aws, "secret", out_of_order)
    status, body, headers = ask(app, "GET", "/closed/", token=token())
    assert (status, body["code"], headers["Content-Type"]) == (500, "internal_error", "application/problem+json")
    assert "secretsmanager" not in json.dumps([body, headers])
    assert SECURITY.items() <= headers.items()


def test_nothing_of_one_request_is_left_for_the_next(app: Api) -> None:
    assert ask(app, "GET", "/closed/", token=token())[0] == 200
    assert ask(app, "GET", "/closed/")[0] == 401
    first, second = (ask(app, "GET", "/open/")[2]["X-Request-Id"] for _ in range(2))
    assert first != second
