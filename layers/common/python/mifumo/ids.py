"""Identifiers: sortable ones for what is minted, derived ones for what must be made only once."""

import hashlib
import os
import re
import time
import uuid
from datetime import datetime
from typing import NewType

TenantId = NewType("TenantId", str)
UserId = NewType("UserId", str)
BatchId = NewType("BatchId", str)
PaymentId = NewType("PaymentId", str)
SenderIdId = NewType("SenderIdId", str)

# Crockford's base 32 in lower case: no i, l, o, u, so an id survives being read out over the phone.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUE = {letter: value for value, letter in enumerate(_ALPHABET)}
_LENGTH = 26
_FORM = re.compile(rf"[0-7][{_ALPHABET}]{{{_LENGTH - 1}}}")


def new() -> str:
    """Mints a ULID: 48 bits of milliseconds, then 80 random bits, so ids sort by the time they were made."""
    return _encode((time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10)))


def earliest(moment: datetime) -> str:
    """Returns the lowest id that can have been minted at a moment: where a range of ids by time begins."""
    return _encode(max(0, int(moment.timestamp() * 1000)) << 80)


def derived(*parts: str) -> str:
    """Derives the same id from the same parts: a second attempt meets what the first one made.

    Parts are joined with their lengths, so no two lists of parts can be read as one another.
    """
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return _encode(int.from_bytes(hashlib.sha256(joined.encode()).digest()[:16]))


def derived_uuid(*parts: str) -> str:
    """Derives an id whose UUID form is one of version 4, as providers demand that look at the version.

    Six of the bits are fixed for it (RFC 9562, 5.4), the others are those of `derived`.
    """
    return _encode(uuid.UUID(bytes=uuid.UUID(as_uuid(derived(*parts))).bytes, version=4).int)


def fingerprint(*parts: str) -> str:
    """Returns a hash by which two requests can be told apart without keeping either."""
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(joined.encode()).hexdigest()


def valid(text: str) -> bool:
    """Tells whether the text has the form of one of our ids."""
    return _FORM.fullmatch(text) is not None


def as_uuid(text: str) -> str:
    """Writes an id as a UUID, for providers whose references must be UUIDs; `of_uuid` reads it back."""
    number = 0
    for letter in text:
        number = number << 5 | _VALUE[letter]
    return str(uuid.UUID(int=number))


def of_uuid(text: str) -> str:
    """Reads an id back from its UUID form; raises ValueError when it is not a UUID."""
    return _encode(uuid.UUID(text).int)


def _encode(number: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5))
