"""The names that stay: clients, console and docs count on these fields of the main routes, whatever is added."""

from typing import Any

import pytest

from tests.contract.conftest import Operation

_TOKENS = {"access", "refresh", "token_type", "expires_in"}
_USER = {"id", "email", "phone", "first_name", "last_name", "role", "created_at"}
_TENANT = {"id", "name", "status"}
_BATCH = {
    "id",
    "status",
    "sender_id",
    "text",
    "encoding",
    "segments",
    "accepted",
    "refused",
    "price",
    "charged",
    "counts",
    "created_at",
    "completed_at",
}
_MESSAGE = {
    "id",
    "batch_id",
    "to",
    "status",
    "reason",
    "provider_status",
    "segments",
    "submitted_at",
    "updated_at",
}
_SENDER_ID = {"id", "name", "kind", "status", "reason", "created_at"}
_PACKAGE = {"id", "name", "credits", "price", "unit_price", "currency", "features", "sender_ids"}
_PROVIDER = {"code", "name", "min_amount", "max_amount", "available"}
_PAYMENT = {
    "id",
    "status",
    "package_id",
    "credits",
    "amount",
    "currency",
    "provider",
    "phone",
    "failure_code",
    "created_at",
    "completed_at",
}
_ENTRY = {"seq", "kind", "amount", "available_after", "held_after", "reference", "created_at"}
_PAGE = {"items", "next"}

_REQUESTS = {
    "POST /api/auth/register/": {"email", "password", "first_name", "last_name", "phone", "business_name"},
    "POST /api/auth/login/": {"email", "password"},
    "POST /api/auth/refresh/": {"refresh"},
    "POST /api/auth/logout/": {"refresh"},
    "POST /api/sms/send/": {"sender_id", "text", "recipients", "dry_run"},
    "POST /api/sms/sender-ids/": {"name", "purpose", "sample"},
    "POST /api/admin/sms/sender-ids/{sender_id}/reject/": {"reason"},
    "POST /api/admin/sms/sender-ids/{sender_id}/request-changes/": {"reason"},
    "POST /api/billing/payments/initiate/": {"package_id", "provider", "phone"},
}
# The answer of a status, and below it what stands at a path of fields; `[]` is any item of a list.
_ANSWERS = [
    ("POST /api/auth/register/", "201", "", {"user", "tenant", "tokens"}),
    ("POST /api/auth/login/", "200", "", {"user", "tenant", "tokens"}),
    ("POST /api/auth/login/", "200", "user", _USER),
    ("POST /api/auth/login/", "200", "tenant", _TENANT),
    ("POST /api/auth/login/", "200", "tokens", _TOKENS),
    ("POST /api/auth/refresh/", "200", "tokens", _TOKENS),
    ("GET /api/auth/me/", "200", "user", _USER),
    ("GET /api/auth/me/", "200", "tenant", _TENANT),
    ("GET /api/sms/capability/", "200", "", {"can_send", "reasons", "balance", "sender_ids"}),
    ("GET /api/sms/capability/", "200", "balance", {"available", "held"}),
    ("POST /api/sms/send/", "202", "", _BATCH),
    ("POST /api/sms/send/", "200", "", _BATCH),
    ("POST /api/sms/send/", "202", "refused []", {"recipient", "code", "detail"}),
    ("GET /api/sms/batches/", "200", "", _PAGE),
    ("GET /api/sms/batches/", "200", "items []", _BATCH),
    ("GET /api/sms/batches/{batch_id}/", "200", "", _BATCH),
    ("GET /api/sms/batches/{batch_id}/messages/", "200", "", _PAGE),
    ("GET /api/sms/batches/{batch_id}/messages/", "200", "items []", _MESSAGE),
    ("GET /api/sms/messages/", "200", "items []", _MESSAGE),
    ("GET /api/sms/sender-ids/", "200", "", _PAGE),
    ("GET /api/sms/sender-ids/", "200", "items []", _SENDER_ID),
    ("POST /api/sms/sender-ids/", "201", "", _SENDER_ID),
    ("POST /api/admin/sms/sender-ids/{sender_id}/approve/", "200", "", _SENDER_ID),
    ("POST /api/admin/sms/sender-ids/{sender_id}/reject/", "200", "", _SENDER_ID),
    ("POST /api/admin/sms/sender-ids/{sender_id}/request-changes/", "200", "", _SENDER_ID),
    ("GET /api/billing/sms/packages/", "200", "items []", _PACKAGE),
    ("GET /api/billing/payments/providers/", "200", "items []", _PROVIDER),
    ("POST /api/billing/payments/initiate/", "202", "", _PAYMENT),
    ("GET /api/billing/payments/", "200", "", _PAGE),
    ("GET /api/billing/payments/", "200", "items []", _PAYMENT),
    ("GET /api/billing/payments/{payment_id}/", "200", "", _PAYMENT),
    ("GET /api/billing/balance/", "200", "", {"available", "held", "updated_at"}),
    ("GET /api/billing/ledger/", "200", "", _PAGE),
    ("GET /api/billing/ledger/", "200", "items []", _ENTRY),
]
_PAYMENT_STATUSES = "created pending completed failed expired cancelled review refund_pending refunded"
_VALUES = [
    ("GET /api/auth/me/", "user role", "owner admin agent staff"),
    ("GET /api/sms/batches/{batch_id}/", "encoding", "GSM-7 UCS-2"),
    ("GET /api/sms/batches/{batch_id}/", "status", "accepted sending completed"),
    ("GET /api/sms/sender-ids/", "items [] kind", "own platform"),
    ("GET /api/sms/sender-ids/", "items [] status", "pending approved rejected changes_requested"),
    ("GET /api/billing/sms/packages/", "items [] id", "lite standard pro enterprise"),
    ("GET /api/billing/payments/providers/", "items [] code", "vodacom tigo airtel halotel"),
    ("GET /api/billing/payments/{payment_id}/", "status", _PAYMENT_STATUSES),
    ("GET /api/billing/ledger/", "items [] kind", "credit hold capture release adjust"),
]
_PROBLEM = {"type", "title", "status", "detail", "instance", "code", "request_id", "retryable"}
_CODES = {
    "validation_failed": 422,
    "invalid_credentials": 401,
    "token_expired": 401,
    "forbidden": 403,
    "not_found": 404,
    "sender_id_not_allowed": 403,
    "insufficient_credits": 402,
    "idempotency_key_reused": 422,
    "amount_outside_limits": 422,
    "provider_unavailable": 503,
    "rate_limited": 429,
    "payload_too_large": 413,
}


class Reader:
    """Follows fields and references through the contract."""

    def __init__(self, contract: dict[str, Any], operations: list[Operation]) -> None:
        self._schemas = contract["components"]["schemas"]
        self._operations = {str(operation): operation.content for operation in operations}

    def request(self, operation: str) -> dict[str, Any]:
        return self._resolved(self._operations[operation]["requestBody"]["content"]["application/json"]["schema"])

    def answer(self, operation: str, status: str, fields: str) -> dict[str, Any]:
        response = self._operations[operation]["responses"][status]
        schema = self._resolved(response["content"]["application/json"]["schema"])
        for field in fields.split():
            schema = self._resolved(schema["items"] if field == "[]" else schema["properties"][field])
        return schema

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        return found


@pytest.fixture(scope="session")
def reader(contract: dict[str, Any], operations: list[Operation]) -> Reader:
    return Reader(contract, operations)


@pytest.mark.parametrize("operation", _REQUESTS)
def test_a_request_has_the_promised_names(reader: Reader, operation: str) -> None:
    assert set(reader.request(operation)["properties"]) >= _REQUESTS[operation]


@pytest.mark.parametrize(("operation", "status", "fields", "names"), _ANSWERS)
def test_an_answer_has_the_promised_names_and_always(
    reader: Reader, operation: str, status: str, fields: str, names: set[str]
) -> None:
    schema = reader.answer(operation, status, fields)
    assert set(schema["properties"]) >= names
    fixed = {name for name in names if "default" in schema["properties"][name]}  # pydantic always writes these
    assert set(schema["required"]) | fixed >= names


@pytest.mark.parametrize(("operation", "fields", "values"), _VALUES)
def test_a_closed_set_has_the_promised_values(reader: Reader, operation: str, fields: str, values: str) -> None:
    assert set(reader.answer(operation, "200", fields)["enum"]) >= set(values.split())


def test_a_problem_has_the_promised_names(contract: dict[str, Any]) -> None:
    schemas = contract["components"]["schemas"]
    assert set(schemas["Problem"]["required"]) == _PROBLEM
    assert schemas["Problem"]["properties"]["errors"]["items"] == {"$ref": "#/components/schemas/FieldError"}
    assert set(schemas["FieldError"]["required"]) == {"pointer", "code", "detail"}
    assert {"required", "available", "shortfall"} <= set(schemas["Problem"]["properties"])


def test_the_codes_that_clients_branch_on_keep_their_status() -> None:
    from tools import openapi_problems

    assert openapi_problems.codes_by_name().items() >= _CODES.items()
