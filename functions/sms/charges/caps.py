"""Cap: the most that one batch may cost, as the tenant has set it for all or the request says for itself."""

from mifumo.errors import Conflict
from mifumo.preferences import Preferences


class CreditCapExceeded(Conflict):
    """The batch would cost more than it may: nothing was held. `required` and `cap` are credits."""

    code = "credit_cap_exceeded"
    title = "This costs more than it may"


def require(price: int, preferences: Preferences, *, asked: int | None = None) -> None:
    """Raises CreditCapExceeded for a price above the lower of the two caps."""
    caps = [cap for cap in (preferences.batch_credit_cap, asked) if cap]
    if caps and price > min(caps):
        raise CreditCapExceeded(
            f"This needs {price:,} credits and may cost {min(caps):,}: send to fewer, shorten it, or raise the cap.",
            required=price,
            cap=min(caps),
        )
