"""Trial numbers: what becomes of a text in test mode, and at the simulator of Beem: its number's last three digits say.

| last digits | what becomes of it |
|---|---|
| 001 | not delivered |
| 002 | refused by the operator |
| 003 | nothing is ever heard of it |
| 004 | delivered, and reported twice |
| 005 | delivered, and reported before the hand-over is answered |
| 006 | not taken, as no number |
| others | delivered |
"""

import re
from dataclasses import dataclass

# Of other countries nothing is known here but how long a number can be (E.164).
_DEST_ADDR = re.compile(r"255[0-9]{9}|(?!0|255)[0-9]{7,15}")


@dataclass(frozen=True)
class Outcome:
    """How a recipient ends, in Beem's words, and what is reported about it."""

    status: str = "DELIVERED"
    reports: int = 1
    early: bool = False
    valid: bool = True


_ORDINARY = Outcome()
_BY_LAST_DIGITS = {
    "001": Outcome(status="UNDELIVERED"),
    "002": Outcome(status="REJECTED"),
    "003": Outcome(status="PENDING", reports=0),
    "004": Outcome(reports=2),
    "005": Outcome(early=True),
    "006": Outcome(valid=False, reports=0),
}


def outcome_of(dest_addr: str) -> Outcome:
    """Returns the outcome of a recipient; what is no number in international form is not valid."""
    if not _DEST_ADDR.fullmatch(dest_addr):
        return Outcome(valid=False, reports=0)
    return _BY_LAST_DIGITS.get(dest_addr[-3:], _ORDINARY)
