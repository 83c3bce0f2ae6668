"""Reference: what a bank transfer is marked with: an ISO 11649 creditor reference, which banks check as it is typed.

`RF`, two check digits (ISO 7064, mod 97-10: they find each mistyped character, and each two that changed places), and
eight letters and digits of an alphabet without look-alikes, printed in groups of four.
"""

import re
from typing import Final

from mifumo.ids import PaymentId

_FORM: Final = re.compile(r"RF\d\d[0-9A-HJKMNP-TV-Z]{8}")
_DIGITS: Final = 8
_LOOK_ALIKES: Final = str.maketrans("OIL", "011")


def of(payment: PaymentId) -> str:
    """Makes the reference of a payment: the same one each time."""
    body = payment[-_DIGITS:].upper()
    return f"RF{98 - _remainder(body + 'RF00'):02d}{body}"


def read(text: str) -> str | None:
    """Reads a reference as people type it, with spaces, dashes, small letters and an O for a zero; None for a mistyped
    one."""
    letters = re.sub(r"[\s.\-]", "", text).upper()
    reference = letters[:2] + letters[2:].translate(_LOOK_ALIKES)
    if not _FORM.fullmatch(reference) or _remainder(reference[4:] + reference[:4]) != 1:
        return None
    return reference


def spaced(reference: str) -> str:
    """Writes a reference in groups of four, for people."""
    return " ".join(reference[at : at + 4] for at in range(0, len(reference), 4))


def _remainder(text: str) -> int:
    return int("".join(str(int(letter, 36)) for letter in text)) % 97
