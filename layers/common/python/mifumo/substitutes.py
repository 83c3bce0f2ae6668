"""Substitutes: typographic characters that turn a text to UCS-2, and the plain ones that phones show as well.

Only quotes, dashes, dots and spaces have one: a letter is never another letter, and nothing becomes a question mark.
The table is the union of what GOV.UK Notify, Twilio's smart encoding and smssafe replace, less their letters.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from mifumo import segments

TABLE: Final[dict[str, str]] = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc\u2032\u00b4`", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    "\u2026": "...",
    **dict.fromkeys("\t\u00a0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B))), " "),
    # Nobody sees them: zero-width space and non-joiner, word joiner, byte order mark, soft hyphen.
    **dict.fromkeys("\u200b\u200c\u2060\ufeff\u00ad", ""),
}
_ANY: Final = re.compile(f"[{re.escape(''.join(TABLE))}]")


@dataclass(frozen=True, slots=True)
class Replaced:
    """A character that was replaced, by what, and how often."""

    char: str
    by: str
    times: int


def plainer(text: str) -> str:
    """Returns the text with substitutes, unless it would cost more: three dots for one may need another segment."""
    plain = _ANY.sub(lambda found: TABLE[found[0]], text)
    if plain == text or not plain.strip():
        return text
    return plain if segments.count(plain).segments <= segments.count(text).segments else text


def replaced(asked: str, sent: str) -> list[Replaced]:
    """Lists what is different in a text that was sent instead of the one asked for, in the order in which it comes."""
    if asked == sent:
        return []
    return [Replaced(char, TABLE[char], times) for char, times in Counter(_ANY.findall(asked)).items()]
