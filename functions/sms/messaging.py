"""The table `messaging`, in which all that this slice keeps stands, and when the sweep looks at what may be stuck."""

from mifumo import clock, tables
from mifumo.aws import Item
from mifumo.settings import Settings
from mifumo.tables import Key


class MessagingSettings(Settings):
    """Which table it is, and how soon the sweep looks at what may be stuck."""

    messaging_table: str
    sweep_after_s: float


def table() -> str:
    """Returns the table's name."""
    return MessagingSettings.load().messaging_table


def swept_at(wait_s: float = 0, *, at: str | None = None) -> str:
    """Stamps the moment at which the sweep takes care of what a queue or a schedule has lost: `wait_s` after `at`, or
    from now, at the earliest.
    """
    return clock.after(wait_s + MessagingSettings.load().sweep_after_s, clock.parse(at) if at else None)


def ahead_s(swept: str) -> float:
    """Returns how far ahead the moment is that `swept_at` was told of, negative if it is over."""
    return (clock.parse(swept) - clock.now()).total_seconds() - MessagingSettings.load().sweep_after_s


def due(kind: str, now: str, *, limit: int) -> list[Key]:
    """Finds what of a kind the sweep is to look at by now, first what has waited longest."""
    page = tables.query(table(), kind, index="due", between=("0", now), limit=limit)
    return [Key(item["pk"], item["sk"]) for item in page.items]


def read_due(place: Key) -> Item | None:
    """Reads what the index called due, which may be behind; None when it is not due any more."""
    item = tables.get(table(), place)
    return item if item and is_due(item, clock.stamp()) else None


def is_due(item: Item, now: str) -> bool:
    """Tells whether the sweep is to look at an item by now, as it was read by its key."""
    moment: str = item.get("due_sk", "~")
    return moment <= now
