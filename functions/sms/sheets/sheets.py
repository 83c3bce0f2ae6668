"""Sheet: what a CSV file is like, told from its beginning: how cells are parted, what columns it has, whose the numbers
are in.

UTF-8 with or without a mark, cells parted by comma, semicolon or tab, a header or none. What office programs write
besides (UTF-16, Latin-1, workbooks) is refused with what to do about it: a name that is guessed wrong is sent wrong.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from . import sheet_columns
from .sheet_rows import LINE_BYTES_MAX, FileRefused, Place, Rows

# So much of a file tells what it is like.
SAMPLE_BYTES: Final = 64 * 1024
COLUMNS_MAX: Final = 100
_MARK: Final = b"\xef\xbb\xbf"
_DELIMITERS: Final = ",;\t"
# Excel's own way of saying it, in a line before all others.
_SAID: Final = re.compile(rb"sep=([,;\t])(?:\r\n|\r|\n)", re.IGNORECASE)
_SAVE_AS: Final = "Save it as CSV UTF-8 (comma delimited) and upload it again."
_BEGINNINGS: Final = {
    b"PK\x03\x04": ("workbook", f"This is an Excel workbook, not a CSV file. {_SAVE_AS}"),
    b"\xd0\xcf\x11\xe0": ("workbook", f"This is an Excel workbook, not a CSV file. {_SAVE_AS}"),
    b"\xff\xfe": ("utf_16", f"This file is written in UTF-16. {_SAVE_AS}"),
    b"\xfe\xff": ("utf_16", f"This file is written in UTF-16. {_SAVE_AS}"),
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file is like. `names` are those of its columns, `phone` is the position of the one with the numbers."""

    delimiter: str
    names: tuple[str, ...]
    phone: int
    start: Place
    """Where the first row of its content begins."""
    header: tuple[str, ...] = ()
    """The first row, where it was taken for the names of the columns."""


def recognised(sample: bytes, *, whole: bool) -> Sheet:
    """Tells what a file is like from its first SAMPLE_BYTES, or from all of it; raises FileRefused."""
    _require_text(sample)
    start = Place(len(_MARK) if sample.startswith(_MARK) else 0)
    lines = sample if whole else sample[: max(sample.rfind(b"\n"), sample.rfind(b"\r")) + 1]
    if not whole and not lines:
        raise FileRefused("line_too_long", f"The first line has more than {LINE_BYTES_MAX:,} bytes: is this CSV?")
    delimiter, start = _delimiter(lines, start)
    rows = Rows([lines[start.offset :]], delimiter, start)
    found = list(rows)
    if not found:
        raise FileRefused("empty", "There is nothing in this file: it has no rows.")
    if found[0].broken:
        raise FileRefused("quotes_broken", f"Line {found[0].line:,}, the first row, cannot be read. {found[0].broken}")
    first = found[0].cells
    if len(first) > COLUMNS_MAX:
        raise FileRefused("too_many_columns", f"A file has at most {COLUMNS_MAX} columns, this one has {len(first)}.")
    # What stands beyond the first row's width is in no column.
    rest = [row.cells[: len(first)] for row in found[1:]]
    headed = sheet_columns.is_header(first, rest)
    names = sheet_columns.names_of(first) if headed else sheet_columns.numbers_for(first)
    phone = sheet_columns.phone_among(names, rest) if headed else sheet_columns.phone_among([], [first, *rest])
    if phone is None:
        detail = "No column has phone numbers in it: give one the name `phone` in the first line."
        raise FileRefused("no_phone_column", detail)
    if not headed:
        return Sheet(delimiter, tuple(names), phone, start)
    header = tuple(cell[: sheet_columns.NAME_MAX] for cell in first)
    return Sheet(delimiter, tuple(names), phone, _after_first(lines, delimiter, start), header)


def _require_text(sample: bytes) -> None:
    for beginning, refusal in _BEGINNINGS.items():
        if sample.startswith(beginning):
            raise FileRefused(*refusal)
    if b"\0" in sample:
        raise FileRefused("not_text", f"This is not a text file, or not one in UTF-8. {_SAVE_AS}")


def _delimiter(lines: bytes, start: Place) -> tuple[str, Place]:
    """Returns what parts cells, and where the first row begins: after the line that says it, if one does."""
    if said := _SAID.match(lines, start.offset):
        return said[1].decode(), Place(said.end(), start.line + 1)
    widths = {sign: _evenness(lines[start.offset :], sign) for sign in _DELIMITERS}
    return max(widths, key=lambda sign: widths[sign]), start


def _evenness(lines: bytes, delimiter: str) -> int:
    """Counts the rows that are as wide as the first one, if that has several cells when parted so."""
    text = lines.decode(errors="replace").splitlines(keepends=True)
    try:
        rows: Sequence[list[str]] = [row for row in csv.reader(text, delimiter=delimiter, skipinitialspace=True) if row]
    except csv.Error:
        return 0
    width = len(rows[0]) if rows else 0
    return sum(len(row) == width for row in rows) if width > 1 else 0


def _after_first(lines: bytes, delimiter: str, start: Place) -> Place:
    rows = Rows([lines[start.offset :]], delimiter, start)
    next(iter(rows))
    return rows.place
