"""Columns of a sheet: what they are called, and in which of them the numbers are."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

from mifumo import phone

# Longer ones are cut, as every refused row repeats the name of a column: whoever asks in forms has whole sentences.
NAME_MAX: Final = 80
# What the column of the numbers is called here, the surest names first.
_PHONE_NAMES: Final = (
    "phone",
    "phonenumber",
    "phoneno",
    "msisdn",
    "simu",
    "nambayasimu",
    "nambazasimu",
    "nambasimu",
    "simuyamkononi",
    "namba",
    "nambari",
    "mobile",
    "mobilenumber",
    "mobileno",
    "mobilephone",
    "cellphone",
    "cellnumber",
    "cell",
    "telephone",
    "telephonenumber",
    "telno",
    "tel",
    "to",
    "recipient",
    "recipients",
    "destination",
    "destaddr",
    "contactnumber",
    "number",
    "whatsapp",
    "contact",
    "contacts",
)
# A number that office programs have cut short is one all the same: it is refused with its row, not as a header.
_NUMBER_LIKE: Final = re.compile(r"['\u2018\u2019]?\+?[\d\s().\-\u00a0\u2010-\u2015]{7,24}|[+-]?\d[.,]?\d*[eE]\+?\d+")
_DIGITS_MIN: Final = 7
# A mobile number of ours that they have cut short: 712345678 is 7.12E+08, and 255712345678 is 2.56E+11.
_CUT_SHORT: Final = re.compile(r"[67](?:[.,]\d+)?[eE]\+?0?8|2[.,](?:5[56]\d*|6)[eE]\+?11")
# Names of variables as templates write them.
_NAME: Final = re.compile(r"[^0-9a-z]+")


def names_of(first: Sequence[str]) -> list[str]:
    """Returns the names that a header gives to columns; those that have none in it are numbered."""
    return [name_of(cell)[:NAME_MAX] or numbered for cell, numbered in zip(first, numbers_for(first), strict=True)]


def numbers_for(first: Sequence[str]) -> list[str]:
    """Returns the names of columns that have no header."""
    return [f"column_{place}" for place in range(1, len(first) + 1)]


def name_of(written: str) -> str:
    """Returns a name as columns and variables are compared by: `Account No.` is account_no, `2020 debt` _2020_debt."""
    plain = unicodedata.normalize("NFKD", written.casefold())
    name = _NAME.sub("_", "".join(char for char in plain if not unicodedata.combining(char))).strip("_")
    return f"_{name}" if name[:1].isdigit() else name


def is_header(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Tells whether the first row names the columns of the rest; one with a number to send to never does."""
    if any(map(_readable, first)):
        return False
    names = names_of(first)
    place = phone_among(names, rest)
    if place is not None and _digits_alone(first[place]):
        return False
    return any(_squeezed(name) in _PHONE_NAMES for name in names) or not any(map(_number_like, first))


def phone_among(names: Sequence[str], rows: Sequence[Sequence[str]]) -> int | None:
    """Returns the position of the column with the numbers; None when there is none.

    What is in the columns decides, as one called `Number` may hold those of accounts. Where mobile numbers are in
    several, the name does: guardians have numbers as well.
    """
    squeezed = [_squeezed(name) for name in names]
    named = [squeezed.index(wanted) for wanted in _PHONE_NAMES if wanted in squeezed]
    for place in named:
        if not rows or _mostly(rows, place, _mobile):
            return place
    if (found := _most(rows, _mobile)) is not None:
        return found
    for place in named:
        if any(_number_like(row[place]) for row in _reaching(rows, place)):
            return place
    found = _most(rows, _number_like)
    return named[0] if found is None and named else found


def _mostly(rows: Sequence[Sequence[str]], place: int, like: Callable[[str], bool]) -> bool:
    """Tells whether at least half of the cells of a column that say something are like it."""
    cells = [row[place] for row in _reaching(rows, place) if row[place].strip()]
    return bool(cells) and sum(map(like, cells)) * 2 >= len(cells)


def _most(rows: Sequence[Sequence[str]], like: Callable[[str], bool]) -> int | None:
    """Returns the position of the column with the most cells that are like it, if half of the rows have one there."""
    counts = [sum(like(row[place]) for row in _reaching(rows, place)) for place in range(_width(rows))]
    best = max(counts, default=0)
    return counts.index(best) if best and best * 2 >= len(rows) else None


def _reaching(rows: Sequence[Sequence[str]], place: int) -> Sequence[Sequence[str]]:
    return [row for row in rows if place < len(row)]


def _width(rows: Sequence[Sequence[str]]) -> int:
    return max(map(len, rows), default=0)


def _mobile(cell: str) -> bool:
    return _readable(cell) or bool(_CUT_SHORT.fullmatch(cell.strip()))


def _readable(cell: str) -> bool:
    try:
        phone.digits(cell, countries=phone.EVERYWHERE)
    except phone.InvalidNumber:
        return False
    return True


def _number_like(cell: str) -> bool:
    written = cell.strip()
    return bool(_NUMBER_LIKE.fullmatch(written)) and (
        "e" in written.lower() or sum(map(str.isdigit, written)) >= _DIGITS_MIN
    )


def _digits_alone(cell: str) -> bool:
    """Tells whether somebody has written a number there, however wrong: the name of a column has letters."""
    return _number_like(cell) or (any(map(str.isdigit, cell)) and not any(map(str.isalpha, cell)))


def _squeezed(name: str) -> str:
    return name.replace("_", "")
