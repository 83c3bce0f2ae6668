"""Spreadsheet: rows written as CSV that no spreadsheet program takes for anything but text.

A cell that begins like a formula gets an apostrophe before it (OWASP, CSV injection): who keeps `=HYPERLINK(...)` as a
name must not have it run where somebody opens the file. So does a number with its plus, which would lose its last
digits; where numbers are read, an apostrophe before them is dropped.
"""

import csv
import io
from collections.abc import Iterable, Sequence

# A tab or a line's end is dropped by some programs, and then the next character counts; the last four are wide forms.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Programs that are given no encoding take UTF-8 by this mark.
_BYTE_ORDER_MARK = "\ufeff"


def written(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Writes a header and rows as RFC 4180 has it."""
    return _BYTE_ORDER_MARK + lines([header, *rows])


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Writes rows that go on where others ended."""
    out = io.StringIO()
    csv.writer(out).writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue()


def harmless(cell: str) -> str:
    """Returns a cell that is no formula, also where white space before it is not seen.

    One that begins with an apostrophe gets another: who reads it takes one away.
    """
    return f"'{cell}" if cell.startswith(("'", *_FORMULA)) or cell.lstrip().startswith(_FORMULA) else cell


def meant(cell: str) -> str:
    """Returns what a cell says, without the apostrophe that `harmless` or a spreadsheet has put before it."""
    return cell[1:] if cell.startswith("'") and harmless(cell[1:]) == cell else cell
