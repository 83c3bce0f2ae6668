"""The contract: one OpenAPI document of all doors, made from their routes. `python -m tools.openapi` writes it down."""

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from aws_lambda_powertools.event_handler.api_gateway import Route
from aws_lambda_powertools.event_handler.openapi.exceptions import OpenAPIMergeError
from aws_lambda_powertools.event_handler.openapi.merge import OpenAPIMerge
from aws_lambda_powertools.event_handler.openapi.models import License, Server, Tag

from mifumo.http import Api
from tools import openapi_links, openapi_operations, openapi_problems, openapi_schemas
from tools.openapi_imports import imported
from tools.openapi_schemas import ContractError, Schema

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / "docs" / "api" / "openapi.json"
SLICES = ("auth", "sms", "billing", "webhooks")
_TAGS = {
    "auth": "Register, sign in, and stay signed in.",
    "keys": "API keys for programs.",
    "tenant": "The business: its members and its settings.",
    "sms": "Send texts, and see what became of each of them.",
    "billing": "Packages, payments by mobile money, and every credit that moved.",
    "admin": "For platform staff.",
    "webhooks": "Where the providers report. Each call proves who sends it by the provider's own means.",
}
_SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `access` token of `POST /api/auth/login/`, which speaks for a person. It is good for 15 "
        "minutes. `x-roles` of an operation lists the roles that may call it.",
    },
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "mfk_live_… or mfk_test_…",
        "description": "An API key of `POST /api/auth/keys/`, which speaks for a program. It needs the scope that an "
        "operation lists here; an operation without one is for people. A test key moves nothing.",
    },
}
_DESCRIPTION = """\
Prepaid bulk SMS for Tanzania.

- **Sign in** with `POST /api/auth/login/` and send `Authorization: Bearer <access>` with everything else. Programs \
send an API key in its place.
- **Permissions**: `x-action` of an operation is the row of the permission table that it needs, `x-roles` who has it; \
anybody else gets 403.
- **Paths** end with a slash; a call without it works as well.
- **Repeat safely**: routes that make messages or money take an `Idempotency-Key`. The same request with the same key \
is done once; later answers carry `Idempotent-Replayed: true`.
- **Pages**: `limit` (at most 250) and `cursor`; the answer's `next` is the cursor of the next page, null at the end.
- **Numbers**: money is whole TZS, credits are whole credits, times are RFC 3339 in UTC, phone numbers are E.164.
- **Problems**: every refusal is `application/problem+json` with a stable `code`; `/api/docs/problems/` explains each. \
A path answers the methods that it does not have with 405 and `Allow`.
- **The gateway** refuses some calls before they reach us: bodies above 10 MB (413), too many calls at once (429), and \
when it gets no answer from us (503). Its body is `{"message": "..."}` as `application/json`: there go by the status.
"""


def main() -> None:
    """Writes the contract to docs/api/openapi.json."""
    PLACE.parent.mkdir(parents=True, exist_ok=True)
    try:
        contract = text()
    except (ContractError, OpenAPIMergeError) as error:
        sys.exit(f"The contract cannot be written: {error}")
    PLACE.write_text(contract, encoding="utf-8")
    print(f"Wrote {PLACE.relative_to(ROOT)}.")


def text() -> str:
    """Returns the contract as it is committed."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> Schema:
    """Makes the contract."""
    slices = {name: _described(imported(f"functions.{name}.api").app) for name in SLICES}
    openapi_schemas.require_one_meaning(slices | {"kernel": _shared()})
    merge = OpenAPIMerge(
        title="Mifumo SMS API",
        version=_version(),
        openapi_version="3.1.0",
        description=_DESCRIPTION,
        license_info=License(name="MIT"),
        servers=[Server(url="/")],
        tags=[Tag(name=name, description=description) for name, description in _TAGS.items()],
        on_conflict="error",
    )
    for described in (*slices.values(), _shared()):
        merge.add_schema(described)
    merged = merge.get_openapi_schema()
    _require_unique_names(merged)
    openapi_links.add(merged["paths"], merged["components"]["schemas"])
    head = ("openapi", "info", "servers", "tags", "paths", "components")
    return {key: merged[key] if key == "tags" else openapi_schemas.sorted_names(merged[key]) for key in head}


def _described(app: Api) -> Schema:
    """Describes one door: what Powertools knows of its routes, and what its door adds to each."""
    raw = app.get_openapi_schema(title="", version="").model_dump(mode="json", by_alias=True, exclude_none=True)
    described = openapi_schemas.tidy(raw)
    schemas = described["components"]["schemas"]
    for route in _routes(app):
        operations = described["paths"][route.openapi_path]
        method = route.method.lower()
        operations[method] = openapi_operations.complete(operations[method], route, schemas)
    return described


def _routes(app: Api) -> Iterator[Route]:
    for route in (*app._static_routes, *app._dynamic_routes):  # noqa: SLF001 # Powertools lists them nowhere else
        if route.include_in_schema:
            yield route


def _shared() -> Schema:
    return {
        "components": {
            "headers": openapi_operations.HEADERS,
            "parameters": openapi_operations.PARAMETERS,
            "responses": openapi_problems.responses(),
            "schemas": openapi_problems.schemas(),
            "securitySchemes": _SECURITY,
        }
    }


def _require_unique_names(merged: Schema) -> None:
    """Refuses two operations of one name, and a tag that nobody has described."""
    owners: dict[str, str] = {}
    for path, operations in merged["paths"].items():
        for method, operation in operations.items():
            place = f"{method.upper()} {path}"
            first = owners.setdefault(operation["operationId"], place)
            if first != place:
                raise ContractError(f"{first} and {place} are both called {operation['operationId']}: rename one.")
            if unknown := set(operation["tags"]) - set(_TAGS):
                raise ContractError(f"{place} has the tag {unknown.pop()}: describe it in {__name__}.")


def _version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version: str = project["version"]
    return version


if __name__ == "__main__":
    main()
