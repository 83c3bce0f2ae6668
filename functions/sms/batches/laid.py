"""Laid part: how far a part of a plan is in the batch that uses it: laid out, handed over, settled, reported on.

| pk | sk | what |
|---|---|---|
| `T#<tenant>#B#<batch>` | `PART#<part>` | which chunks it is, what became of their recipients, what they cost |

Counters are plain, so after a crash they may be one off: they say how far it is, and when to look at its chunks. What
those say is written down once all have ended, and again once no report can come any more; money goes by that alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from functions.sms import messaging
from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.ids import BatchId, TenantId
from mifumo.tables import Key
from mifumo.writes import Write

from . import chunks
from .batches import Batch
from .chunks import RETENTION_S, Chunk

_DUE = "PARTS"
# What became of a chunk's recipients as a whole, and of each one by itself.
_WHOLE, _FINAL = "w_", "n_"


@dataclass(frozen=True, slots=True)
class LaidPart:
    """A part; `first` and `chunks` are 0 until it is laid out, `captured` is None until its chunks have ended."""

    tenant: TenantId
    batch: BatchId
    number: int
    first: int
    chunks: int
    recipients: int
    ended: int
    whole: tuple[tuple[str, int], ...]
    """How many recipients' chunks ended in each state."""
    finals: tuple[tuple[str, int], ...]
    """How many of them have a final status of their own."""
    captured: int | None
    due: str | None

    @property
    def last(self) -> int:
        """The number of its last chunk."""
        return self.first + self.chunks - 1

    @property
    def full(self) -> bool:
        """Tells whether all its chunks have ended, as far as was counted."""
        return 0 < self.chunks <= self.ended


class AlreadyLaid(Exception):
    """The part was laid out before."""


class PartMoved(Exception):
    """Somebody else has written what the chunks of the part say."""


def key(tenant: TenantId, batch: BatchId, part: int) -> Key:
    """Returns the key of a part."""
    return Key(chunks.partition(tenant, batch), f"PART#{part:05d}")


def of(item: Item) -> LaidPart:
    """Reads a part from its item."""
    return LaidPart(
        tenant=TenantId(item["tenant"]),
        batch=BatchId(item["batch"]),
        number=item["part"],
        first=item.get("first", 0),
        chunks=item.get("chunks", 0),
        recipients=item.get("recipients", 0),
        ended=item.get("ended", 0),
        whole=_counters(item, _WHOLE),
        finals=_counters(item, _FINAL),
        captured=item.get("captured"),
        due=item.get("due_sk"),
    )


def get(tenant: TenantId, batch: BatchId, part: int) -> LaidPart | None:
    """Reads a part, consistently; None before anything is known of it."""
    item = tables.get(messaging.table(), key(tenant, batch, part))
    return of(item) if item else None


def of_batch(batch: Batch) -> list[LaidPart]:
    """Reads what is known of a batch's parts, consistently."""
    found = tables.query_all(
        messaging.table(), chunks.partition(batch.tenant, batch.id), begins_with="PART#", consistent=True
    )
    return [of(item) for item in found]


def lay(batch: Batch, part: int, *, first: int, count: int, recipients: int) -> Write:
    """Says that the chunks of a part stand; refuses with AlreadyLaid."""
    return writes.update(
        messaging.table(),
        key(batch.tenant, batch.id, part),
        "SET #first = :first, chunks = :chunks, recipients = :recipients, tenant = :tenant, #batch = :batch, "
        "#part = :part, #ttl = :ttl",
        condition="attribute_not_exists(chunks)",
        names={"#first": "first", "#batch": "batch", "#part": "part", "#ttl": "ttl"},
        values={
            ":first": first,
            ":chunks": count,
            ":recipients": recipients,
            ":tenant": batch.tenant,
            ":batch": batch.id,
            ":part": part,
            ":ttl": clock.epoch() + RETENTION_S,
        },
        refused=lambda _: AlreadyLaid(batch.id, part),
    )


def one_more_ended(chunk: Chunk) -> LaidPart:
    """Counts a chunk, as it ended, and returns how far its part is."""
    return _added(chunk, {"ended": 1, f"{_WHOLE}{chunk.state.value}": len(chunk.recipients)})


def add_finals(chunk: Chunk, counts: Mapping[str, int]) -> None:
    """Counts recipients of a chunk that have, or with a negative number no longer have, a final status."""
    if any(counts.values()):
        _added(chunk, {f"{_FINAL}{status}": count for status, count in counts.items() if count})


def _added(chunk: Chunk, counts: Mapping[str, int]) -> LaidPart:
    names = {f"#{index}": name for index, name in enumerate(counts)}
    values = {f":{index}": count for index, count in enumerate(counts.values())}
    adds = ", ".join(f"#{index} :{index}" for index in range(len(counts)))
    write = writes.update(
        messaging.table(),
        key(chunk.tenant, chunk.batch, chunk.part),
        f"SET tenant = :tenant, #batch = :batch, #part = :part, #ttl = :ttl ADD {adds}",
        condition=writes.WHATEVER_STANDS,
        names={**names, "#batch": "batch", "#part": "part", "#ttl": "ttl"},
        values={
            **values,
            ":tenant": chunk.tenant,
            ":batch": chunk.batch,
            ":part": chunk.part,
            ":ttl": clock.epoch() + RETENTION_S,
        },
        refused=writes.never,
    )
    return of(writes.commit(write))


def closed(part: LaidPart, whole: Mapping[str, int], *, captured: int, due: str) -> Write:
    """Writes what the chunks of a part, all ended, come to; refuses with PartMoved.

    `due` is when no report can come any more: then it is counted for the last time.
    """
    figures = {f"{_WHOLE}{state}": count for state, count in whole.items()}
    more: Item = {**figures, "captured": captured, "due_pk": _DUE, "due_sk": due}
    return _written(part, more, gone=[], condition="attribute_not_exists(captured)", values={})


def rested(part: LaidPart, finals: Mapping[str, int]) -> Write:
    """Writes how many recipients of a part ended how, for good; refuses with PartMoved."""
    gone = [name for name, _ in part.finals if name not in finals]
    figures = {f"{_FINAL}{status}": count for status, count in finals.items()}
    condition, values = "due_sk = :was", {":was": part.due}
    return _written(
        part,
        figures,
        gone=["due_pk", "due_sk", *(f"{_FINAL}{name}" for name in gone)],
        condition=condition,
        values=values,
    )


def put_off(part: LaidPart, *, due: str) -> Write:
    """Puts the last count of a part off; refuses with PartMoved."""
    return _written(part, {"due_sk": due}, gone=[], condition="due_sk = :was", values={":was": part.due})


def due(now: str, *, limit: int) -> list[Key]:
    """Finds parts whose last count is due."""
    return messaging.due(_DUE, now, limit=limit)


def _written(part: LaidPart, figures: Item, *, gone: list[str], condition: str, values: Item) -> Write:
    names = {f"#s{index}": name for index, name in enumerate(figures)}
    sets = ", ".join(f"#s{index} = :s{index}" for index in range(len(figures)))
    removed = {f"#g{index}": name for index, name in enumerate(gone)}
    expression = " ".join([*([f"SET {sets}"] if sets else []), *([f"REMOVE {', '.join(removed)}"] if removed else [])])
    return writes.update(
        messaging.table(),
        key(part.tenant, part.batch, part.number),
        expression,
        condition=condition,
        names={**names, **removed},
        values={**values, **{f":s{index}": value for index, value in enumerate(figures.values())}},
        refused=lambda _: PartMoved(part.batch, part.number),
    )


def _counters(item: Item, prefix: str) -> tuple[tuple[str, int], ...]:
    found = ((name.removeprefix(prefix), count) for name, count in item.items() if name.startswith(prefix))
    return tuple(sorted(found))
