"""The page of faults of bulk texting: one row for each, and every test that a row names exists."""

import pytest

from tests.contract import pages
from tests.contract.pages import Row

_WANTED = {f"B{number}" for number in range(1, 26)}
_ROWS = pages.read("sms-faults.md")


def test_every_fault_has_one_row() -> None:
    assert sorted(row.number for row in _ROWS) == sorted(_WANTED)


@pytest.mark.parametrize("row", _ROWS, ids=str)
def test_a_fault_is_told_answered_and_tried(row: Row) -> None:
    assert row.flaw
    assert row.answer
    assert row.tests
    assert not row.words
    assert list(row.lost()) == []
