"""The manual: pages from our own origin, under a policy that allows them what they need and no more."""

import gzip
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

import functions
import mifumo
from functions.auth import manual, problem_codes
from functions.auth.api import handler
from mifumo.errors import AppError
from tests.auth.door import Door
from tests.builders import CONTEXT, request


@pytest.mark.parametrize("path", ["/api/docs", "/api/docs/"])
def test_the_manual_loads_scripts_and_styles_that_this_door_serves(door: Door, path: str) -> None:
    page = door.call("GET", path)
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert '<html lang="en">' in page.body
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.body)
    assert "/api/docs/swagger-ui.js/" in linked
    for address in set(linked) - {"/api/docs/openapi.json"}:
        assert door.call("GET", address).status == 200, address


def test_only_the_manuals_pages_relax_the_content_policy(door: Door) -> None:
    policies = {
        path: door.call("GET", path).headers["Content-Security-Policy"]
        for path in ("/api/docs/", "/api/docs/problems/", "/api/docs/start.js/", "/api/auth/me/", "/nowhere/")
    }
    strict = "default-src 'none'; frame-ancestors 'none'"
    assert policies["/api/docs/start.js/"] == policies["/api/auth/me/"] == policies["/nowhere/"] == strict
    assert "script-src 'self';" in policies["/api/docs/"]
    assert "script-src" not in policies["/api/docs/problems/"]
    for policy in policies.values():
        assert policy.startswith("default-src 'none';")
        assert "frame-ancestors 'none'" in policy


@pytest.mark.usefixtures("aws_tables")
def test_the_large_script_travels_packed_and_is_kept_for_a_day() -> None:
    event, context = request("GET", "/api/docs/swagger-ui.js", headers={"accept-encoding": "gzip"}), cast(Any, CONTEXT)
    response = handler(event, context)
    assert response["headers"]["Content-Encoding"] == "gzip"
    assert response["headers"]["Cache-Control"] == "public, max-age=86400"
    assert len(response["body"]) < 1_000_000
    assert b"SwaggerUIBundle" in gzip.decompress(b64decode(response["body"]))


def test_the_document_is_the_file_that_was_packed(door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = tmp_path / "openapi.json"
    packed.write_text('{"openapi": "3.1.0"}', encoding="utf-8")
    monkeypatch.setattr(manual, "_OPENAPI", (tmp_path / "absent.json", packed))
    manual._text_of_openapi.cache_clear()
    document = door.call("GET", "/api/docs/openapi.json")
    assert (document.status, document.body) == (200, {"openapi": "3.1.0"})
    manual._text_of_openapi.cache_clear()


def test_a_deployment_without_a_document_says_so(door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manual, "_OPENAPI", (tmp_path / "absent.json",))
    manual._text_of_openapi.cache_clear()
    assert (door.call("GET", "/api/docs/openapi.json").status) == 404


@pytest.mark.parametrize("path", ["/", "/nowhere", "/api/sms/", "/api/docs/nothing", "/api/tenant/nothing/"])
def test_a_path_that_nobody_has_is_a_problem_document(door: Door, path: str) -> None:
    lost = door.call("GET", path)
    assert (lost.status, lost.code, lost.headers["Content-Type"]) == (404, "not_found", "application/problem+json")


def test_every_refusal_of_every_slice_is_explained_by_the_door_which_imports_none_of_them() -> None:
    for module in _modules(functions, mifumo):
        importlib.import_module(module)
    refusals = {(refusal.code, refusal.status): refusal.title for refusal in _tree(AppError) if "code" in vars(refusal)}
    assert _explained() == refusals


def test_each_code_has_an_anchor_and_a_sentence(door: Door) -> None:
    page = door.call("GET", "/api/docs/problems/").body
    for problem in problem_codes.known():
        assert problem.meaning.endswith("."), problem.code
    assert '<section id="email_taken">' in page
    assert '<section id="insufficient_credits">' in page


def _explained() -> dict[tuple[str, int], str]:
    """Asks a process of its own, because this one has imported everything."""
    script = (
        "import functions.auth.api, json; from functions.auth import problem_codes;"
        "print(json.dumps([[p.code, p.status, p.title] for p in problem_codes.known()]))"
    )
    printed = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    return {(code, status): title for code, status, title in json.loads(printed)}


def _modules(*packages: ModuleType) -> Iterator[str]:
    for package in packages:
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            yield found.name


def _tree(parent: type[AppError]) -> Iterator[type[AppError]]:
    yield parent
    for child in parent.__subclasses__():
        yield from _tree(child)
