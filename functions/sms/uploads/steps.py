"""Step: what was done with some rows of a file at once, between two places to read on from."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from functions.sms.plans import plans
from functions.sms.sheets.entries import Entry
from functions.sms.sheets.refusals import Refusal
from functions.sms.sheets.sheet_rows import FileRefused, Place

from . import tallies
from .tallies import Hint, Sample, Tally

# Of a file where few rows are good, so many are gone through at once: the refusals stand in memory.
ROWS_MAX: Final = 20_000
FILE_ROWS_MAX: Final = 1_000_000


@dataclass(slots=True)
class Step:
    """What a step found. `left` are all rows that nothing is done with; doubles and opted-out ones are among them."""

    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    opted_out: int = 0
    left: list[Refusal] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)
    extent: plans.Extent | None = None
    last: bool = False

    def refuse(self, refusal: Refusal) -> None:
        """Leaves a row out."""
        self.left.append(refusal)

    def opt_out(self, entry: Entry) -> None:
        """Leaves a row out whose number's owner wants no texts."""
        self.opted_out += 1
        detail = "Its owner does not want your texts; it is not charged."
        self.left.append(Refusal(entry.line, "", f"+{entry.digits}", "opted_out", detail))

    def duplicate(self, entry: Entry) -> None:
        """Leaves a row out whose number has come before."""
        self.duplicates += 1
        detail = "This number is in the file already: its first row counts."
        self.left.append(Refusal(entry.line, "", f"+{entry.digits}", "duplicate", detail))

    def added_to(self, tally: Tally, place: Place) -> Tally:
        """Returns the tally with what the step found, up to a place; raises FileRefused for a file that is too long."""
        if tally.rows + self.rows > FILE_ROWS_MAX:
            detail = f"A file has at most {FILE_ROWS_MAX:,} rows: make several of it."
            raise FileRefused("too_many_rows", detail)
        damaged = [one for one in self.left if one.code not in {"duplicate", "opted_out"}]
        return replace(
            tally,
            place=place,
            rows=tally.rows + self.rows,
            accepted=tally.accepted + self.accepted,
            duplicates=tally.duplicates + self.duplicates,
            opted_out=tally.opted_out + self.opted_out,
            refused=tally.refused + len(damaged),
            pieces=tally.pieces + bool(self.left),
            refusals=(*tally.refusals, *damaged)[: tallies.FIRST_REFUSALS],
            samples=(*tally.samples, *self.samples)[: tallies.SAMPLES],
            hints=_summed((*tally.hints, *self.hints)),
            extent=self.extent or tally.extent,
        )


class Taker(Protocol):
    """Does what a file is for, with some of its rows at a time; the same rows again are done with once."""

    def take(self, found: Iterator[Entry | Refusal], tally: Tally) -> Step:
        """Takes rows until a step is full or the file ends."""
        ...


def _summed(hints: tuple[Hint, ...]) -> tuple[Hint, ...]:
    """Puts hints about the same characters together; those that save most come first."""
    found: dict[str, Hint] = {}
    for hint in hints:
        before = found.get(hint.characters)
        found[hint.characters] = replace(before, saves=before.saves + hint.saves) if before else hint
    return tuple(sorted(found.values(), key=lambda hint: (-hint.saves, hint.line))[: tallies.HINTS])
