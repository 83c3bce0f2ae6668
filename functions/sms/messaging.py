"""The table `messaging`, in which all that this slice keeps stands, and when the sweep looks at what may be stuck."""

from mifumo import clock
from mifumo.settings import Settings


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
