"""Tally: what has been found in a file up to a place, with all that is needed to read on from there.

It is kept as one text, because nothing looks into it but its reader and whoever shows how far it is.
"""

from dataclasses import dataclass, field, replace
from functools import cache

from pydantic import TypeAdapter

from functions.sms.plans.plans import Extent
from functions.sms.sheets.refusals import Refusal
from functions.sms.sheets.sheet_rows import START, Place
from functions.sms.sheets.sheets import Sheet
from mifumo import phone

FIRST_REFUSALS, SAMPLES = 20, 5
# Five are shown. What is dropped and comes again is counted anew, so more are kept: some kilobytes.
HINTS, HINTS_SHOWN = 50, 5


@dataclass(frozen=True, slots=True)
class Sample:
    """A text as somebody will get it. `line` is where they stand in the file."""

    line: int
    digits: str
    text: str
    encoding: str
    segments: int


@dataclass(frozen=True, slots=True)
class Hint:
    """Characters that make texts dearer and could be written in plainer ones: what that would save over the file."""

    line: int
    characters: str
    segments: int
    plainer: int
    saves: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What is in a file, as far as it was read. `pieces` counts the objects with its refusals."""

    size: int = 0
    etag: str = ""
    sheet: Sheet | None = None
    place: Place = START
    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    opted_out: int = 0
    refused: int = 0
    pieces: int = 0
    refusals: tuple[Refusal, ...] = ()
    """The first ones."""
    samples: tuple[Sample, ...] = ()
    hints: tuple[Hint, ...] = ()
    extent: Extent = field(default_factory=Extent)


def without(tally: Tally, digits: str) -> Tally:
    """Returns a tally that holds nothing of a number, and none of its texts."""
    return replace(
        tally,
        refusals=tuple(replace(one, value="") if phone.names(one.value, digits) else one for one in tally.refusals),
        samples=tuple(replace(one, digits="", text="") if one.digits == digits else one for one in tally.samples),
    )


@cache
def _form() -> TypeAdapter[Tally]:
    return TypeAdapter(Tally)


def written(tally: Tally) -> str:
    """Writes a tally as text."""
    return _form().dump_json(tally).decode()


def read(text: str) -> Tally:
    """Reads a tally back."""
    return _form().validate_json(text)
