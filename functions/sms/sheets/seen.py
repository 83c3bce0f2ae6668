"""Seen: which numbers have come, exactly, in memory that a million of them does not fill.

Each of the two hundred million mobile numbers that Tanzania can have is a bit, kept in pages that are there once one of
their numbers has come: 25 MB when all are. Numbers of other countries stand in a set.
"""

from typing import Final

# +255 6xx xxx xxx and +255 7xx xxx xxx, as whole numbers.
_FIRST, _COUNT = 255_600_000_000, 200_000_000
_PAGE: Final = 80_000


class Seen:
    """Numbers, in digits."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self._foreign: set[int] = set()

    def add(self, digits: str) -> bool:
        """Adds a number; tells whether it was not there."""
        number = int(digits) - _FIRST
        if not 0 <= number < _COUNT:
            before = len(self._foreign)
            self._foreign.add(number)
            return len(self._foreign) > before
        which, bit = divmod(number, _PAGE)
        page = self._pages.get(which)
        if page is None:
            page = self._pages[which] = bytearray(_PAGE // 8)
        place, mask = bit >> 3, 1 << (bit & 7)
        if page[place] & mask:
            return False
        page[place] |= mask
        return True

    def discard(self, digits: str) -> None:
        """Takes a number out."""
        number = int(digits) - _FIRST
        if not 0 <= number < _COUNT:
            self._foreign.discard(number)
            return
        which, bit = divmod(number, _PAGE)
        if page := self._pages.get(which):
            page[bit >> 3] &= ~(1 << (bit & 7))
