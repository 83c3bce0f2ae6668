"""The page of defects: one row for each that the server before had, and every test that a row names exists."""

import pytest

from tests.contract import pages
from tests.contract.pages import Row

_COUNTS = {"A": 16, "T": 9, "W": 6}
_WANTED = [f"{kind}{number}" for kind, most in _COUNTS.items() for number in range(1, most + 1)]
_ROWS = pages.read("defects.md")


def test_every_defect_has_one_row() -> None:
    numbers = [row.number for row in _ROWS]
    assert sorted(set(numbers)) == sorted(numbers)
    assert [number for number in _WANTED if number not in numbers] == []


@pytest.mark.parametrize("row", _ROWS, ids=str)
def test_a_defect_is_told_answered_and_tried_by_tests_that_exist(row: Row) -> None:
    assert row.flaw
    assert row.answer
    assert row.tests
    assert row.words == "", "nothing but tests is named"
    assert list(row.lost()) == []


def test_a_test_that_does_not_exist_is_noticed() -> None:
    here = "tests/contract/test_defects.py"
    cells = f" was | is | `{here}::test_every_defect_has_one_row`<br>`{here}::test_no_such`<br>`tests/no.py::test_one` "
    assert list(Row("A1", cells).lost()) == [f"{here}::test_no_such", "tests/no.py::test_one"]
