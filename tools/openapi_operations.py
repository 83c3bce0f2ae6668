"""Operations of the contract: what the door adds to each route, read from how the route is declared."""

import inspect
import typing
from http import HTTPStatus

from aws_lambda_powertools.event_handler.api_gateway import Route

from mifumo import http
from mifumo.permissions import RULES, Action, Role
from tools import openapi_problems, openapi_schemas
from tools.openapi_schemas import ContractError, Schema

_WITH_BODY = frozenset({"PATCH", "POST", "PUT"})
_SUCCESSES = {200: "Done.", 201: "Made.", 202: "Accepted; the work goes on.", 204: "Done; there is nothing to tell."}
# What Powertools writes when a route does not say more.
_UNSAID = "Successful Response"
HEADERS: dict[str, Schema] = {
    "Idempotency-Key": {
        "description": "The key of this request: yours, or one that was made for it.",
        "schema": {"type": "string"},
    },
    "Idempotent-Replayed": {
        "description": "There when an earlier request with the same key had done the work.",
        "schema": {"type": "string", "const": "true"},
    },
    "RateLimit": {"description": "What is left, and when it is renewed.", "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": "How many in how many seconds.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
    "WWW-Authenticate": {"description": "The scheme to use.", "schema": {"type": "string"}},
    "X-Request-Id": {
        "description": "Names this request in our logs: your own `X-Request-Id` of 8 to 64 letters, digits, dots, "
        "dashes and underscores, or one that was made for it.",
        "required": True,
        "schema": {"type": "string"},
    },
}
PARAMETERS: dict[str, Schema] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Send the same request with the same key as often as you like: it is done once. The same key "
        "with another body is refused.",
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$", "examples": ["order-1042"]},
    }
}


def complete(operation: Schema, route: Route, schemas: dict[str, Schema]) -> Schema:
    """Returns the operation as a caller meets it: its name, who may call, its headers and every problem."""
    if not operation.get("tags") or not route.summary:
        raise ContractError(f"{route.method} {route.openapi_path} needs a tag and a summary.")
    own_keys = http.IdempotencyKey in typing.get_type_hints(route.func, include_extras=True).values()
    completed = {
        **{key: value for key, value in operation.items() if key != "x-problems"},
        "operationId": f"{operation['tags'][0]}_{route.func.__name__}",
        **_callers(route),
        "responses": _answers(operation, own_keys=own_keys) | _problems(operation, route, own_keys=own_keys),
    }
    description = route.description or inspect.getdoc(route.func)
    if description:
        completed["description"] = description
    if own_keys:
        completed["parameters"] = [
            *operation.get("parameters", []),
            {"$ref": "#/components/parameters/IdempotencyKey"},
        ]
    body = completed.get("requestBody", {}).get("content", {}).get("application/json")
    if body and "example" not in body:
        body["example"] = openapi_schemas.example(body["schema"], schemas)
    return completed


def _callers(route: Route) -> Schema:
    """Tells who may call: anybody, or who may take the route's action. A route that says neither is refused."""
    action, place = http.action_of(route.func), f"{route.method} {route.openapi_path}"
    if _is_public(route):
        if action:
            raise ContractError(f"{place} is public and needs an action: take one of the two away.")
        return {"security": []}
    if action is None:
        raise ContractError(f"{place} is for nobody: declare @needs(Action....) or @public below its decorator.")
    return _permission(action)


def _permission(action: Action) -> Schema:
    """Writes a row of the permission table down; the scope of a key stands where OpenAPI 3.1 has roles stand."""
    rule = RULES[action]
    keys = [{"key": [rule.scope.value]}] if rule.scope else []
    return {
        "security": [{"bearer": []}, *keys],
        "x-action": action.value,
        "x-roles": [role.value for role in Role if role in rule.roles],
    }


def _is_public(route: Route) -> bool:
    return getattr(route.func, "__public__", False)


def _answers(operation: Schema, *, own_keys: bool) -> dict[str, Schema]:
    names = ["X-Request-Id", *(["Idempotency-Key", "Idempotent-Replayed"] if own_keys else [])]
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    made = {}
    for status, answer in operation["responses"].items():
        if int(status) >= HTTPStatus.BAD_REQUEST:
            continue
        unsaid = answer["description"] == _UNSAID
        description = _SUCCESSES[int(status)] if unsaid else answer["description"]
        made[status] = {**answer, "description": description, "headers": headers}
        if int(status) == HTTPStatus.NO_CONTENT:
            del made[status]["content"]
    return made


def _problems(operation: Schema, route: Route, *, own_keys: bool) -> dict[str, Schema]:
    """Every status that the door can refuse this route with, and those that the route names itself.

    405 is missing: it answers the methods that a path does not have, and those are no operations.
    """
    statuses = {429, 500, 503, *operation.get("x-problems", [])}
    if not _is_public(route):
        statuses |= {401, 403}
    if "{" in route.openapi_path:
        statuses |= {404}
    if route.method in _WITH_BODY:
        statuses |= {413, 415, 422}
    if own_keys or any(parameter["in"] == "query" for parameter in operation.get("parameters", [])):
        statuses |= {422}
    return {str(status): openapi_problems.reference(status) for status in statuses}
