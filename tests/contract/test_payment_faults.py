"""The page of payment faults: one row for each; every test that a row names exists, or it says why there is none."""

import pytest

from tests.contract import pages
from tests.contract.pages import Row

# Numbers that were given up stay free, so that the others keep theirs.
_GIVEN_UP = {24, 35, 39}
_WANTED = [str(number) for number in range(1, 61) if number not in _GIVEN_UP]
_ROWS = pages.read("payment-faults.md")


def test_every_fault_has_one_row_in_order() -> None:
    assert [row.number for row in _ROWS] == _WANTED


@pytest.mark.parametrize("row", _ROWS, ids=str)
def test_a_fault_is_told_answered_and_tried_or_says_why_not(row: Row) -> None:
    assert row.flaw
    assert row.answer
    assert bool(row.tests) != bool(row.words), "either tests or one sentence"
    assert row.words.count(". ") == 0
    assert not row.words or row.words.endswith(".")
    assert list(row.lost()) == []
