"""Listeners: whether a tenant has webhooks at all, in one small item that a send reads with everything else.

What is accepted while there are some tells of itself; what is accepted while there are none costs nothing more.
"""

from functions.sms import messaging
from mifumo import writes
from mifumo.aws import Item
from mifumo.errors import Conflict
from mifumo.ids import TenantId
from mifumo.tables import Key
from mifumo.writes import Write

# Enough for every system of a business, and few enough to be written to in one transaction.
HOOKS_MAX = 10
_PLACE = "#HOOKS"


class TooManyWebhooks(Conflict):
    """The tenant has as many webhooks as it may have."""

    code = "too_many_webhooks"
    title = "Delete a webhook first"


def partition(tenant: TenantId) -> str:
    """Returns where a tenant's webhooks are."""
    return f"T#{tenant}{_PLACE}"


def named(place: Key) -> tuple[TenantId, str] | None:
    """Reads tenant and webhook from the key of a webhook; None from the key of something else."""
    if not place.pk.endswith(_PLACE):
        return None
    return TenantId(place.pk.removeprefix("T#").removesuffix(_PLACE)), place.sk


def key(tenant: TenantId) -> Key:
    """Returns the key of a tenant's count of webhooks."""
    return Key(f"T#{tenant}", "HOOKS")


def some(item: Item | None) -> bool:
    """Tells from the count whether there are any."""
    return bool(item and item["made"])


def add(tenant: TenantId, change: int) -> Write:
    """Counts a webhook in (1) or out (-1); refuses with TooManyWebhooks."""
    return writes.update(
        messaging.table(),
        key(tenant),
        "ADD made :change",
        condition="attribute_not_exists(made) OR made < :most" if change > 0 else "made > :none",
        values={":change": change, **({":most": HOOKS_MAX} if change > 0 else {":none": 0})},
        refused=lambda _: TooManyWebhooks(f"A tenant has at most {HOOKS_MAX} webhooks."),
    )
