"""Each operation of the contract: named, explained, guarded, with examples and with every problem it can answer."""

import importlib
from typing import Any

import pytest

from mifumo.permissions import RULES, Action
from tests.contract.conftest import Operation
from tools import openapi

_PUBLIC = {
    "POST /api/auth/codes/",
    "POST /api/auth/codes/confirm/",
    "POST /api/auth/invitations/read/",
    "POST /api/auth/invitations/register/",
    "POST /api/auth/login/",
    "POST /api/auth/logout/",
    "POST /api/auth/refresh/",
    "POST /api/auth/register/",
    "POST /api/webhooks/payments/clickpesa/",
    "POST /api/webhooks/payments/pawapay/",
    "POST /api/webhooks/payments/pawapay/refunds/",
    "POST /api/webhooks/payments/pawapay/statements/",
    "POST /api/webhooks/payments/zenopay/{token}/",
    "POST /api/webhooks/sms/beem/{token}/",
    "POST /api/webhooks/sms/beem/{token}/inbound/",
}
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_every_operation_has_a_summary_a_described_tag_and_a_name_of_its_own(
    contract: dict[str, Any], operations: list[Operation]
) -> None:
    described = {tag["name"] for tag in contract["tags"] if tag["description"]}
    for operation in operations:
        assert operation.content["summary"], operation
        assert set(operation.content["tags"]) <= described, operation
        assert operation.content["operationId"].startswith(operation.content["tags"][0] + "_"), operation
    assert len({operation.content["operationId"] for operation in operations}) == len(operations)


def test_only_the_listed_operations_are_public(operations: list[Operation]) -> None:
    assert {str(operation) for operation in operations if operation.content["security"] == []} == _PUBLIC
    assert all({"bearer": []} in operation.content["security"] for operation in operations if _is_closed(operation))


def test_every_closed_operation_is_a_row_of_the_permission_table(operations: list[Operation]) -> None:
    for operation in operations:
        if not _is_closed(operation):
            assert not {"x-action", "x-roles"} & set(operation.content), operation
            continue
        rule = RULES[Action(operation.content["x-action"])]
        keys = [{"key": [rule.scope]}] if rule.scope else []
        assert operation.content["security"] == [{"bearer": []}, *keys], operation
        assert set(operation.content["x-roles"]) == rule.roles, operation


def test_an_id_that_an_answer_tells_leads_to_the_operations_below_its_path(operations: list[Operation]) -> None:
    by_name = {operation.content["operationId"]: operation for operation in operations}
    linked = set()
    for operation in operations:
        for answer in operation.content["responses"].values():
            for link in answer.get("links", {}).values():
                ((parameter, source),) = link["parameters"].items()
                target = by_name[link["operationId"]]
                assert f"{{{parameter}}}" in target.path, operation
                assert source in {"$response.body#/id", "$response.body#/items/0/id"}, operation
                linked.add(str(target))
    assert linked >= {
        "GET /api/billing/payments/{payment_id}/",
        "GET /api/sms/batches/{batch_id}/",
        "GET /api/sms/batches/{batch_id}/messages/",
        "POST /api/admin/sms/sender-ids/{sender_id}/approve/",
    }


def _is_closed(operation: Operation) -> bool:
    return str(operation) not in _PUBLIC


def test_every_route_of_every_door_is_in_the_contract_or_is_the_manual(operations: list[Operation]) -> None:
    listed = {str(operation) for operation in operations}
    for slice_ in openapi.SLICES:
        app = importlib.import_module(f"functions.{slice_}.api").app
        routes = {f"{route.method} {route.openapi_path}" for route in [*app._static_routes, *app._dynamic_routes]}
        assert all(" /api/docs/" in route for route in routes - listed), slice_


def test_every_body_has_an_example_that_its_route_takes(operations: list[Operation]) -> None:
    bodies = [operation for operation in operations if "requestBody" in operation.content]
    assert bodies
    for operation in bodies:
        assert operation.content["requestBody"]["content"]["application/json"]["example"], operation


def test_every_problem_is_a_problem_document(contract: dict[str, Any], operations: list[Operation]) -> None:
    for name, response in contract["components"]["responses"].items():
        assert response["content"] == _PROBLEM, name
        assert "X-Request-Id" in response["headers"], name
    for operation in operations:
        for status, response in operation.content["responses"].items():
            assert status < "400" or set(response) == {"$ref"}, f"{operation} {status}"


def test_every_answer_carries_its_request_id(operations: list[Operation]) -> None:
    for operation in operations:
        successes = [answer for status, answer in operation.content["responses"].items() if status < "400"]
        assert successes, operation
        assert all("X-Request-Id" in answer["headers"] for answer in successes), operation


@pytest.mark.parametrize("status", ["429", "500", "503"])
def test_every_operation_can_be_throttled_broken_and_unavailable(operations: list[Operation], status: str) -> None:
    assert [str(operation) for operation in operations if status not in operation.content["responses"]] == []


def test_an_operation_tells_the_problems_that_its_shape_brings(operations: list[Operation]) -> None:
    for operation in operations:
        told = set(operation.content["responses"])
        assert operation.content["security"] == [] or {"401", "403"} <= told, operation
        assert "{" not in operation.path or "404" in told, operation
        assert "requestBody" not in operation.content or {"413", "415", "422"} <= told, operation
        assert "parameters" not in operation.content or {"404", "422"} & told, operation


def test_routes_tell_the_problems_of_their_own(operations: list[Operation]) -> None:
    told = {str(operation): set(operation.content["responses"]) for operation in operations}
    assert {"200", "202", "402"} <= told["POST /api/sms/send/"]
    assert "409" in told["POST /api/auth/register/"]
    assert "401" in told["POST /api/auth/login/"]
    assert "401" in told["POST /api/auth/refresh/"]
    assert "409" in told["POST /api/sms/sender-ids/"]
    assert "403" in told["POST /api/webhooks/sms/beem/{token}/"]


def test_requests_refuse_unknown_members_and_answers_may_gain_some(
    contract: dict[str, Any], operations: list[Operation]
) -> None:
    schemas = contract["components"]["schemas"]
    requests = {
        name
        for operation in operations
        for schema in _alternatives(operation.content.get("requestBody"))
        for name in _named(schema, schemas)
    }
    closed = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}
    assert closed == requests


def test_no_request_about_money_names_an_address(contract: dict[str, Any], operations: list[Operation]) -> None:
    schemas = contract["components"]["schemas"]
    requests = {
        name
        for operation in operations
        if "/billing/" in str(operation)
        for schema in _alternatives(operation.content.get("requestBody"))
        for name in _named(schema, schemas)
    }
    members = {member for name in requests for member in schemas[name].get("properties", ())}
    assert {"provider", "quote_id", "evidence"} <= members
    assert [one for one in members if any(word in one for word in ("url", "host", "address", "redirect"))] == []


def _named(schema: Any, schemas: dict[str, Any]) -> set[str]:
    """Lists the models that a schema names, and those that they are made of."""
    if isinstance(schema, list):
        return {name for one in schema for name in _named(one, schemas)}
    if not isinstance(schema, dict):
        return set()
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    below = _named(schemas[name] if name else list(schema.values()), schemas)
    return {name, *below} if name else below


def _alternatives(body: dict[str, Any] | None) -> list[dict[str, Any]]:
    if body is None:
        return []
    schema = body["content"]["application/json"]["schema"]
    found: list[dict[str, Any]] = schema.get("anyOf", [schema])
    return found
