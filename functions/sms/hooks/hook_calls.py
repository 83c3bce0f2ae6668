"""Call: tell one webhook of one event, and record what came of it.

At least once: a worker that dies after the call and before its record has the call made again, under the same
`webhook-id`. Ten attempts are made over three days; what waits for a webhook that rests uses up none of them. One that
has failed for days, or says that it is gone, is disabled.
"""

import json
import math
from contextlib import suppress
from datetime import timedelta

from functions.sms import messaging
from mifumo import backoff, clock, tables
from mifumo.ids import TenantId
from mifumo.observability import count, logger
from mifumo.queue import DELAY_MAX_S
from mifumo.settings import Settings

from . import events, hook_deliveries, hook_health, hook_secrets, hooks, outbound, telling
from .events import Event
from .hook_deliveries import Delivery, DeliveryTaken, State
from .hooks import DisabledBecause, Hook
from .outbound import CallSettings
from .outcomes import UNRECORDED, Outcome

# A claim outlasts its call by this: time to record it.
_RECORD_S = 30
# Spreads those that failed together.
_JITTER = 0.2
# A few failures are a restart; after so many in a row calls only take time.
_RESTS_AFTER = 5


class RetrySettings(Settings):
    """Seconds between the attempts; how long a failing webhook rests, and after how long it is given up."""

    hook_retries_s: str
    hook_rest_s: float
    hook_give_up_s: float

    @property
    def waits_s(self) -> list[float]:
        """The waits, each after one attempt in vain; after the last one there is one more attempt."""
        return [float(part) for part in self.hook_retries_s.split(",")]

    def wait_s(self, attempts: int) -> float | None:
        """How long after so many attempts in vain the next one is made; None when there is none."""
        return self.waits_s[attempts - 1] if attempts <= len(self.waits_s) else None


class UnknownDeliveryError(LookupError):
    """A queue names a delivery that does not exist."""


def make(tenant: TenantId, hook_id: str, event_id: str) -> None:
    """Makes a call if its moment has come; does nothing when somebody else does, or it has ended."""
    delivery, hook, event = _read(tenant, hook_id, event_id)
    if delivery is None:
        raise UnknownDeliveryError(f"no delivery of {event_id} to {hook_id}")
    if delivery.state is not State.PENDING or delivery.next_at > clock.stamp():
        return
    with suppress(DeliveryTaken):
        if hook is None or event is None or hook.disabled:
            hook_deliveries.end(delivery, State.SKIPPED)
            return
        if hook.rests_until > clock.stamp():
            hook_deliveries.wait(delivery, until=hook_health.wakes_at(hook))
            return
        if delivery.attempts and RetrySettings.load().wait_s(delivery.attempts) is None:
            _exhausted(delivery, UNRECORDED)
            return
        taken = hook_deliveries.claim(delivery, lease_s=_lease_s(delivery))
        _record(hook, taken, _call(hook, event))


def _lease_s(delivery: Delivery) -> float:
    """How long a call may take; an attempt that is never recorded is one in vain, so the next is not made sooner."""
    wait_s = RetrySettings.load().wait_s(delivery.attempts + 1) or 0
    return max(CallSettings.load().hook_timeout_s + _RECORD_S, wait_s)


def _read(tenant: TenantId, hook: str, event: str) -> tuple[Delivery | None, Hook | None, Event | None]:
    table = messaging.table()
    delivery = table, hook_deliveries.key(tenant, hook, event)
    endpoint, what = (table, hooks.key(tenant, hook)), (table, events.key(tenant, event))
    found = tables.read(delivery, endpoint, what)
    return (
        hook_deliveries.of(found[delivery]) if delivery in found else None,
        hooks.of(found[endpoint]) if endpoint in found else None,
        events.of(found[what]) if what in found else None,
    )


def _call(hook: Hook, event: Event) -> Outcome:
    """Posts an event, signed with every live secret."""
    body = json.dumps(event.told(events.chunk_of(event)), separators=(",", ":"), ensure_ascii=False).encode()
    signed = hook_secrets.headers(hook.id, hook.salts, event=event.id, at=clock.epoch(), body=body)
    outcome = outbound.post(
        hook.url, body, {"content-type": "application/json", "user-agent": "Mifumo-Webhooks/1", **signed}
    )
    if outcome.taken:
        count("HookTaken")
    else:
        count("HookFailed")
    return outcome


def _record(hook: Hook, delivery: Delivery, outcome: Outcome) -> None:
    if outcome.taken:
        hook_deliveries.end(delivery, State.DELIVERED, outcome)
        hook_health.recovered(hook)
        return
    logger.info("hook failed", hook_id=hook.id, event_id=delivery.event, status=outcome.status, error=outcome.error)
    if outcome.gone:
        hook_deliveries.end(delivery, State.FAILED, outcome)
        hook_health.give_up(hook, DisabledBecause.GONE)
        return
    _failed(hook, delivery, outcome)
    settings = RetrySettings.load()
    worse = hook_health.failed(hook, rest_s=settings.hook_rest_s, rest_after=_RESTS_AFTER)
    patience = clock.stamp(clock.now() - timedelta(seconds=settings.hook_give_up_s))
    if worse and worse.failing_since <= patience:
        hook_health.give_up(hook, DisabledBecause.FAILING)


def _failed(hook: Hook, delivery: Delivery, outcome: Outcome) -> None:
    """Puts the next attempt off, or ends the delivery when there are no more."""
    wait_s = RetrySettings.load().wait_s(delivery.attempts)
    if wait_s is None:
        _exhausted(delivery, outcome)
        return
    wait_s = max(1, round(wait_s * (1 + backoff.jitter(_JITTER))), outcome.retry_after_s)
    hook_deliveries.put_off(delivery, outcome, wait_s=wait_s)
    # A longer wait is the sweep's.
    if wait_s <= DELAY_MAX_S:
        telling.call(hook.tenant, [(hook.id, delivery.event)], delay_s=math.ceil(wait_s))


def _exhausted(delivery: Delivery, outcome: Outcome) -> None:
    hook_deliveries.end(delivery, State.FAILED, outcome)
    count("HookExhausted")
