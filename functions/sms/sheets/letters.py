"""Letter: a text whose placeholders are filled from the cells of a row."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from functions.sms.content import rendering

from . import entries, sheet_columns
from .sheet_rows import FileRefused
from .sheets import Sheet

# A number that a program has made a fraction of: `4.0` may be a mark, and `1000.50` is an amount.
_DECIMAL_ZERO: Final = re.compile(r"([0-9]{4,})[.,]0")


class Unwritable(Exception):
    """A cell cannot stand in a text: its column, what is in it, and why, as a row is refused."""

    def __init__(self, column: str, value: str, code: str, detail: str) -> None:
        super().__init__(column)
        self.column = column
        self.value = value
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Letter:
    """What stands in the text as it is, and the columns (position, name) whose cells come between."""

    fixed: tuple[str, ...]
    columns: tuple[tuple[int, str], ...]

    def written(self, cells: list[str]) -> str:
        """Writes the text of a row; raises Unwritable."""
        if not self.columns:
            return self.fixed[0]
        text = [self.fixed[0]]
        for (place, name), after in zip(self.columns, self.fixed[1:], strict=True):
            text += _meant(cells, place, name), after
        return "".join(text)


def of(body: str, sheet: Sheet) -> Letter:
    """Finds the columns for a body's placeholders, whatever the case of their letters; raises FileRefused."""
    pieces = rendering.pieces(body)
    wanted = dict.fromkeys(pieces[1::2])
    places = {name: _places(sheet.names, name) for name in wanted}
    if missing := [name for name, found in places.items() if not found]:
        have = ", ".join(sheet.names)
        detail = f"No column is called {', '.join(missing)}; the file has {have}. Name it so in the first line."
        raise FileRefused("column_missing", detail)
    if twice := [name for name, found in places.items() if len(found) > 1]:
        raise FileRefused("column_twice", f"Several columns are called {', '.join(twice)}: keep one of them.")
    return Letter(tuple(pieces[::2]), tuple((places[name][0], name) for name in pieces[1::2]))


def _meant(cells: list[str], place: int, name: str) -> str:
    value = entries.meant(cells, place)
    if not value:
        detail = "The text needs a value from this column, and the cell is empty."
        raise Unwritable(name, value, "value_missing", detail)
    if entries.is_cut_short(value):
        raise Unwritable(name, value, "scientific_notation", entries.CUT_SHORT)
    whole = _DECIMAL_ZERO.fullmatch(value) if value.endswith((".0", ",0")) else None
    return whole[1] if whole else value


def _places(names: Sequence[str], wanted: str) -> list[int]:
    folded = sheet_columns.name_of(wanted)
    return [place for place, name in enumerate(names) if name == folded]
