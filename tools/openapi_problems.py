"""Problems of the contract: one schema for every refusal, and one response for each status."""

import pkgutil
from collections.abc import Iterator
from typing import Any

import functions
import mifumo
from mifumo import problems
from mifumo.errors import AppError
from tools.openapi_imports import imported
from tools.openapi_schemas import ContractError, Schema

# The name of the response and what it means; written here, as the phrases of http.HTTPStatus change with Python.
_STATUSES = {
    401: ("Unauthenticated", "The caller is not known"),
    402: ("PaymentRequired", "The credits do not suffice"),
    403: ("Forbidden", "The caller may not do this"),
    404: ("NotFound", "There is no such thing, or it is another tenant's"),
    409: ("Conflict", "The current state does not allow this"),
    413: ("PayloadTooLarge", "The body is too large"),
    415: ("UnsupportedMediaType", "The body is not JSON"),
    422: ("Unprocessable", "The request breaks a rule; `errors` lists every broken one"),
    429: ("TooManyRequests", "Too many requests; nothing was changed"),
    500: ("InternalError", "Something went wrong on our side"),
    503: ("Unavailable", "It cannot be done right now; nothing was changed"),
}
_HEADERS = {
    401: ["WWW-Authenticate"],
    429: ["Retry-After", "RateLimit", "RateLimit-Policy"],
    503: ["Retry-After"],
}


def reference(status: int) -> Schema:
    """Returns the reference to the response of a status."""
    if status not in _STATUSES:
        raise ContractError(f"No route has had a problem with status {status} yet: give it a name in {__name__}.")
    return {"$ref": f"#/components/responses/{_STATUSES[status][0]}"}


def responses() -> dict[str, Schema]:
    """Returns the response of every status, by its name."""
    return {name: _response(status, meaning) for status, (name, meaning) in _STATUSES.items()}


def _response(status: int, meaning: str) -> Schema:
    codes = ", ".join(f"`{code}`" for code, of in codes_by_name().items() if of == status)
    headers = ["X-Request-Id", *_HEADERS.get(status, [])]
    return {
        "description": f"{meaning}: {codes}.",
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in headers},
        "content": {problems.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def codes_by_name() -> dict[str, int]:
    """Returns every code that a refusal of ours has, with its status."""
    for package in (mifumo, functions):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            imported(module.name)
    return dict(sorted({refusal.code: refusal.status for refusal in _refusals(AppError)}.items()))


def _refusals(refusal: type[AppError]) -> Iterator[type[AppError]]:
    if refusal.__module__.partition(".")[0] in {"functions", "mifumo"}:  # a test's own refusals are no contract
        yield refusal
    for child in refusal.__subclasses__():
        yield from _refusals(child)


def schemas() -> dict[str, Schema]:
    """Returns the schemas of a problem document."""
    return {"FieldError": _FIELD_ERROR, "Problem": _problem()}


def _text(description: str, example: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, "examples": [example], **more}


_FIELD_ERROR: Schema = {
    "type": "object",
    "description": "One thing wrong with one field.",
    "required": ["pointer", "code", "detail"],
    "properties": {
        "pointer": _text(
            "A JSON pointer into the body, or `query:limit`, `path:id`, `header:Idempotency-Key`.", "/recipients/0"
        ),
        "code": _text("What is wrong, for programs.", "too_short"),
        "detail": _text("What is wrong, for people.", "This number is too short."),
    },
}


def _problem() -> Schema:
    whole = {"type": "integer", "minimum": 0}
    return {
        "type": "object",
        "description": "Every refusal (RFC 9457). Branch on `code`; a code that you do not know means what its status "
        "means. Members that are not listed here may come with a code.",
        "required": ["type", "title", "status", "detail", "instance", "code", "request_id", "retryable"],
        "properties": {
            "type": _text(
                "Where the code is explained.", f"{problems.TYPE_PREFIX}validation_failed", format="uri-reference"
            ),
            "title": _text("What the code means, the same every time.", "The request is not valid"),
            "status": {"type": "integer", "description": "The HTTP status.", "enum": [405, *_STATUSES]},
            "detail": _text("What happened this time, for people.", "Check /recipients/0."),
            "instance": _text("The path that was called.", "/api/sms/send/"),
            "code": _text("What happened, for programs.", "validation_failed", enum=list(codes_by_name())),
            "request_id": _text("What to tell us when you ask for help.", "01jd8x6q5v7w9y2k4m6p8r0t1a"),
            "retryable": {"type": "boolean", "description": "Whether the same request can be sent again."},
            "errors": {
                "type": "array",
                "description": "With `validation_failed`: everything that is wrong, at once.",
                "items": {"$ref": "#/components/schemas/FieldError"},
                "minItems": 1,
            },
            "required": {**whole, "description": "With `insufficient_credits`: what this costs."},
            "available": {**whole, "description": "With `insufficient_credits`: what the wallet has."},
            "shortfall": {**whole, "description": "With `insufficient_credits`: what is missing."},
            "cap": {**whole, "description": "With `daily_cap_reached`: recipients that the tenant allows a day."},
            "left": {**whole, "description": "With `daily_cap_reached`: how many of them are left."},
            "ends_at": _text("With `daily_cap_reached`: when the day ends.", "2026-01-31T21:00:00.000Z"),
            "amount": {**whole, "description": "With `amount_outside_limits`: what was to be paid, in TZS."},
            "min_amount": {**whole, "description": "With `amount_outside_limits`: the least that the wallet pays."},
            "max_amount": {**whole, "description": "With `amount_outside_limits`: the most that the wallet pays."},
            "payment_id": _text("With `provider_unavailable`: the attempt on record.", "01jd8x6q5v7w9y2k4m6p8r0t1a"),
        },
    }
