"""Reckoning: what of a batch, or of a part, has been added to the figures of its days, and when it is looked at.

| pk | sk | what |
|---|---|---|
| `T#<tenant>#B#<batch>` | `RECKONED#<part>` | counters as they were added, by day; part 0 is a batch without parts |

What was added moves in the transaction that adds it. So a look that comes twice, or dies, adds nothing twice, and a
later one corrects what was counted too early.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from functions.sms import messaging
from functions.sms.batches import chunks
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import RETENTION_S
from functions.sms.batches.window import WindowSettings
from mifumo import clock, tables, writes
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
    """What has been added; `seen` tells how its chunks stood then, `look` how often they were looked at."""

    tenant: TenantId
    batch: BatchId
    part: int
    first: int
    last: int
    sender_id: str
    counted: dict[str, dict[str, int]]
    seen: str
    look: int
    since: str

    @property
    def is_last(self) -> bool:
        """Tells whether the look that is due is the last one."""
        return self.look + 1 >= len(_waits_s())


class ReckoningBegun(Exception):
    """The reckoning was begun before."""


class ReckoningMoved(Exception):
    """Somebody else has looked meanwhile."""


def begin(batch: Batch, *, part: int = 0, first: int = 1, last: int) -> None:
    """Begins the reckoning of chunks that have all ended; tests have none, and one that was begun stays as it is."""
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
        "since": clock.stamp(),
        "due_pk": _DUE,
        "due_sk": clock.after(_SOON_S),
        "ttl": clock.epoch() + RETENTION_S,
    }
    with suppress(ReckoningBegun):
        writes.commit(writes.put(messaging.table(), item, refused=lambda _: ReckoningBegun()))


def due(now: str, *, limit: int) -> list[Key]:
    """Finds reckonings whose look is due."""
    page = tables.query(messaging.table(), _DUE, index="due", between=("0", now), limit=limit)
    return [Key(item["pk"], item["sk"]) for item in page.items]


def read_due(place: Key) -> Reckoning | None:
    """Reads a reckoning that the index called due; None when it is not any more."""
    item = tables.get(messaging.table(), place)
    return _of(item) if item and item.get("due_sk", "~") <= clock.stamp() else None


def looked(reckoning: Reckoning, *, seen: str, counted: Mapping[str, Mapping[str, int]]) -> Write:
    """Writes down what has been added by now, and when the next look is; refuses with ReckoningMoved."""
    look = reckoning.look + 1
    values: Item = {":look": look, ":was": reckoning.look, ":seen": seen}
    sets = ["#look = :look", "seen = :seen"]
    if counted != reckoning.counted:
        sets.append("counted = :counted")
        values[":counted"] = counted
    gone = " REMOVE due_pk, due_sk"
    if look < len(_waits_s()):
        sets.append("due_sk = :due")
        values[":due"], gone = clock.after(_waits_s()[look], clock.parse(reckoning.since)), ""
    return writes.update(
        messaging.table(),
        _key(reckoning.tenant, reckoning.batch, reckoning.part),
        f"SET {', '.join(sets)}{gone}",
        condition="#look = :was",
        names={"#look": "look"},
        values=values,
        refused=lambda _: ReckoningMoved(reckoning.batch, reckoning.part),
    )


def _waits_s() -> list[float]:
    """When it is looked at, in seconds since it was begun."""
    return [_SOON_S, _LATER_S, WindowSettings.load().receipt_window_s + _AFTER_WINDOW_S, _LAST_S]


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
        since=item["since"],
    )


def _key(tenant: TenantId, batch: BatchId, part: int) -> Key:
    return Key(chunks.partition(tenant, batch), f"RECKONED#{part:05d}")
