"""Letter: a text whose placeholders are filled from the cells of a row."""

from collections.abc import Sequence
from dataclasses import dataclass

from functions.sms.content import rendering

from . import entries, sheet_columns
from .sheet_rows import FileRefused
from .sheets import Sheet


class EmptyCell(Exception):
    """A row has nothing for a placeholder; `column` is the name of its column."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


@dataclass(frozen=True, slots=True)
class Letter:
    """What stands in the text as it is, and the columns (position, name) whose cells come between."""

    fixed: tuple[str, ...]
    columns: tuple[tuple[int, str], ...]

    def written(self, cells: list[str]) -> str:
        """Writes the text of a row; raises EmptyCell."""
        if not self.columns:
            return self.fixed[0]
        text = [self.fixed[0]]
        for (place, name), after in zip(self.columns, self.fixed[1:], strict=True):
            value = entries.meant(cells, place)
            if not value:
                raise EmptyCell(name)
            text += value, after
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


def _places(names: Sequence[str], wanted: str) -> list[int]:
    folded = sheet_columns.name_of(wanted)
    return [place for place, name in enumerate(names) if name == folded]
