"""Page: a table of the docs whose rows name the tests that try what they tell."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_ROW = re.compile(r"^\| ([A-Z]?\d+) \|(.+)\|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


class Row:
    """One row: what is wrong, what answers it, and the tests that try it."""

    def __init__(self, number: str, cells: str) -> None:
        self.number = number
        self.flaw, self.answer, named = (cell.strip() for cell in cells.split("|"))
        self.tests: list[tuple[str, str]] = _TEST.findall(named)
        self.words = _TEST.sub("", named).replace("<br>", "").strip()
        """What stands beside the tests."""

    def __str__(self) -> str:
        return self.number

    def lost(self) -> Iterator[str]:
        """Yields the tests that do not exist."""
        for file, test in self.tests:
            if not test.startswith("test_") or test not in _written(file):
                yield f"{file}::{test}"


def read(name: str) -> list[Row]:
    """Reads the rows of a page of docs/."""
    page = (_ROOT / "docs" / name).read_text(encoding="utf-8")
    return [Row(*found) for found in _ROW.findall(page)]


@cache
def _written(file: str) -> frozenset[str]:
    """Names the tests of a file, without running it; of a file that is not there, none."""
    path = _ROOT / file
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
