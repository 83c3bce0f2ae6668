"""Heard: what was said of a message, each word once: by the provider, or by ourselves when nobody else said anything.

It stands in the message's row and is written with the status that it raises. What raises nothing is kept as well, so
whatever the order in which reports come, the same words stand at the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from mifumo import clock
from mifumo.aws import Item

# More words than a provider has: what comes beyond is nonsense, and a row stays within the kilobyte of one write unit.
WORDS_MAX = 8
# Stands before what we say ourselves: no provider's word begins like this.
_OURS = "="


@dataclass(frozen=True, slots=True)
class Word:
    """One thing that was said of a message, and when it came.

    `raised` tells whether it moved the message on, `corrected` that the message had ended otherwise before.
    """

    at: str
    said: str | None
    status: str
    reason: str | None
    raised: bool = False
    corrected: bool = False


def name(said: str | None, reason: str | None) -> str:
    """Returns what a word is kept under; ours go by their reason."""
    return said.upper() if said else f"{_OURS}{reason}"


def entry(status: str, reason: str | None, rank: int) -> Item:
    """Makes what is kept of a word that came now."""
    return {"at": clock.stamp(), "status": status, "rank": rank, "reason": reason}


def of(row: Item, *, final: int) -> list[Word]:
    """Reads what was said of a message, in the order in which it came; it has ended from the rank `final` on."""
    return list(_told(row.get("heard", {}), final))


def _told(heard: Item, final: int) -> Iterator[Word]:
    highest = 0
    for said, word in sorted(heard.items(), key=lambda one: (one[1]["at"], one[1]["rank"])):
        raised = word["rank"] > highest
        yield Word(
            at=word["at"],
            said=None if said.startswith(_OURS) else said,
            status=word["status"],
            reason=word["reason"],
            raised=raised,
            corrected=raised and highest >= final,
        )
        highest = max(highest, word["rank"])
