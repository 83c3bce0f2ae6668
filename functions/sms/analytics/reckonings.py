"""Reckoning: what of a batch, or of a part, has been added to the figures of its days, and when it is looked at.

| pk | sk | what |
|---|---|---|
| `T#<tenant>#B#<batch>` | `RECKONED#<part>` | counters as they were added, by day; part 0 is a batch without parts |

It begins when all of the chunks have ended, or when the sweep finds that some have and others have not: what is paused,
or nobody knows of, keeps nothing else from being counted. What was added moves in the transaction that adds it. So a
look that comes twice, or dies, adds nothing twice, and a later one corrects what was counted too early.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from functions.sms import messaging
from functions.sms.batches import chunks
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import RETENTION_S
from functions.sms.batches.window import WindowSettings
from mifumo import clock, writes
from mifumo.aws import Item
from mifumo.ids import BatchId, TenantId
from mifumo.tables import Key
from mifumo.writes import Write

# In one sweep: each is at most a part's chunks and rows, a second or two.
LOOKS_MAX = 25
_DUE = "RECKONINGS"
# Soon, later the same day, and once no report can match any more: routes are gone after thirty days.
_SOON_S, _LATER_S, _LAST_S = 180, 2 * 3600, 31 * 24 * 3600
# The sweep ends a window some minutes after it is over.
_AFTER_WINDOW_S = 3 * 3600


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What has been added; `seen` tells how its chunks stood then, `look` how often they were looked at, `closing` how
    often since all had ended: that was found at `since`.
    """

    tenant: TenantId
    batch: BatchId
    part: int
    first: int
    last: int
    sender_id: str
    counted: dict[str, dict[str, int]]
    seen: str
    look: int
    closing: int
    since: str

    @property
    def is_last(self) -> bool:
        """Tells whether the look that is due is the last one."""
        return self.closing >= len(_waits_s())


class ReckoningBegun(Exception):
    """The reckoning was begun before."""


class ReckoningMoved(Exception):
    """Somebody else has looked meanwhile, or is about to."""


def begin(batch: Batch, *, part: int = 0, first: int = 1, last: int) -> None:
    """Begins the reckoning of chunks; tests have none, and one that was begun stays as it is."""
    with suppress(ReckoningBegun):
        _begin(batch, part=part, first=first, last=last)


def hasten(batch: Batch, *, part: int = 0, first: int = 1, last: int) -> None:
    """Has chunks that have all ended looked at soon, whether their reckoning was begun or not."""
    try:
        _begin(batch, part=part, first=first, last=last)
    except ReckoningBegun:
        with suppress(ReckoningMoved):
            writes.commit(_soon(_key(batch.tenant, batch.id, part)))


def _begin(batch: Batch, *, part: int, first: int, last: int) -> None:
    if batch.test:
        return
    item = {
        **_key(batch.tenant, batch.id, part)._asdict(),
        "tenant": batch.tenant,
        "batch": batch.id,
        "part": part,
        "first": first,
        "last": last,
        "sender_id": batch.sender_id,
        "counted": {},
        "seen": "",
        "look": 0,
        "closing": 0,
        "since": clock.stamp(),
        "due_pk": _DUE,
        "due_sk": clock.after(_SOON_S),
        "ttl": clock.epoch() + RETENTION_S,
    }
    writes.commit(writes.put(messaging.table(), item, refused=lambda _: ReckoningBegun()))


def _soon(place: Key) -> Write:
    return writes.update(
        messaging.table(),
        place,
        "SET due_sk = :soon",
        condition="closing = :no AND due_sk > :soon",
        values={":soon": clock.after(_SOON_S), ":no": 0},
        refused=lambda _: ReckoningMoved(),
    )


def due(now: str, *, limit: int) -> list[Key]:
    """Finds reckonings whose look is due."""
    return messaging.due(_DUE, now, limit=limit)


def read_due(place: Key) -> Reckoning | None:
    """Reads a reckoning that the index called due; None when it is not any more."""
    item = messaging.read_due(place)
    return _of(item) if item else None


def looked(reckoning: Reckoning, *, seen: str, counted: Mapping[str, Mapping[str, int]], ended: bool) -> Write:
    """Writes down what has been added by now, whether all chunks had `ended`, and when the next look is; refuses with
    ReckoningMoved.
    """
    first_of_end = ended and not reckoning.closing
    since, closing = clock.stamp() if first_of_end else reckoning.since, reckoning.closing + ended
    values: Item = {":look": reckoning.look + 1, ":was": reckoning.look, ":seen": seen}
    values |= {":closing": closing, ":since": since}
    sets = ["#look = :look", "seen = :seen", "closing = :closing", "since = :since"]
    if counted != reckoning.counted:
        sets.append("counted = :counted")
        values[":counted"] = counted
    gone, due = " REMOVE due_pk, due_sk", _next_look(since, closing)
    if due:
        sets.append("due_sk = :due")
        values[":due"], gone = due, ""
    return writes.update(
        messaging.table(),
        _key(reckoning.tenant, reckoning.batch, reckoning.part),
        f"SET {', '.join(sets)}{gone}",
        condition="#look = :was",
        names={"#look": "look"},
        values=values,
        refused=lambda _: ReckoningMoved(reckoning.batch, reckoning.part),
    )


def _next_look(since: str, closing: int) -> str | None:
    """Returns when it is looked at next, None for never."""
    if closing:
        waits = _waits_s()[closing - 1 : closing]
        return clock.after(waits[0], clock.parse(since)) if waits else None
    age_s = (clock.now() - clock.parse(since)).total_seconds()
    return clock.after(min(_LATER_S, max(_SOON_S, age_s)))  # when it is twice as old


def _waits_s() -> list[float]:
    """When it is looked at again, in seconds since all its chunks were found to have ended."""
    return [_LATER_S, WindowSettings.load().receipt_window_s + _AFTER_WINDOW_S, _LAST_S]


def _of(item: Item) -> Reckoning:
    return Reckoning(
        tenant=TenantId(item["tenant"]),
        batch=BatchId(item["batch"]),
        part=item["part"],
        first=item["first"],
        last=item["last"],
        sender_id=item["sender_id"],
        counted=item["counted"],
        seen=item["seen"],
        look=item["look"],
        closing=item.get("closing", 0),
        since=item["since"],
    )


def _key(tenant: TenantId, batch: BatchId, part: int) -> Key:
    return Key(chunks.partition(tenant, batch), f"RECKONED#{part:05d}")
