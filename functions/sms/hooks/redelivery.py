"""Redelivery: telling a webhook because somebody asked: an event once more, or one that is only a test."""

from mifumo import ids, writes
from mifumo.errors import Conflict, NotFound

from . import events, hook_deliveries, telling
from .events import Type
from .hook_deliveries import Delivery, DeliveryTaken, State
from .hooks import Hook


def test(hook: Hook) -> Delivery:
    """Tells a webhook of a test event; raises Conflict for a disabled one."""
    _require_enabled(hook)
    event = events.new(hook.tenant, Type.TEST, facts=(("webhook_id", hook.id),))
    writes.transact(events.put(event), hook_deliveries.new(event, hook.id))
    telling.call(hook.tenant, [(hook.id, event.id)])
    return _require(hook, event.id)


def replay(hook: Hook, event: str) -> Delivery:
    """Tells a webhook of an event again; raises Conflict while that is under way, and for a disabled webhook."""
    _require_enabled(hook)
    delivery = _require(hook, event)
    if delivery.state is State.PENDING:
        raise Conflict("It is under way; its next attempt comes by itself.")
    try:
        begun = hook_deliveries.replay(delivery)
    except DeliveryTaken as moved:
        raise Conflict("It is under way; its next attempt comes by itself.") from moved
    telling.call(hook.tenant, [(hook.id, event)])
    return begun


def _require(hook: Hook, event: str) -> Delivery:
    found = hook_deliveries.get(hook.tenant, hook.id, event) if ids.valid(event) else None
    if found is None:
        raise NotFound("This webhook has no such delivery.")
    return found


def _require_enabled(hook: Hook) -> None:
    if hook.disabled:
        raise Conflict("Enable the webhook first.")
