"""SMS length: which encoding a text needs, and how many parts it is sent and charged as.

Alphabets are those of 3GPP TS 23.038, part sizes those of TS 23.040 with an 8-bit reference. A text is cut
by code unit: an escaped character and a surrogate pair stay whole, a grapheme (a family emoji, a letter and
its accent) may be cut, because phones join the parts before they show them. National shift tables are not
supported: Swahili needs none, and aggregators seldom carry them.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

_ESC: Final = "\x1b"
_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
_GSM_7: Final = _BASIC | _EXTENSION
_ESCAPES: Final = {ord(char): _ESC + char for char in _EXTENSION}
_ASTRAL: Final = re.compile(r"[\U00010000-\U0010ffff]")
_CRLF: Final = re.compile(r"\r+\n")  # CR CR LF, from a file converted twice, must not need a second pass
_UNSENDABLE: Final = re.compile(r"[\x00\x1b\ud800-\udfff]")


class Encoding(StrEnum):
    """How a network carries a text; one character outside the GSM tables turns the whole text to UCS-2."""

    GSM_7 = "GSM-7"
    UCS_2 = "UCS-2"


class Segmentation(NamedTuple):
    """What a text costs: `units` are septets in GSM-7 and 16-bit units in UCS-2."""

    encoding: Encoding
    units: int
    segments: int


class Unsendable(ValueError):
    """No phone can show this character; `position` counts from 0, in the text as it was given."""

    def __init__(self, char: str, position: int) -> None:
        super().__init__(f"U+{ord(char):04X}, character {position + 1} of the text, cannot be sent in an SMS.")
        self.char = char
        self.position = position


@dataclass(frozen=True, slots=True)
class _Room:
    """Units that fit in one SMS; in a part of several, 6 octets go to the header that joins them."""

    alone: int
    in_part: int
    opens_pair: frozenset[str]


_ROOM: Final = {
    Encoding.GSM_7: _Room(alone=160, in_part=153, opens_pair=frozenset(_ESC)),
    Encoding.UCS_2: _Room(alone=70, in_part=67, opens_pair=frozenset(map(chr, range(0xD800, 0xDC00)))),
}


def normalise(text: str) -> str:
    """The text that is counted, charged and sent: CRLF becomes LF, nothing else changes.

    Refuses NUL, ESC and lone surrogates (`Unsendable`): a raw ESC would change the character after it. NFC is
    left to the sender: it makes some texts cheaper but others longer (U+FB2C becomes three characters), and
    what is sent would not be what was asked for.
    """
    if found := _UNSENDABLE.search(text):
        raise Unsendable(found[0], found.start())
    return _CRLF.sub("\n", text) if "\r" in text else text


def count(text: str) -> Segmentation:
    """Count a text exactly as it stands, so `normalise` it first; the empty text has 0 segments."""
    encoding, units = _encode(text)
    return Segmentation(encoding, len(units), len(_cut(encoding, units)))


def parts(text: str) -> list[str]:
    """The texts of the single SMS that `count` counts."""
    encoding, units = _encode(text)
    return [_decode(encoding, piece) for piece in _cut(encoding, units)]


def _encode(text: str) -> tuple[Encoding, str]:
    """One character per unit, so that a length is a size and a slice is a part."""
    alphabet = set(text)
    if alphabet <= _GSM_7:
        return Encoding.GSM_7, text if alphabet <= _BASIC else text.translate(_ESCAPES)
    return Encoding.UCS_2, _ASTRAL.sub(_surrogates, text)


def _surrogates(astral: re.Match[str]) -> str:
    offset = ord(astral[0]) - 0x10000
    return chr(0xD800 + (offset >> 10)) + chr(0xDC00 + (offset & 0x3FF))


def _cut(encoding: Encoding, units: str) -> list[str]:
    """Fill each part to the last unit, but leave the first half of a pair to the next one."""
    room = _ROOM[encoding]
    if len(units) <= room.alone:
        return [units] if units else []
    pieces = []
    start = 0
    while start < len(units):
        end = start + room.in_part
        if units[end - 1 : end] in room.opens_pair:
            end -= 1
        pieces.append(units[start:end])
        start = end
    return pieces


def _decode(encoding: Encoding, units: str) -> str:
    if encoding is Encoding.GSM_7:
        return units.replace(_ESC, "")
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
