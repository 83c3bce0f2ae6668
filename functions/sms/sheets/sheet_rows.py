"""Rows of a CSV file, out of chunks of bytes as they come, in memory that does not grow with the file.

A place is where a row begins. Reading from the place of any row gives exactly the rows from there on, however the bytes
are cut into chunks: so whoever is interrupted goes on where they were. Lines end with LF, CR LF or CR.
"""

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

# A file without line ends is no CSV, and a quote that nobody closes must not swallow the rest of the file.
LINE_BYTES_MAX: Final = 64 * 1024
_ROW_BYTES_MAX: Final = 16 * 1024
_ROW_LINES_MAX: Final = 100


class FileRefused(Exception):
    """A file that cannot be read, and what its owner can do about it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Place(NamedTuple):
    """Where a row begins: bytes before it, and the number of its line, counted from 1."""

    offset: int
    line: int = 1


START: Final = Place(0)


class Row(NamedTuple):
    """The cells of a row, and the line that it begins in; `broken` is what keeps it from being one."""

    line: int
    cells: list[str]
    broken: str = ""


class Rows:
    """Iterates over the rows that begin at a place or after it; empty ones are passed over."""

    def __init__(self, chunks: Iterable[bytes], delimiter: str, start: Place) -> None:
        self._lines = _lines(chunks, start.line)
        self._delimiter = delimiter
        self._offset, self._line = start
        self._taken: list[bytes] = []
        self._back: deque[bytes] = deque()

    @property
    def place(self) -> Place:
        """Where the row after the last one begins."""
        return Place(self._offset, self._line)

    def __iter__(self) -> Iterator[Row]:
        while True:
            try:
                for cells in self._parted():
                    line = self._line
                    self._pass(len(self._taken))
                    if any(cells):
                        yield Row(line, cells)
                return
            except csv.Error:
                # Only its first line is lost: those that a stray quote has drawn in are read again by themselves.
                line, first = self._line, self._taken[0].decode()
                self._back.extendleft(reversed(self._taken[1:]))
                self._pass(1)
                yield Row(line, [first.rstrip("\r\n")], broken="The quotes in this line do not fit together.")

    def _parted(self) -> Iterator[list[str]]:
        # Who writes by hand puts a space before a cell, and its quotes would be part of what it says.
        return csv.reader(self._text(), delimiter=self._delimiter, strict=True, skipinitialspace=True)

    def _text(self) -> Iterator[str]:
        """Hands lines to the reader, which takes as many as a row has, and remembers them until the row is done."""
        taken = self._taken
        while True:
            if self._back:
                raw = self._back.popleft()
            else:
                raw = next(self._lines, b"")
                if not raw:
                    return
            taken.append(raw)
            if len(taken) > 1 and (len(taken) > _ROW_LINES_MAX or sum(map(len, taken)) > _ROW_BYTES_MAX):
                raise csv.Error("a quote is not closed")
            try:
                text = raw.decode()
            except UnicodeDecodeError as error:
                raise _not_utf_8(self._line + len(taken) - 1) from error
            yield text

    def _pass(self, lines: int) -> None:
        """Moves the place behind the lines that are done."""
        for raw in self._taken[:lines]:
            self._offset += len(raw)
        self._line += lines
        self._taken.clear()


def _lines(chunks: Iterable[bytes], line: int) -> Iterator[bytes]:
    """Cuts chunks into lines with their ends. What may go on in the next chunk, CR before LF as well, is held back."""
    rest = b""
    for chunk in chunks:
        found = (rest + chunk).splitlines(keepends=True)
        rest = b"" if not found or found[-1].endswith(b"\n") else found.pop()
        for raw in found:
            _require_short(raw, line)
            line += 1
            yield raw
        _require_short(rest, line)
    if rest:
        yield rest


def _require_short(raw: bytes, line: int) -> None:
    if len(raw) > LINE_BYTES_MAX:
        raise FileRefused("line_too_long", f"Line {line:,} has more than {LINE_BYTES_MAX:,} bytes: is this CSV?")


def _not_utf_8(line: int) -> FileRefused:
    detail = f"Line {line:,} is not in UTF-8. Save the file as CSV UTF-8 (comma delimited) and upload it again."
    return FileRefused("not_utf_8", detail)
