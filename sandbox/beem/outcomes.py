"""What becomes of a text: the last three digits of its recipient choose."""

import re
from dataclasses import dataclass

# Of other countries nothing is known to the simulator but how long a number can be (E.164).
_DEST_ADDR = re.compile(r"255[0-9]{9}|(?!0|255)[0-9]{7,15}")


@dataclass(frozen=True)
class Outcome:
    """How a recipient ends and what the provider reports about it."""

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


def of(dest_addr: str) -> Outcome:
    """The outcome of a recipient; what is no number in international form is not valid."""
    if not _DEST_ADDR.fullmatch(dest_addr):
        return Outcome(valid=False, reports=0)
    return _BY_LAST_DIGITS.get(dest_addr[-3:], _ORDINARY)
