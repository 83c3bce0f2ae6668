"""The API's manual: the OpenAPI document, a page that shows it, and a page that explains every problem code.

Swagger UI comes with Powertools and is served from our own origin; only these pages relax the content policy, and only
as far as they need.
"""

from functools import cache
from pathlib import Path

from aws_lambda_powertools.event_handler import Response, openapi
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from mifumo.errors import NotFound
from mifumo.http import public

from . import problem_codes

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

_HERE = Path(__file__).resolve()
# Beside this module in the deployed zip, in docs/ when running from a checkout.
_OPENAPI = (_HERE.with_name("openapi.json"), _HERE.parents[2] / "docs" / "api" / "openapi.json")
_SWAGGER = Path(openapi.__file__).with_name("swagger_ui")
# Swagger UI sets inline styles and draws its icons from data: addresses; scripts come from files alone.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PROBLEMS_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FOR_A_DAY = "public, max-age=86400"
_FOR_A_WHILE = "public, max-age=300"
_HTML = "text/html; charset=utf-8"

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Mifumo SMS API</title>
<link rel="stylesheet" href="/api/docs/swagger-ui.css/">
<main id="manual">
<h1>Mifumo SMS API</h1>
<p>This page reads <a href="/api/docs/openapi.json">the OpenAPI document</a> to you, which needs JavaScript.
<a href="/api/docs/problems/">What every problem code means</a> does not.</p>
</main>
<script src="/api/docs/swagger-ui.js/"></script>
<script src="/api/docs/start.js/"></script>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/api/docs/openapi.json",
  dom_id: "#manual",
  deepLinking: true,
  docExpansion: "list",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
"""


@router.get("/api/docs/", include_in_schema=False)
@public
def page() -> Response[str]:
    return _answer(_PAGE, _HTML, policy=_PAGE_POLICY, cached=_FOR_A_WHILE)


@router.get("/api/docs/openapi.json/", include_in_schema=False)
@public
def document() -> Response[str]:
    return _answer(_text_of_openapi(), "application/vnd.oai.openapi+json", cached=_FOR_A_WHILE)


@router.get("/api/docs/problems/", include_in_schema=False)
@public
def problems() -> Response[str]:
    return _answer(problem_codes.page(), _HTML, policy=_PROBLEMS_POLICY, cached=_FOR_A_WHILE)


@router.get("/api/docs/start.js/", include_in_schema=False)
@public
def start() -> Response[str]:
    return _answer(_START, "text/javascript; charset=utf-8", cached=_FOR_A_WHILE)


@router.get("/api/docs/swagger-ui.js/", include_in_schema=False)
@public
def swagger_script() -> Response[str]:
    return _answer(_swagger("swagger-ui-bundle.min.js"), "text/javascript; charset=utf-8", cached=_FOR_A_DAY)


@router.get("/api/docs/swagger-ui.css/", include_in_schema=False)
@public
def swagger_style() -> Response[str]:
    return _answer(_swagger("swagger-ui.min.css"), "text/css; charset=utf-8", cached=_FOR_A_DAY)


def _answer(body: str, content_type: str, *, cached: str, policy: str | None = None) -> Response[str]:
    headers: dict[str, str | list[str]] = {"Cache-Control": cached}
    if policy:
        headers["Content-Security-Policy"] = policy
    return Response(200, content_type, body, headers=headers, compress=True)


@cache
def _text_of_openapi() -> str:
    for place in _OPENAPI:
        if place.is_file():
            return place.read_text(encoding="utf-8")
    raise NotFound("This deployment carries no OpenAPI document.")


@cache
def _swagger(name: str) -> str:
    return (_SWAGGER / name).read_text(encoding="utf-8")
