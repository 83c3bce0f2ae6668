"""Entry: a row of a sheet with the number that it is for, or the refusal of one that has none."""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

from mifumo import phone, spreadsheets

from . import refusals
from .refusals import Refusal
from .sheet_rows import Row
from .sheets import Sheet

# As these programs write it, with a sign and two digits: `3E4` is a house.
_SCIENTIFIC: Final = re.compile(r"[+-]?[0-9](?:[.,][0-9]+)?E[+-][0-9]{2,3}")
CUT_SHORT: Final = "A spreadsheet has cut this number short: format the column as text and enter it again."
# An apostrophe makes a number text. Before anything else it is one: '90s, 'Ndugu'.
_TEXT_NUMBER: Final = re.compile(r"'[0-9][0-9 .,/:-]*")


class Entry(NamedTuple):
    """A row, the line that it begins in, and its number, in digits."""

    line: int
    digits: str
    cells: list[str]


def of(rows: Iterable[Row], sheet: Sheet, countries: Collection[str]) -> Iterator[Entry | Refusal]:
    """Reads entries from rows; the numbers are of Tanzania or of these countries."""
    place, names = sheet.phone, sheet.names
    width = len(names)
    for line, cells, broken in rows:
        if broken:
            yield refusals.of_cell(line, "", cells[0], "quotes_broken", broken)
            continue
        if len(cells) > width and any(cells[width:]):
            detail = (
                f"This row has {len(cells)} cells, the first one has {width}: put cells with a delimiter in quotes."
            )
            yield refusals.of_cell(line, "", cells[width], "too_many_cells", detail)
            continue
        written = cells[place] if place < len(cells) else ""
        try:
            yield Entry(line, phone.digits(written, countries=countries), cells)
        except phone.InvalidNumber as error:
            yield refusals.of_cell(line, names[place], written, error.reason_code.value, error.detail)


def meant(cells: list[str], place: int) -> str:
    """Returns what a cell says: office programs put spaces of several kinds around, and apostrophes before."""
    if place >= len(cells):
        return ""
    written = cells[place].replace("\u00a0", " ").strip()
    # Most cells of a million rows end here.
    if not written.startswith("'"):
        return written
    return written[1:] if _TEXT_NUMBER.fullmatch(written) else spreadsheets.meant(written)


def is_cut_short(value: str) -> bool:
    """Tells whether an office program has left only the first digits of a number."""
    return "E" in value and bool(_SCIENTIFIC.fullmatch(value))
