"""Word: where a contact is found by a word of its name that is not the first.

| pk | sk | what |
|---|---|---|
| `T#<tenant>#CONTACTWORDS` | the name from that word on `#` contact's id | nothing but which contact it is |

They are written in the transaction that writes the name, so they are those of the name. The first word has none: the
list of contacts is in order of it.
"""

from typing import Final

from functions.sms import messaging
from mifumo import tables, writes
from mifumo.aws import Item
from mifumo.ids import TenantId
from mifumo.tables import Key, Page
from mifumo.writes import Write

from .named import folded

# Each is a write more. Names of people have fewer words.
_WORDS_MAX: Final = 4
# By so many characters of a name contacts are put in order, and by their ids where those are the same: a cursor holds
# them, and a name may be a hundred of four bytes.
SORTED_BY: Final = 60


def renamed(tenant: TenantId, contact: str, *, before: str, after: str) -> list[Write]:
    """Writes the words of a name, and deletes those that the name before had and this one has not."""
    old, new = _sorted_by(before), _sorted_by(after)
    made = [
        writes.put(
            messaging.table(),
            {**_place(tenant, end, contact)._asdict(), "contact": contact},
            condition=writes.WHATEVER_STANDS,
            refused=writes.never,
        )
        for end in new
        if end not in old
    ]
    gone = [
        writes.delete(
            messaging.table(),
            _place(tenant, end, contact),
            condition=writes.WHATEVER_STANDS,
            refused=writes.never,
        )
        for end in old
        if end not in new
    ]
    return [*made, *gone]


def page(tenant: TenantId, begins: str, *, limit: int, start: Item | None) -> Page:
    """Reads a page of the words that begin so, in their order."""
    return tables.query(
        messaging.table(), partition(tenant), begins_with=begins[:SORTED_BY], limit=limit, start=start, consistent=True
    )


def leads(word: Item, name: str, begins: str) -> bool:
    """Tells whether a contact with this name is to be found by this word: by its first that begins so, and not where
    the name itself does.
    """
    if folded(name).startswith(begins):
        return False
    found = next((end for end in _ends(name) if end.startswith(begins)), None)
    return found is not None and word["sk"] == _sk(found[:SORTED_BY], word["contact"])


def partition(tenant: TenantId) -> str:
    """Returns where a tenant's words are."""
    return f"T#{tenant}#CONTACTWORDS"


def _ends(name: str) -> list[str]:
    """Cuts a name before each of its words but the first: `asha juma mrema` ends in `juma mrema` and in `mrema`."""
    words = folded(name).split(" ")
    return [" ".join(words[at:]) for at in range(1, len(words))][:_WORDS_MAX]


def _sorted_by(name: str) -> list[str]:
    return list(dict.fromkeys(end[:SORTED_BY] for end in _ends(name)))


def _place(tenant: TenantId, end: str, contact: str) -> Key:
    return Key(partition(tenant), _sk(end, contact))


def _sk(end: str, contact: str) -> str:
    return f"{end}#{contact}"
