"""Statement as CSV: one line an entry, oldest first, which no spreadsheet takes for a formula."""

import csv
import io
from collections.abc import Iterable
from typing import Final

from mifumo import spreadsheets
from mifumo.aws import Item

_COLUMNS: Final = (
    "seq",
    "created_at",
    "kind",
    "amount",
    "available_delta",
    "held_delta",
    "available_after",
    "held_after",
    "reference",
)


def lines(entries: Iterable[Item], *, titled: bool) -> str:
    """Writes entries as CSV (RFC 4180); the first part of a statement has the titles."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    if titled:
        writer.writerow(_COLUMNS)
    writer.writerows([_cell(entry[column]) for column in _COLUMNS] for entry in entries)
    return out.getvalue()


def _cell(value: str | int) -> str | int:
    """Leaves numbers numbers; a text that looks like a formula is marked as a text."""
    return spreadsheets.harmless(value) if isinstance(value, str) else value
