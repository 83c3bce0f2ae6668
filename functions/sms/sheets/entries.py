"""Entry: a row of a sheet with the number that it is for, or the refusal of one that has none."""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from mifumo import phone, spreadsheets

from . import refusals
from .refusals import Refusal
from .sheet_rows import Row
from .sheets import Sheet


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
    return spreadsheets.meant(cells[place].replace("\u00a0", " ").strip())
