"""Problem documents (RFC 9457): what every refusal looks like on the wire."""

import json
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from mifumo.errors import AppError, FieldError, ValidationFailed

CONTENT_TYPE = "application/problem+json"
# Resolves to the page that explains every code.
TYPE_PREFIX = "/api/docs/problems/#"


def answer(error: AppError, *, instance: str, request_id: str) -> Response[str]:
    """Makes the response for a refusal."""
    document: dict[str, Any] = {
        "type": f"{TYPE_PREFIX}{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "code": error.code,
        "request_id": request_id,
        "retryable": error.retryable,
        **error.extensions,
    }
    if error.errors:
        document["errors"] = [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in error.errors]
    headers = {**error.headers}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="mifumo"'
    return Response(error.status, CONTENT_TYPE, json.dumps(document), headers=headers)


def of_validation(error: RequestValidationError) -> ValidationFailed:
    """Translates the library's validation errors, all of them, into pointers, codes and sentences."""
    fields = tuple(FieldError(_pointer(e["loc"]), str(e["type"]), _sentence(e)) for e in error.errors())
    names = ", ".join(dict.fromkeys(field.pointer for field in fields))
    return ValidationFailed(f"Check {names}.", errors=fields)


def _pointer(loc: tuple[Any, ...]) -> str:
    """Writes a location as a JSON pointer into the body, or as `query:limit`, `path:id`, `header:name` elsewhere."""
    where, *rest = loc or ("body",)
    if rest and isinstance(rest[0], int):
        rest = []  # JSON that does not parse: the number is a place in the text, not a member
    path = "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in rest)
    return f"/{path}" if where == "body" and path else f"{where}:{path}" if path else str(where)


def _sentence(error: dict[str, Any]) -> str:
    """Returns pydantic's message, less the prefix that it puts before a sentence of ours."""
    return str(error.get("msg", "This value is not valid.")).removeprefix("Value error, ")
