"""Links of the contract: the id that an answer tells is good for the operations one step below its path.

A list or a thing just made leads to reading it, changing it and taking it away. Readers see what belongs together, and
a test that walks from answer to answer finds its way.
"""

from collections.abc import Iterator
from typing import Any

from tools.openapi_schemas import Schema

# What is made by a verb is found below the list of such things.
_MADE_AT = {"/api/sms/send/": "/api/sms/batches/", "/api/billing/payments/initiate/": "/api/billing/payments/"}
_MAKES = ("201", "202")


def add(paths: dict[str, Schema], schemas: dict[str, Schema]) -> None:
    """Writes into each answer that tells an id where the id leads."""
    for path, operations in paths.items():
        for method, operation in operations.items():
            below = list(_below(_MADE_AT.get(path, path), paths))
            for status, answer in operation["responses"].items():
                pointer = _pointer(method, status, answer, schemas)
                if pointer and below:
                    answer["links"] = {name: _link(name, parameter, pointer) for name, parameter in below}


def _below(path: str, paths: dict[str, Schema]) -> Iterator[tuple[str, str]]:
    """Yields (operation, parameter) of what stands at `path{parameter}/…` with no second parameter."""
    for candidate, operations in paths.items():
        parameter, closed, rest = candidate.removeprefix(path + "{").partition("}")
        if candidate.startswith(path + "{") and closed and "{" not in rest:
            yield from ((operation["operationId"], parameter) for operation in operations.values())


def _pointer(method: str, status: str, answer: Schema, schemas: dict[str, Schema]) -> str:
    """Returns where the answer has an id: itself if it tells what was made, else its first item."""
    fields = _fields(_body(answer), schemas)
    if method == "post" and status in _MAKES:
        return "/id" if "id" in fields else ""
    items = fields.get("items", {}).get("items", {}) if method == "get" else {}
    return "/items/0/id" if "id" in _fields(items, schemas) else ""


def _body(answer: Schema) -> Schema:
    body: Schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return body


def _fields(schema: Schema, schemas: dict[str, Schema]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    fields: dict[str, Any] = schemas.get(name, schema).get("properties", {})
    return fields


def _link(name: str, parameter: str, pointer: str) -> Schema:
    return {"operationId": name, "parameters": {parameter: f"$response.body#{pointer}"}}
