"""Plainer: typographic signs written as those that every phone's own alphabet has, so that a text costs less.

Only signs that mean the same: quotes, dashes, dots, spaces and what is not seen. Letters stay as they are, whatever
they cost: a name is its owner's.
"""

from typing import Final

_SIGNS: Final = {
    "'": "\u2018\u2019\u201a\u201b\u02bc\u2032\u00b4`",
    '"': "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212",
    "...": "\u2026",
    " ": "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t",
    "": "\u200b\u200c\u2060\ufeff\u00ad",
}
_PLAIN: Final = {ord(sign): plain for plain, signs in _SIGNS.items() for sign in signs}


def written(text: str) -> str:
    """Returns a text in plainer signs."""
    return text.translate(_PLAIN)


def signs(text: str) -> str:
    """Returns the signs of a text that can be written plainer, each once, in the order in which they come."""
    return "".join(dict.fromkeys(char for char in text if ord(char) in _PLAIN))
