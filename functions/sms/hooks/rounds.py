"""Round: what one sweep does about deliveries whose moment has come, and in which order.

Webhooks take turns, the one that has waited longest first: however many wait for one of them, they keep nobody else's
waiting. What waits for one that rests is put off past its rest without a message or a call.
"""

from collections import defaultdict
from itertools import chain, zip_longest

from functions.sms import messaging
from mifumo import clock, tables
from mifumo.observability import count
from mifumo.tables import Key

from . import hook_deliveries, hook_health, hooks, listeners, telling

# Pages of 250 keys that are looked at of each shard: 150 bytes a key, five read units a page.
PAGES_MAX = 16
# Steps of one sweep, ten milliseconds each; what is left over has its turn a minute later.
STEPS_MAX = 1_000


def due(now: str) -> list[Key]:
    """Finds what is due, in turns."""
    waiting: dict[str, list[Key]] = defaultdict(list)
    found = sorted(
        chain.from_iterable(hook_deliveries.due(now, shard, pages_max=PAGES_MAX) for shard in hook_deliveries.DUE)
    )
    for _, key in found:
        # The partition of a delivery is its webhook's.
        waiting[key.pk].append(key)
    taken = [key for turn in zip_longest(*waiting.values()) for key in turn if key]
    if len(taken) > STEPS_MAX:
        count("HooksLeftOver", len(taken) - STEPS_MAX)
    return taken[:STEPS_MAX]


def step(key: Key) -> None:
    """Brings a due delivery back to the workers, or puts it off while its webhook rests; has a tenant told that its
    webhook was disabled. Raises DeliveryTaken.
    """
    if disabled := listeners.named(key):
        telling.of_disabled(*disabled)
        return
    table, hook_key = messaging.table(), hooks.key(*hook_deliveries.named(key))
    found = tables.read((table, key), (table, hook_key))
    item, endpoint = found.get((table, key)), found.get((table, hook_key))
    if item is None or not messaging.is_due(item, clock.stamp()):
        return
    delivery, hook = hook_deliveries.of(item), hooks.of(endpoint) if endpoint else None
    if hook and not hook.disabled and hook.rests_until > clock.stamp():
        hook_deliveries.wait(delivery, until=hook_health.wakes_at(hook))
        return
    hook_deliveries.look_again(delivery)
    telling.call(delivery.tenant, [(delivery.hook, delivery.event)])
