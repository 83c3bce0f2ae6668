"""Deflation: one gzip stream out of pieces that are made one by one, by whoever comes (RFC 1951 and 1952).

Each piece ends with a full flush, at a whole byte and with nothing that the next one refers to, so pieces stand behind
each other as they are. Only the checksum runs through all of them.
"""

import struct
import zlib
from typing import Final, NamedTuple

_BEGINNING: Final = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
# An empty block that says that it is the last one.
_LAST: Final = b"\x03\0"


class Sum(NamedTuple):
    """The checksum and the size of all that was packed so far."""

    crc: int = 0
    size: int = 0


def packed(text: bytes, before: Sum) -> tuple[bytes, Sum]:
    """Packs the next piece; returns it with the sum up to its end."""
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    piece = stream.compress(text) + stream.flush(zlib.Z_FULL_FLUSH)
    return (_BEGINNING if not before.size else b"") + piece, Sum(zlib.crc32(text, before.crc), before.size + len(text))


def ending(whole: Sum) -> bytes:
    """Returns what stands behind the last piece."""
    return _LAST + struct.pack("<II", whole.crc, whole.size % 2**32)
