"""Refusal: a row of a file that nothing is done with, and why; all of a file's as one CSV file to download.

Each step of reading writes its own as an object; when the file is done they are put together into one.
"""

import gzip
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mifumo import spreadsheets

_HEADER: Final = ("line", "column", "value", "code", "detail")
_VALUE_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that is left out: the line that it begins in, and the cell that is to blame, if one is."""

    line: int
    column: str
    value: str
    code: str
    detail: str


def of_cell(line: int, column: str, value: str, code: str, detail: str) -> Refusal:
    """Refuses a row for one of its cells, of which so much is kept as its owner knows it by."""
    return Refusal(line, column, value[:_VALUE_MAX], code, detail)


def packed(refused: Sequence[Refusal]) -> bytes:
    """Writes those of one step."""
    rows = ((str(one.line), one.column, one.value, one.code, one.detail) for one in refused)
    return gzip.compress(spreadsheets.lines(rows).encode(), mtime=0)


def joined(pieces: Iterable[bytes]) -> bytes:
    """Puts those of all steps together: one gzip stream, as programs that download are sure to read no more."""
    stream = zlib.compressobj(wbits=31)
    out = [stream.compress(spreadsheets.written(_HEADER, []).encode())]
    out += [stream.compress(gzip.decompress(piece)) for piece in pieces]
    return b"".join([*out, stream.flush()])
