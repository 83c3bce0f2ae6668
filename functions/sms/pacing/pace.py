"""Pace: when a chunk of the bulk lane may be handed over, so that no campaign, however large, fills the lane.

A tenant has a schedule of its own, on which each chunk takes as long as its segments take at the tenant's rate. What
is laid out at once is spread over it as it is put into the queue; what comes in many small batches is put off by the
worker. The platform admits as many segments as its rate allows, a moment ahead, and the further the longer ago it let
the tenant in: so large ones take turns, and one that asks seldom goes before them, however many have asked. Who is not
admitted takes another place on its own schedule, and asks less often where its turn comes less often.
Tests have their places among the tenant's own, and none among those of the platform: no provider hears of them. What
comes in a request of its own is a call to the provider, however small it is, and takes as long as so many segments.

On the urgent lane a tenant has so many calls a second, and some seconds' worth at once; who sends more goes on in the
bulk lane.

| key in `messaging` | what |
|---|---|
| `T#<tenant>` / `PACE`, `PLATFORM` / `PACE` | `free_at`: until when the schedule is taken, in milliseconds since 1970 |
| `T#<tenant>` / `PACE` | `let_in`: until when what was admitted last takes at the tenant's rate, likewise |
| `T#<tenant>` / `PACE` | `urgent_at`: until when its calls on the urgent lane take at that rate, likewise |
"""

from contextlib import suppress
from dataclasses import dataclass

from functions.sms import messaging
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import Chunk
from mifumo import clock, writes
from mifumo.aws import Item
from mifumo.ids import TenantId
from mifumo.observability import count
from mifumo.settings import Settings
from mifumo.tables import Key

# So much too early a chunk may go, rather than through the queue once more.
_SLACK_MS = 1_000
# So far ahead the platform admits who was let in just now, a quarter of the time since then further, and no further.
_AHEAD_MS, _PART_OF_IDLE, _AHEAD_MAX_MS = 1_000, 4, 10_000
# Who was not admitted asks again after a moment at the earliest, and less often where it is let in less often.
_AGAIN_MS, _BETWEEN_ASKS_MAX_MS = 1_000, 2_000
# A call of three tenths of a second keeps a worker from so many segments of a campaign.
_CALL_SEGMENTS = 75
_URGENT_BURST_MS = 20_000
_NEVER_MS = 10**14
_PLATFORM = Key("PLATFORM", "PACE")


class PaceSettings(Settings):
    """Segments a second on the bulk lane, of one tenant and of all together, and a tenant's calls on the urgent one; 0
    sets no limit.
    """

    tenant_segments_per_s: int
    platform_segments_per_s: int
    tenant_urgent_per_s: int


class _Taken(Exception):
    """The schedule is taken already, or taken for longer than was asked for."""


def spread_s(batch: Batch, place: int) -> float:
    """Returns how long after the first of a batch's chunks the one at a place has its turn, as if the tenant sent
    nothing else.
    """
    per_s = PaceSettings.load().tenant_segments_per_s
    return (place - 1) * (batch.price / batch.chunks) / per_s if per_s else 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How both schedules stood a moment ago: until when each is taken, and when the tenant was let in last."""

    taken_ms: int = 0
    let_in_ms: int = 0
    platform_ms: int = 0
    urgent_ms: int = 0


def keys(tenant: TenantId) -> tuple[Key, Key]:
    """Returns the keys of what `standing` reads: the tenant's schedule and the platform's."""
    return _of(tenant), _PLATFORM


def standing(own: Item | None, platform: Item | None) -> Standing:
    """Reads how the schedules stand."""
    mine = own or {}
    whole = (platform or {}).get("free_at", 0)
    return Standing(mine.get("free_at", 0), mine.get("let_in", 0), whole, mine.get("urgent_at", 0))


def hurries(chunk: Chunk, stands: Standing) -> bool:
    """Takes one of its tenant's calls on the urgent lane, and tells whether there was one."""
    per_s, now_ms = PaceSettings.load().tenant_urgent_per_s, clock.epoch_ms()
    before_ms = now_ms + _URGENT_BURST_MS
    if not per_s:
        return True
    if stands.urgent_ms > before_ms:
        return False
    with suppress(_Taken):
        key, urgent = _of(chunk.tenant), stands.urgent_ms
        _take(key, now_ms, 1000 // per_s, before_ms=before_ms, taken_ms=urgent, name="urgent_at")
        return True
    return False


def wait_s(chunk: Chunk, stands: Standing) -> float:
    """Returns how long a chunk has to wait, 0 for not at all. One that is placed has waited for its place already.

    What was read saves writes that would be refused; what is true by now, the writes say.
    """
    settings, now_ms = PaceSettings.load(), clock.epoch_ms()
    cost_ms = _takes_ms(chunk, settings.tenant_segments_per_s or settings.platform_segments_per_s)
    if settings.tenant_segments_per_s and not chunk.placed:
        starts_at_ms = _place(chunk.tenant, now_ms, cost_ms, stands)
        if starts_at_ms > now_ms + _SLACK_MS:
            count("ChunksPaced")
            return (starts_at_ms - now_ms) / 1000
    if chunk.test or not settings.platform_segments_per_s:
        return 0.0
    if not _admitted(chunk, now_ms, cost_ms, stands):
        count("ChunksNotAdmitted")
        between_ms = min(now_ms - stands.let_in_ms, _BETWEEN_ASKS_MAX_MS) if stands.let_in_ms else 0
        return (_place(chunk.tenant, now_ms + _AGAIN_MS, max(cost_ms, between_ms), stands) - now_ms) / 1000
    return 0.0


def _takes_ms(chunk: Chunk, per_s: int) -> int:
    """Returns how long a chunk takes at a rate: a campaign's by its segments alone, as those of all together count."""
    segments = len(chunk.recipients) * chunk.segments
    return (segments if chunk.part else max(segments, _CALL_SEGMENTS)) * 1000 // per_s if per_s else 0


def _of(tenant: TenantId) -> Key:
    return Key(f"T#{tenant}", "PACE")


def _place(tenant: TenantId, from_ms: int, cost_ms: int, stands: Standing) -> int:
    """Takes the next place on a tenant's schedule, from a moment on; returns when it starts."""
    return _take(_of(tenant), from_ms, cost_ms, before_ms=_NEVER_MS, taken_ms=stands.taken_ms)


def _admitted(chunk: Chunk, now_ms: int, own_cost_ms: int, stands: Standing) -> bool:
    """Takes a place on the platform's schedule if there is one soon enough, and remembers when that was."""
    cost_ms = _takes_ms(chunk, PaceSettings.load().platform_segments_per_s)
    idle_ms = max(0, now_ms - stands.let_in_ms)
    before_ms = now_ms + min(_AHEAD_MS + idle_ms // _PART_OF_IDLE, _AHEAD_MAX_MS)
    if stands.platform_ms > before_ms:
        return False
    try:
        _take(_PLATFORM, now_ms, cost_ms, before_ms=before_ms, taken_ms=stands.platform_ms)
    except _Taken:
        return False
    _commit(_of(chunk.tenant), "SET let_in = :until", writes.WHATEVER_STANDS, {":until": now_ms + own_cost_ms})
    return True


def _take(key: Key, from_ms: int, cost_ms: int, *, before_ms: int, taken_ms: int, name: str = "free_at") -> int:
    """Takes the next place on a schedule and returns when it starts; raises _Taken when that is too late.

    Each of the two writes says what it builds on, so it does not matter how many take places at the same time. Which of
    them goes first is a guess.
    """
    behind, later = f"{name} > :from AND {name} <= :before", f"SET {name} = {name} + :cost"
    values = {":cost": cost_ms, ":from": from_ms, ":before": before_ms}
    if taken_ms > from_ms:
        with suppress(_Taken):
            return _commit(key, later, behind, values)[name] - cost_ms
    with suppress(_Taken):
        free = f"attribute_not_exists({name}) OR {name} <= :from"
        _commit(key, f"SET {name} = :until", free, {":until": from_ms + cost_ms, ":from": from_ms})
        return from_ms
    return _commit(key, later, behind, values)[name] - cost_ms


def _commit(key: Key, expression: str, condition: str, values: dict[str, int]) -> dict[str, int]:
    """Makes one write; returns how the schedules stand after it."""
    table = messaging.table()
    write = writes.update(table, key, expression, condition=condition, values=values, refused=lambda _: _Taken())
    return {name: int(value) for name, value in writes.commit(write).items() if name not in {"pk", "sk"}}
