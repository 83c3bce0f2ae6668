"""The page of defects: one row for each that the server before had, and every test that a row names exists."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = (_ROOT / "docs" / "defects.md").read_text(encoding="utf-8")
_WANTED = [*(f"A{number}" for number in range(1, 17)), *(f"T{number}" for number in range(1, 10))]
_ROW = re.compile(r"^\| ([A-Z]\d+) \|(.+)\|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


class Row:
    """One row: what was wrong, what answers it, and the tests that try it."""

    def __init__(self, number: str, cells: str) -> None:
        self.number = number
        self.flaw, self.answer, named = (cell.strip() for cell in cells.split("|"))
        self.named = named
        self.tests: list[tuple[str, str]] = _TEST.findall(named)

    def __str__(self) -> str:
        return self.number


_ROWS = [Row(*found) for found in _ROW.findall(_PAGE)]


@cache
def _written(file: str) -> frozenset[str]:
    """Names the tests of a file, without running it; of a file that is not there, none."""
    path = _ROOT / file
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _lost(row: Row) -> Iterator[str]:
    for file, test in row.tests:
        if not test.startswith("test_") or test not in _written(file):
            yield f"{file}::{test}"


def test_every_defect_has_one_row() -> None:
    numbers = [row.number for row in _ROWS]
    assert sorted(set(numbers)) == sorted(numbers)
    assert [number for number in _WANTED if number not in numbers] == []


@pytest.mark.parametrize("row", _ROWS, ids=str)
def test_a_defect_is_told_answered_and_tried_by_tests_that_exist(row: Row) -> None:
    assert row.flaw
    assert row.answer
    assert row.tests
    assert _TEST.sub("", row.named).replace("<br>", "") == "", "nothing but tests is named"
    assert list(_lost(row)) == []


def test_a_test_that_does_not_exist_is_noticed() -> None:
    here = "tests/contract/test_defects.py"
    cells = f" was | is | `{here}::test_every_defect_has_one_row`<br>`{here}::test_no_such`<br>`tests/no.py::test_one` "
    assert list(_lost(Row("A1", cells))) == [f"{here}::test_no_such", "tests/no.py::test_one"]
