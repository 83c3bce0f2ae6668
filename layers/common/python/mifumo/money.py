"""Amounts in whole units, credits and Tanzanian shillings: a type each, with arithmetic that refuses to mix them.

An amount is an int, so it goes into JSON and into a table as it stands, and compares with plain numbers. It is
added to and taken from its own kind only, and scaled by plain ints. What an int cannot prevent: with a float, a
Decimal or a bool on the left of an operator, that type answers, but its answer has lost the kind.
"""

from typing import Never, Self


class _Amount(int):
    """Whole units of one kind; may be negative, as an entry that takes away is."""

    __slots__ = ()

    def __new__(cls, units: int) -> Self:
        if type(units) is int or type(units) is cls:
            return super().__new__(cls, units)
        raise TypeError(f"{cls.__name__} are made of whole numbers, not of {type(units).__name__}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({int(self)})"

    def __str__(self) -> str:
        return int.__repr__(self)

    def __add__(self, other: Self) -> Self:  # type: ignore[override]
        return self._of(int(self) + self._same(other))

    def __sub__(self, other: Self) -> Self:  # type: ignore[override]
        return self._of(int(self) - self._same(other))

    def __mul__(self, times: int) -> Self:
        return self._of(int(self) * self._plain(times))

    __rmul__ = __mul__

    def __neg__(self) -> Self:
        return self._of(-int(self))

    def __abs__(self) -> Self:
        return self._of(abs(int(self)))

    def __lt__(self, other: int) -> bool:
        return int(self) < self._comparable(other)

    def __le__(self, other: int) -> bool:
        return int(self) <= self._comparable(other)

    def __gt__(self, other: int) -> bool:
        return int(self) > self._comparable(other)

    def __ge__(self, other: int) -> bool:
        return int(self) >= self._comparable(other)

    def __eq__(self, other: object) -> bool:
        """Amounts of different kinds are never equal, not even two zeros."""
        if isinstance(other, _Amount) and type(other) is not type(self):
            return False
        return int(self) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = int.__hash__

    def _refuse(self, other: object) -> Never:
        """Raise here: with NotImplemented, Python would ask the other number, and get an answer."""
        raise TypeError(f"{type(self).__name__} do not go with {type(other).__name__} in this operation")

    def _impossible(self, other: Never) -> Never:
        """Takes nothing, so that mypy reports the operations below where they are written."""
        self._refuse(other)

    # A plain number has no unit to add (sum needs `start=`), and shares are reckoned on int(amount), where the
    # rounding shows.
    __radd__ = __rsub__ = _impossible  # type: ignore[assignment]
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _impossible  # type: ignore[assignment]
    __mod__ = __rmod__ = __divmod__ = __rdivmod__ = _impossible  # type: ignore[assignment]
    __pow__ = __rpow__ = _impossible  # type: ignore[assignment]
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _impossible  # type: ignore[assignment]
    __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = _impossible  # type: ignore[assignment]

    def _of(self, units: int) -> Self:
        return int.__new__(type(self), units)

    def _same(self, other: int) -> int:
        return int(other) if type(other) is type(self) else self._refuse(other)

    def _plain(self, other: int) -> int:
        return other if type(other) is int else self._refuse(other)

    def _comparable(self, other: int) -> int:
        return int(other) if type(other) is type(self) or type(other) is int else self._refuse(other)


class Credits(_Amount):
    """SMS credits: one pays for one part to one recipient."""

    __slots__ = ()


class Tzs(_Amount):
    """Tanzanian shillings, which have no smaller coin in use."""

    __slots__ = ()
