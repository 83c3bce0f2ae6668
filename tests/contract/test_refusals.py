"""Refusals: each one that is declared is raised somewhere, and each has a code of its own."""

import ast
import importlib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from mifumo.errors import AppError

ROOT = Path(__file__).resolve().parents[2]
KERNEL = ROOT / "layers/common/python"
DEPLOYED = (ROOT / "functions", KERNEL / "mifumo")


@cache
def sources() -> dict[Path, ast.Module]:
    paths = [path for folder in DEPLOYED for path in sorted(folder.rglob("*.py"))]
    return {path: ast.parse(path.read_text()) for path in paths}


def declared() -> set[type[AppError]]:
    """Every subclass, found once every module that declares a class is imported."""
    for path, tree in sources().items():
        if any(isinstance(node, ast.ClassDef) and node.bases for node in ast.walk(tree)):
            root = KERNEL if path.is_relative_to(KERNEL) else ROOT
            importlib.import_module(".".join(path.relative_to(root).with_suffix("").parts))
    return {one for one in _below(AppError) if one.__module__.startswith(("mifumo", "functions"))}


def _below(refusal: type[AppError]) -> Iterator[type[AppError]]:
    for child in refusal.__subclasses__():
        yield child
        yield from _below(child)


@cache
def used() -> set[str]:
    """Names that are raised, or made for somebody else to raise: called, or named after `raise`."""
    names = set()
    for tree in sources().values():
        for node in ast.walk(tree):
            made = node.exc if isinstance(node, ast.Raise) else node.func if isinstance(node, ast.Call) else None
            names |= {*_names(made)}
    return names


def _names(node: ast.expr | None) -> Iterator[str]:
    """Reads X, module.X, X(...) and X.of(...)."""
    match node:
        case ast.Name(id=name):
            yield name
        case ast.Attribute(value=value, attr=name):
            yield name
            yield from _names(value)
        case ast.Call(func=func):
            yield from _names(func)
        case _:
            return


def test_every_refusal_is_raised_somewhere() -> None:
    """A branch of the tree is raised by its leaves: RateLimited is, as the kinds of it that a door names."""
    raised = {one for one in declared() if one.__name__ in used()}
    assert {one.__name__ for one in declared() if not any(issubclass(kind, one) for kind in raised)} == set()


def test_no_two_refusals_share_a_code_unless_one_is_a_kind_of_the_other() -> None:
    by_code = defaultdict(set)
    for one in declared():
        by_code[one.code].add(one)
    for code, sharing in by_code.items():
        roots = [one for one in sharing if not any(other in sharing for other in one.__mro__[1:])]
        assert len(roots) == 1, f"{code} is the code of {roots}"


def test_every_refusal_has_a_status_of_its_kind_and_a_sentence() -> None:
    for one in declared():
        assert 400 <= one.status < 600, one
        assert one.code != AppError.code, one
        assert one.title != AppError.title, one


def test_the_search_would_find_a_refusal_that_nobody_raises() -> None:
    with pytest.raises(AssertionError):
        assert "NobodyRaisesThis" in used()
    assert {"InsufficientCredits", "ValidationFailed", "Busy"} <= used()
