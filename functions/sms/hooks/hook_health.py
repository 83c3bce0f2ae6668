"""Health of a webhook: how long it has been failing, when it is left in peace, and when it is given up.

Whoever gives one up marks it; the mark goes when its tenant has been told, so a worker that dies in between leaves that
to the sweep, and what is told twice has one name.
"""

from contextlib import suppress

from functions.sms import messaging
from mifumo import announcements, audit, backoff, clock, writes
from mifumo.announcements import Announcement, Subject
from mifumo.ids import TenantId
from mifumo.observability import count
from mifumo.writes import Write

from . import hook_deliveries, hooks
from .hooks import DisabledBecause, Hook, HookMoved

# A webhook rests for a tenth of the time for which it has been failing, at most for so many of the shortest rests: the
# longer it has been down, the less is gained by another call, and the more waits to be put off again.
_REST_PART, _RESTS_MAX = 10, 30
# What waited for the end of a rest is spread over the minute after it.
_SPREAD_S = 60


def failed(hook: Hook, *, rest_s: float, rest_after: int) -> Hook | None:
    """Counts a failure, and lets a webhook that fails again and again rest, for `rest_s` at the least; None when it
    went meanwhile.
    """
    rests = clock.after(_rest_s(hook, rest_s)) if hook.fails + 1 >= rest_after else ""
    write = writes.update(
        messaging.table(),
        hooks.key(hook.tenant, hook.id),
        "SET failing_since = if_not_exists(failing_since, :now), rests_until = :rests ADD fails :one",
        condition="attribute_exists(pk)",
        values={":now": clock.stamp(), ":rests": rests, ":one": 1},
        refused=lambda _: HookMoved(),
    )
    try:
        return hooks.of(writes.commit(write))
    except HookMoved:
        return None


def _rest_s(hook: Hook, least_s: float) -> float:
    failing_s = (clock.now() - clock.parse(hook.failing_since)).total_seconds() if hook.failing_since else 0
    return min(max(least_s, failing_s / _REST_PART), least_s * _RESTS_MAX)


def wakes_at(hook: Hook) -> str:
    """Stamps the moment at which something is called that waits for a webhook that rests."""
    return clock.after(backoff.jitter(_SPREAD_S), clock.parse(hook.rests_until))


def recovered(hook: Hook) -> None:
    """Forgets the failures of a webhook that took a call."""
    if not hook.failing_since:
        return
    try:
        writes.commit(hooks.update(hook, {"updated_at": hook.updated_at}, ("failing_since", "fails", "rests_until")))
    except HookMoved:
        return


def give_up(hook: Hook, because: DisabledBecause) -> None:
    """Disables a webhook by ourselves, on record in the tenant's audit log, and tells its tenant; does nothing when it
    is disabled.
    """
    told = audit.entry_by(
        hook.tenant, "webhook.disabled", actor=audit.PLATFORM, target=hook.id, reason=_REASONS[because]
    )
    stored = {
        "disabled": because.value,
        "disabled_at": clock.stamp(),
        "due_pk": hook_deliveries.DUE[0],
        "due_sk": messaging.swept_at(),
    }
    try:
        writes.transact(hooks.update(hook, stored, unless="disabled"), told)
    except HookMoved:
        return
    count("HookDisabled")
    announce(hook.tenant, hook.id)


def announce(tenant: TenantId, hook_id: str) -> None:
    """Has a tenant told that a webhook was disabled, once for each time; raises Busy when that is not taken."""
    hook = hooks.read(tenant, hook_id)
    if hook is None or not hook.untold:
        return
    occasion = f"{hook.id} {hook.disabled_at}"
    announcements.send(Announcement(hook.tenant, Subject.WEBHOOK_DISABLED, occasion))
    with suppress(HookMoved):  # enabled or deleted meanwhile, or told by somebody else
        writes.commit(_told(hook))


def _told(hook: Hook) -> Write:
    return writes.update(
        messaging.table(),
        hooks.key(hook.tenant, hook.id),
        "REMOVE due_pk, due_sk",
        condition="disabled_at = :at",
        values={":at": hook.disabled_at},
        refused=lambda _: HookMoved(),
    )


_REASONS = {
    DisabledBecause.ASKED: "asked for",
    DisabledBecause.GONE: "it answered 410 Gone",
    DisabledBecause.FAILING: "every call has failed for days",
}
