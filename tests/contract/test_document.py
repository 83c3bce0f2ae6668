"""The document as a whole: current, valid, complete."""

import re
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from functions.auth import problem_codes
from tests.contract.conftest import Operation
from tools import openapi, openapi_problems

_SEED = {
    "POST /api/auth/login/",
    "POST /api/auth/register/",
    "POST /api/auth/refresh/",
    "GET /api/sms/capability/",
    "POST /api/sms/send/",
    "GET /api/sms/sender-ids/",
    "POST /api/sms/sender-ids/",
    "GET /api/billing/sms/packages/",
    "GET /api/billing/payments/providers/",
    "POST /api/billing/payments/initiate/",
}


def test_the_committed_contract_is_the_one_that_the_routes_make() -> None:
    committed = openapi.PLACE.read_text(encoding="utf-8") if openapi.PLACE.exists() else ""
    assert committed == openapi.text(), "The routes have changed: run `make openapi` and commit docs/api/openapi.json."


def test_the_contract_comes_out_the_same_every_time() -> None:
    assert openapi.text() == openapi.text()


def test_the_contract_is_valid_openapi(contract: dict[str, Any]) -> None:
    assert contract["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(contract).iter_errors()] == []


def test_every_seed_endpoint_is_there(operations: list[Operation]) -> None:
    assert set(map(str, operations)) >= _SEED


def test_every_path_ends_with_a_slash(operations: list[Operation]) -> None:
    assert [str(operation) for operation in operations if not operation.path.endswith("/")] == []


def test_every_error_code_is_in_the_contract_in_the_manual_and_on_the_page(contract: dict[str, Any]) -> None:
    codes = openapi_problems.codes_by_name()
    manual = openapi.PLACE.with_name("README.md").read_text(encoding="utf-8")
    told = {code: int(status) for status, code in re.findall(r"^\| (\d{3}) \| `([a-z_]+)` \|", manual, re.MULTILINE)}
    assert contract["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == sorted(codes)
    assert told == codes
    assert {known.code: known.status for known in problem_codes.known()}.items() >= codes.items()


def test_nothing_is_described_that_no_operation_uses(contract: dict[str, Any], operations: list[Operation]) -> None:
    used = set(re.findall(r'"#/components/(\w+/[\w-]+)"', openapi.text()))
    described = {f"{kind}/{name}" for kind, things in contract["components"].items() for name in things}
    assert described - used == {"securitySchemes/bearer", "securitySchemes/key"}
    assert {name for o in operations for scheme in o.content["security"] for name in scheme} == {"bearer", "key"}


def test_what_is_for_the_tool_alone_is_not_in_the_contract() -> None:
    words = ("x-problems", "HTTPValidationError", "ResponseValidationError", "ParameterInType")
    assert [word for word in words if word in openapi.text()] == []


def test_the_tool_still_finds_the_routes_that_take_a_key(operations: list[Operation]) -> None:
    keyed = {str(o) for o in operations if {"$ref": "#/components/parameters/IdempotencyKey"} in _parameters(o)}
    assert keyed == {
        "POST /api/sms/send/",
        "POST /api/sms/batches/",
        "POST /api/sms/webhooks/{webhook_id}/rotate/",
        "POST /api/billing/payments/initiate/",
        "POST /api/billing/payments/{payment_id}/retry/",
        "POST /api/billing/quotes/",
        "POST /api/billing/transfers/",
        "POST /api/admin/billing/adjustments/",
    }


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = operation.content.get("parameters", [])
    return found
