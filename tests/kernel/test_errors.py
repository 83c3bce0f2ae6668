"""Refusals carry what a caller may be told; and a guard that every metric of the code is named alike."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mifumo.errors import AppError, FieldError, InvalidCredentials, Unauthenticated, ValidationFailed

ROOT = Path(__file__).parents[2]
SOURCES = [path for folder in ("functions", "layers/common/python") for path in (ROOT / folder).rglob("*.py")]


def counted() -> Iterator[tuple[str, ast.expr]]:
    """Finds the names given to `count`, in the modules that have it from `observability`."""
    for path in SOURCES:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        imports = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module == "mifumo.observability"]
        if not any(alias.name == "count" for node in imports for alias in node.names):
            continue
        for node in nodes:
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "count":
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.args[0]


def written(name: ast.expr) -> str:
    """Returns a metric's name; of one that ends in a value, the part before it."""
    start = name.values[0] if isinstance(name, ast.JoinedStr) and len(name.values) == 2 else name
    return str(start.value) if isinstance(start, ast.Constant) else ""


def test_every_metric_is_named_in_camel_case() -> None:
    names = {place: written(name) for place, name in counted()}
    assert len(names) > 15
    assert [place for place, name in names.items() if not re.fullmatch(r"([A-Z][a-z]+)+", name)] == []


def test_a_refusal_says_its_title_unless_it_knows_better() -> None:
    assert AppError().detail == AppError.title == str(AppError())
    assert AppError("Because.").detail == "Because." == str(AppError("Because."))


def test_a_refusal_carries_the_objects_involved() -> None:
    refused = AppError("Because.", retry_after_s=3, required=5)
    assert (refused.retry_after_s, refused.extensions, refused.errors) == (3, {"required": 5}, ())


def test_a_narrower_refusal_answers_with_the_status_of_its_kind() -> None:
    assert issubclass(InvalidCredentials, Unauthenticated)
    assert InvalidCredentials.status == Unauthenticated.status == 401


def test_one_field_is_refused_with_one_error() -> None:
    refused = ValidationFailed.of("/text", "empty", "Write something to send.")
    assert refused.errors == (FieldError("/text", "empty", "Write something to send."),)
    with pytest.raises(AttributeError):
        refused.errors[0].code = "other"  # type: ignore[misc]
