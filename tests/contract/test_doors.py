"""The doors behind the contract: each takes the body of its example, and JSON alone."""

import importlib
from typing import Any

import pytest

from tests import builders
from tests.contract.conftest import Operation
from tools import openapi

_FORMS = ["multipart/form-data", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/plain"]


def _answer(operation: Operation, body: Any, content_type: str) -> tuple[int, Any]:
    """Calls an operation as staff."""
    event = builders.request(
        operation.method,
        operation.path,
        body,
        token=builders.token(role="staff"),
        headers={"content-type": content_type},
    )
    first = operation.path.removeprefix("/api/").removeprefix("admin/").partition("/")[0]
    slice_ = "auth" if first == "tenant" else first
    handler = importlib.import_module(f"functions.{slice_}.api").handler
    return builders.answer(handler(event, builders.CONTEXT))


@pytest.mark.usefixtures("aws_tables")
@pytest.mark.parametrize("content_type", _FORMS)
def test_a_door_that_documents_json_takes_nothing_else(operations: list[Operation], content_type: str) -> None:
    asked = 0
    for operation in operations:
        if "requestBody" not in operation.content or operation.path.startswith("/api/webhooks/"):
            continue  # a webhook wants its proof first, and says nothing about the body before
        status, problem = _answer(operation, "refresh=x", content_type)
        assert (status, problem["code"]) == (415, "unsupported_media_type"), operation
        asked += 1
    assert asked >= 9


@pytest.mark.usefixtures("aws_tables")
def test_the_example_of_every_body_passes_its_door(operations: list[Operation]) -> None:
    for operation in operations:
        body = operation.content.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
        if body is None:
            continue
        status, answer = _answer(operation, body, "Application/JSON; charset=utf-8".lower())
        # A code, an invitation or a quote of an example is nobody's, its webhook leads nowhere; their form is good.
        told = {(answer or {}).get("code"), *(error["code"] for error in (answer or {}).get("errors", []))}
        if not told & {"code_invalid", "invitation_invalid", "webhook_url_refused", "unknown_quote"}:
            assert status not in {415, 422, 500}, f"{operation}: {answer}"
        assert str(status) in operation.content["responses"], f"{operation}: {status}"


@pytest.mark.usefixtures("aws_tables")
def test_an_answer_without_content_has_an_empty_body() -> None:
    event = builders.request("POST", "/api/auth/logout/", {"refresh": "unknown"})
    answer = importlib.import_module("functions.auth.api").handler(event, builders.CONTEXT)
    assert answer["statusCode"] == 204
    assert answer["body"] == ""


def test_every_door_of_the_contract_has_a_handler() -> None:
    for slice_ in openapi.SLICES:
        assert callable(importlib.import_module(f"functions.{slice_}.api").handler)
