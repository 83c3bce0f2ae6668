"""Health of a webhook: how long it has been failing, when it is left in peace, and when it is given up."""

from mifumo import audit, clock, writes

from . import hooks
from .chunks import MessagingSettings
from .hooks import Deleted, DisabledBecause, Hook


def failed(hook: Hook, *, rest_s: float, rest_after: int) -> Hook | None:
    """Counts a failure, and lets a webhook that fails again and again rest; None when it went meanwhile."""
    rests = clock.after(rest_s) if hook.fails + 1 >= rest_after else ""
    write = writes.update(
        MessagingSettings.load().messaging_table,
        hooks.key(hook.tenant, hook.id),
        "SET failing_since = if_not_exists(failing_since, :now), rests_until = :rests ADD fails :one",
        condition="attribute_exists(pk)",
        values={":now": clock.stamp(), ":rests": rests, ":one": 1},
        refused=lambda _: Deleted(),
    )
    try:
        return hooks.of(writes.commit(write))
    except Deleted:
        return None


def recovered(hook: Hook) -> None:
    """Forgets the failures of a webhook that took a call."""
    if not hook.failing_since:
        return
    try:
        writes.commit(hooks.update(hook, {"updated_at": hook.updated_at}, ("failing_since", "fails", "rests_until")))
    except Deleted:
        return


def give_up(hook: Hook, because: DisabledBecause) -> None:
    """Disables a webhook by ourselves, on record in the tenant's audit log; does nothing when it is disabled."""
    told = audit.entry_by(
        hook.tenant, "webhook.disabled", actor=audit.PLATFORM, target=hook.id, reason=_REASONS[because]
    )
    try:
        writes.transact(hooks.update(hook, {"disabled": because.value}, unless="disabled"), told)
    except Deleted:
        return


_REASONS = {
    DisabledBecause.ASKED: "asked for",
    DisabledBecause.GONE: "it answered 410 Gone",
    DisabledBecause.FAILING: "every call has failed for days",
}
