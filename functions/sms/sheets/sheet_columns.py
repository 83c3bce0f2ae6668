"""Columns of a sheet: what they are called, and in which of them the numbers are."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

from mifumo import phone

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
# Names of variables as templates write them.
_NAME: Final = re.compile(r"[^0-9a-z]+")


def names_of(first: Sequence[str]) -> tuple[list[str], bool]:
    """Returns the names of columns, and whether the first row gave them; without a header they are numbered."""
    folded = [name_of(cell) for cell in first]
    headed = any(_squeezed(name) in _PHONE_NAMES for name in folded) or not any(map(_number_like, first))
    if not headed:
        return [f"column_{place}" for place in range(1, len(first) + 1)], False
    return [name or f"column_{place}" for place, name in enumerate(folded, 1)], True


def name_of(written: str) -> str:
    """Returns a name as columns and variables are compared by: `Account No.` is account_no."""
    plain = unicodedata.normalize("NFKD", written.casefold())
    return _NAME.sub("_", "".join(char for char in plain if not unicodedata.combining(char))).strip("_")


def phone_among(names: Sequence[str], rows: Sequence[Sequence[str]]) -> int | None:
    """Returns the position of the column with the numbers: by name, else by what is in it; None when there is none."""
    squeezed = [_squeezed(name) for name in names]
    named = [squeezed.index(wanted) for wanted in _PHONE_NAMES if wanted in squeezed]
    # A column called `Namba` may count the rows: what is in it decides between them.
    for place in named:
        if not rows or any(_number_like(row[place]) for row in _reaching(rows, place)):
            return place
    found = _most(rows, _readable)
    if found is None:
        found = _most(rows, _number_like)
    return named[0] if found is None and named else found


def _most(rows: Sequence[Sequence[str]], like: Callable[[str], bool]) -> int | None:
    """Returns the position of the column with the most cells that are like it, if half of the rows have one there."""
    counts = [sum(like(row[place]) for row in _reaching(rows, place)) for place in range(_width(rows))]
    best = max(counts, default=0)
    return counts.index(best) if best and best * 2 >= len(rows) else None


def _reaching(rows: Sequence[Sequence[str]], place: int) -> Sequence[Sequence[str]]:
    return [row for row in rows if place < len(row)]


def _width(rows: Sequence[Sequence[str]]) -> int:
    return max(map(len, rows), default=0)


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


def _squeezed(name: str) -> str:
    return name.replace("_", "")
