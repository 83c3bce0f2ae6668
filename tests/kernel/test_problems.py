"""Problem documents: the members of RFC 9457, ours beside them, and the headers that go with a status."""

import json
from typing import Any

import pytest
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from mifumo import problems
from mifumo.errors import AppError, Busy, FieldError, NotFound, RateLimited, Unauthenticated, ValidationFailed


def answered(error: AppError) -> tuple[dict[str, Any], dict[str, Any]]:
    response = problems.answer(error, instance="/api/x/", request_id="r-12345678")
    assert (response.status_code, response.content_type) == (error.status, "application/problem+json")
    assert response.body
    return json.loads(response.body), {k: v for k, v in response.headers.items() if k != "Content-Type"}


def test_a_problem_has_every_member_that_the_contract_names() -> None:
    document, headers = answered(NotFound("There is no such batch."))
    assert document == {
        "type": "/api/docs/problems/#not_found",
        "title": "Not found",
        "status": 404,
        "detail": "There is no such batch.",
        "instance": "/api/x/",
        "code": "not_found",
        "request_id": "r-12345678",
        "retryable": False,
    }
    assert headers == {}


def test_the_objects_involved_are_members_too() -> None:
    document, _ = answered(AppError("Because.", required=5, available=2))
    assert (document["required"], document["available"]) == (5, 2)


def test_every_wrong_field_is_listed() -> None:
    document, _ = answered(
        ValidationFailed("Check both.", errors=(FieldError("/a", "x", "y"), FieldError("/b", "z", "w")))
    )
    assert document["errors"] == [
        {"pointer": "/a", "code": "x", "detail": "y"},
        {"pointer": "/b", "code": "z", "detail": "w"},
    ]


def test_who_may_come_again_is_told_when() -> None:
    document, headers = answered(RateLimited(retry_after_s=0))
    assert (document["retryable"], headers) == (True, {"Retry-After": "0"})
    assert answered(Busy(retry_after_s=3))[1] == {"Retry-After": "3"}


def test_who_is_unknown_is_asked_for_a_token() -> None:
    assert answered(Unauthenticated())[1] == {"WWW-Authenticate": 'Bearer realm="mifumo"'}


@pytest.mark.parametrize(
    ("loc", "pointer"),
    [
        (("body", "name"), "/name"),
        (("body", "recipients", 3), "/recipients/3"),
        (("body", "a/b", "c~d"), "/a~1b/c~0d"),
        (("body", 17), "body"),
        (("body",), "body"),
        ((), "body"),
        (("query", "limit"), "query:limit"),
        (("path", "id"), "path:id"),
        (("header", "x-name"), "header:x-name"),
    ],
)
def test_a_place_in_a_request_is_written_as_a_pointer(loc: tuple[Any, ...], pointer: str) -> None:
    refused = problems.of_validation(RequestValidationError([{"loc": loc, "type": "missing", "msg": "Field required"}]))
    assert refused.errors == (FieldError(pointer, "missing", "Field required"),)


def test_a_sentence_of_ours_loses_the_librarys_prefix_and_each_field_is_named_once() -> None:
    errors = [
        {"loc": ("body", "phone"), "type": "value_error", "msg": "Value error, Write a number."},
        {"loc": ("body", "phone"), "type": "too_short"},
        {"loc": ("query", "limit"), "type": "int", "msg": "Not a number"},
    ]
    refused = problems.of_validation(RequestValidationError(errors))
    assert refused.detail == "Check /phone, query:limit."
    assert [error.detail for error in refused.errors] == ["Write a number.", "This value is not valid.", "Not a number"]
