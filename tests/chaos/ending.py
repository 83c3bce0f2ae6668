"""Ending: what a story came to, told in a line or as a row of a table."""

from collections import Counter
from dataclasses import dataclass

from tests.chaos.provider import FAULTS

_FAULTS_SHOWN = 20
# DynamoDB that is busy, queues and schedules that do not take something, and the customer's system.
_ELSEWHERE = ("troubles", "calls refused", "messages refused", "schedules refused", "schedules lost", "told in vain")


@dataclass(frozen=True)
class Ending:
    """What a story came to: what was wrong in the end, how often what happened in it, and a digest of its course."""

    seed: int
    recipients: int
    faults: list[str]
    happened: dict[str, int]
    digest: str

    def row(self, seconds: float) -> str:
        """Writes it as a row of the table of docs/chaos.md."""
        count = Counter(self.happened)
        figures = (
            *(count["batches"], count["texts"], count["died"], count["stood still"]),
            *(sum(count[name] for name in FAULTS), sum(count[name] for name in _ELSEWHERE)),
            *(count["delivered again"], count["reports dropped"]),
        )
        verdict = f"{len(self.faults)} faults" if self.faults else "all is well"
        told = [
            str(self.seed),
            f"{self.recipients:,}",
            *(f"{figure:,}" for figure in figures),
            verdict,
            f"{seconds:.0f}",
        ]
        return f"| {' | '.join(told)} |"

    def told(self) -> str:
        """Tells what it came to, and how to have it told again where something was wrong."""
        happened = ", ".join(f"{count} {name}" for name, count in self.happened.items())
        if not self.faults:
            return f"all is well; course {self.digest}; {happened}"
        shown = "\n  ".join(self.faults[:_FAULTS_SHOWN])
        again = f"make chaos SEED={self.seed} RECIPIENTS={self.recipients}"
        return f"{len(self.faults)} faults; course {self.digest}; {happened}\n  {shown}\n  Tell it again: {again}"
