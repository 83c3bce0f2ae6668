"""Pace: when a chunk of the bulk lane may be handed over, so that no campaign, however large, fills the lane.

A tenant has a schedule of its own, on which each chunk takes as long as its segments take at the tenant's rate. What
is laid out at once is spread over it as it is put into the queue; what comes in many small batches is put off by the
worker. The platform admits as many segments as its rate allows, a moment ahead and no further: who is not admitted
takes another place on its own schedule, so a tenant that asks seldom is let in however many others have asked for.
Tests have their places among the tenant's own, and none among those of the platform: no provider hears of them.
The urgent lane waits for nobody.

| key in `messaging` | what |
|---|---|
| `T#<tenant>` / `PACE`, `PLATFORM` / `PACE` | `free_at`: until when the schedule is taken, in milliseconds since 1970 |
"""

from contextlib import suppress

from functions.sms import messaging
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import Chunk
from mifumo import clock, writes
from mifumo.ids import TenantId
from mifumo.observability import count
from mifumo.settings import Settings
from mifumo.tables import Key

# So much too early a chunk may go, rather than through the queue once more; and so far ahead the platform admits.
_SLACK_MS, _AHEAD_MS = 1_000, 1_000
# Who was not admitted asks again after a moment at the earliest.
_AGAIN_MS = 1_000
_NEVER_MS = 10**14
_PLATFORM = Key("PLATFORM", "PACE")


class PaceSettings(Settings):
    """Segments a second on the bulk lane, of one tenant and of all together; 0 sets no limit."""

    tenant_segments_per_s: int
    platform_segments_per_s: int


class _Taken(Exception):
    """The schedule is taken already, or taken for longer than was asked for."""


def spread_s(batch: Batch, place: int) -> float:
    """Returns how long after the first of a batch's chunks the one at a place has its turn, as if the tenant sent
    nothing else.
    """
    per_s = PaceSettings.load().tenant_segments_per_s
    return (place - 1) * (batch.price / batch.chunks) / per_s if per_s else 0.0


def wait_s(chunk: Chunk, *, placed: bool) -> float:
    """Returns how long a chunk has to wait, 0 for not at all. One that is `placed` has waited for its place already."""
    settings, now_ms = PaceSettings.load(), clock.epoch_ms()
    segments = len(chunk.recipients) * chunk.segments
    if settings.tenant_segments_per_s and not placed:
        starts_at_ms = _place(_of(chunk.tenant), now_ms, segments * 1000 // settings.tenant_segments_per_s)
        if starts_at_ms > now_ms + _SLACK_MS:
            count("ChunksPaced")
            return (starts_at_ms - now_ms) / 1000
    if chunk.test or not settings.platform_segments_per_s:
        return 0.0
    if not _admitted(now_ms, segments * 1000 // settings.platform_segments_per_s):
        count("ChunksNotAdmitted")
        rate = settings.tenant_segments_per_s or settings.platform_segments_per_s
        return (_place(_of(chunk.tenant), now_ms + _AGAIN_MS, segments * 1000 // rate) - now_ms) / 1000
    return 0.0


def _of(tenant: TenantId) -> Key:
    return Key(f"T#{tenant}", "PACE")


def _place(key: Key, from_ms: int, cost_ms: int) -> int:
    """Takes the next place on a schedule, from a moment on; returns when it starts."""
    return _take(key, from_ms, cost_ms, before_ms=_NEVER_MS)


def _admitted(now_ms: int, cost_ms: int) -> bool:
    """Takes a place on the platform's schedule if there is one in a moment."""
    try:
        _take(_PLATFORM, now_ms, cost_ms, before_ms=now_ms + _AHEAD_MS)
    except _Taken:
        return False
    return True


def _take(key: Key, from_ms: int, cost_ms: int, *, before_ms: int) -> int:
    """Takes the next place on a schedule and returns when it starts; raises _Taken when that is too late.

    Each of the two writes says what it builds on, so it does not matter how many take places at the same time.
    """
    with suppress(_Taken):
        free = "attribute_not_exists(pk) OR free_at <= :from"
        _commit(key, "SET free_at = :until", free, {":until": from_ms + cost_ms, ":from": from_ms})
        return from_ms
    behind = "free_at > :from AND free_at <= :before"
    values = {":cost": cost_ms, ":from": from_ms, ":before": before_ms}
    return _commit(key, "SET free_at = free_at + :cost", behind, values) - cost_ms


def _commit(key: Key, expression: str, condition: str, values: dict[str, int]) -> int:
    """Makes one write; returns until when the schedule is taken by it."""
    table = messaging.table()
    write = writes.update(table, key, expression, condition=condition, values=values, refused=lambda _: _Taken())
    return int(writes.commit(write)["free_at"])
