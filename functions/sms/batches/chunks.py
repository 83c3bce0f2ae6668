"""Chunk: up to 100 recipients of a batch, claimed by one worker at a time, handed over once.

    queued ⇄ claimed → submitting → submitted | rejected | failed | submit_unknown → submitted | unknown
      └→ cancelled          └→ queued (certainly not sent)

Only a claimed chunk is handed over. From `submitting` on nobody can know that nothing was sent unless the provider
says so: such a chunk is never handed over again. Every open chunk stands in the `due` index, with the moment at which
the sweep looks at it; but for queued ones of a batch that waits, which were set aside until it goes on.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from functions.sms import messaging
from mifumo import clock, ids, tables, writes
from mifumo.aws import Item
from mifumo.ids import BatchId, TenantId
from mifumo.segments import Encoding
from mifumo.tables import Key
from mifumo.writes import Write

RECIPIENTS_MAX = 100
# Thirteen months, so that last year's campaign can still be looked at: chunks and rows expire together, and no number
# outlives them.
RETENTION_S = 400 * 24 * 3600
# What has expired is deleted within days, and a batch was parked for some at most before its chunks were made.
_GONE_S = RETENTION_S + 60 * 24 * 3600
# Stands where a number was that has been erased: no mobile number begins like this.
ERASED = "255000000000"
# The reason of a chunk that ended because its batch was called off.
CALLED_OFF = "cancelled"
# Spreads the due index over partitions; the sweep reads them all.
_SHARDS = 4
# Chunks in a page of many: a hundred kilobytes, or two.
PAGE = 100
# Some two hundred bytes: of a storm of refusals the last ones are told.
_MISSES_MAX = 5
# Tanzanian numbers as digits, 255712345678, and the bytes that hold the nine after the country.
_COUNTRY, _DIGITS, _BYTES = "255", 12, 4


class State(StrEnum):
    """How far a chunk is."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    SUBMITTING = "submitting"
    SUBMIT_UNKNOWN = "submit_unknown"
    SUBMITTED = "submitted"
    REJECTED = "rejected"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


# Nothing is left to hand over.
_ENDED = frozenset({State.SUBMITTED, State.REJECTED, State.FAILED, State.UNKNOWN, State.CANCELLED})


class Lane(StrEnum):
    """Which queue it takes: a large campaign must not delay a one-time password."""

    URGENT = "urgent"
    BULK = "bulk"


class ChunkTaken(Exception):
    """Somebody else moved the chunk first; it carries nothing, the caller looks again or goes."""


class Miss(NamedTuple):
    """A call to the provider that has not handed a chunk over, as far as anybody knows: what it is then, and why."""

    at: str
    state: State
    reason: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some recipients of a batch. `invalid` counts those that the provider did not take, without saying which.

    `listens` says that its tenant had webhooks when it was accepted, `refunds` that it gets undelivered texts back;
    `window` is until when reports move money, `closed_at` when that had ended, and `returned` for how many texts the
    credits came back then. `misses` are the last calls to the provider that did not hand it over.
    `test` says that no provider hears of it, and that it costs nothing.
    `placed` says that it has been put off to a place on its tenant's schedule; `since` is when it was to go on, where
    that is not when it was accepted.
    `withheld` are the positions of those that opted out while the batch waited: they are not sent to.
    `text` and `encoding` are its own where they are not the batch's, `asked` is its text before characters were made
    cheaper; `part` is which part of a plan it was laid out from, 0 for one that was accepted with its batch.
    """

    tenant: TenantId
    batch: BatchId
    number: int
    lane: Lane
    state: State
    recipients: tuple[str, ...]
    segments: int
    created_at: str
    updated_at: str
    attempts: int = 0
    token: str | None = None
    due: str | None = None
    request_id: str | None = None
    invalid: int = 0
    reason: str | None = None
    submitted_at: str | None = None
    finals: tuple[tuple[str, int], ...] = ()
    tally: int = 0
    adopted: bool = False
    listens: bool = False
    refunds: bool = False
    text: str = ""
    encoding: Encoding | None = None
    asked: str = ""
    part: int = 0
    test: bool = False
    withheld: tuple[int, ...] = ()
    window: str | None = None
    answered_at: str | None = None
    closed_at: str | None = None
    returned: int = 0
    misses: tuple[Miss, ...] = ()
    placed: bool = False
    since: str | None = None

    @property
    def recipient_ids(self) -> list[tuple[int, str]]:
        """What each recipient is called in the hand-over under this claim, with its digits.

        The last two digits are the position; the seven before tell this hand-over from any other to the same number,
        so that a report finds its message even when the provider's request id never reached us.
        """
        salt = int(ids.fingerprint(self.token or "")[:12], 16) % 10_000_000
        return [(salt * RECIPIENTS_MAX + index, digits) for index, digits in enumerate(self.recipients)]

    @property
    def addressed(self) -> list[tuple[int, str]]:
        """Those of `recipient_ids` that are sent to."""
        return [one for at, one in enumerate(self.recipient_ids, start=1) if at not in self.withheld]

    @property
    def ended(self) -> bool:
        """Tells whether nothing is left to hand over and what it costs is known.

        A chunk whose answer was lost and that a report confirmed (`adopted`) costs as many as have reports, so it ends
        when they all have, or with the window.
        """
        return self.state in _ENDED and not (self.adopted and self.due)

    @property
    def at_rest(self) -> bool:
        """Tells whether nothing can change any more: it has ended, and no report is waited for."""
        return self.ended and self.due is None

    @property
    def handed_over(self) -> int:
        """How many recipients the provider took: what the chunk costs is this times the segments."""
        taken = len(self.recipients) - len(self.withheld) - self.invalid
        return taken if self.state is State.SUBMITTED else 0


def position_of(recipient_id: int) -> int:
    """Reads the position (1 to 100) from a recipient id."""
    return recipient_id % RECIPIENTS_MAX + 1


def partition(tenant: TenantId, batch: BatchId) -> str:
    """Returns the partition of a batch's chunks."""
    return f"T#{tenant}#B#{batch}"


def key(tenant: TenantId, batch: BatchId, number: int) -> Key:
    """Returns the key of a chunk."""
    return Key(partition(tenant, batch), f"CHUNK#{placed(number)}")


def placed(number: int) -> str:
    """Writes the number of a chunk so that up to ten million of them sort as text."""
    return f"{number:07d}"


def of(item: Item) -> Chunk:
    """Reads a chunk from its item."""
    finals = sorted((name.removeprefix("n_"), count) for name, count in item.items() if name.startswith("n_"))
    return Chunk(
        tenant=TenantId(item["tenant"]),
        batch=BatchId(item["batch"]),
        number=item["number"],
        lane=Lane(item["lane"]),
        state=State(item["state"]),
        recipients=_unpacked(item["recipients"]),
        segments=item["segments"],
        created_at=item["created_at"],
        updated_at=item["updated_at"],
        attempts=item.get("attempts", 0),
        token=item.get("token"),
        due=item.get("due_sk"),
        request_id=item.get("request_id"),
        invalid=item.get("invalid", 0),
        reason=item.get("reason"),
        submitted_at=item.get("submitted_at"),
        finals=tuple(finals),
        tally=item.get("tally", 0),
        adopted=item.get("adopted", False),
        listens=item.get("listens", False),
        refunds=item.get("refunds", False),
        text=item.get("text", ""),
        encoding=Encoding(item["encoding"]) if "encoding" in item else None,
        asked=item.get("asked", ""),
        part=item.get("part", 0),
        test=item.get("test", False),
        withheld=tuple(item.get("withheld", ())),
        window=item.get("window"),
        answered_at=item.get("answered_at"),
        closed_at=item.get("closed_at"),
        returned=item.get("returned", 0),
        misses=tuple(map(_miss, item.get("misses", ()))),
        placed=item.get("placed", False),
        since=item.get("since"),
    )


def new(chunk: Chunk) -> Write:
    """Writes a queued chunk with its recipients inside; refuses with ChunkTaken when it is there."""
    own = {
        "listens": chunk.listens,
        "refunds": chunk.refunds,
        "text": chunk.text,
        "encoding": chunk.encoding.value if chunk.encoding else None,
        "asked": chunk.asked,
        "part": chunk.part,
        "test": chunk.test,
        "since": chunk.since,
    }
    item = {
        **key(chunk.tenant, chunk.batch, chunk.number)._asdict(),
        "tenant": chunk.tenant,
        "batch": chunk.batch,
        "number": chunk.number,
        "lane": chunk.lane.value,
        "state": State.QUEUED.value,
        "recipients": _packed(chunk.recipients),
        "segments": chunk.segments,
        "tally": 0,
        "created_at": chunk.created_at,
        "updated_at": chunk.updated_at,
        "due_pk": _shard(chunk.batch, chunk.number),
        "due_sk": chunk.due or messaging.swept_at(),
        "ttl": clock.epoch(clock.parse(chunk.created_at)) + RETENTION_S,
        **{name: value for name, value in own.items() if value},
    }
    return writes.put(messaging.table(), item, refused=lambda _: ChunkTaken())


def get(tenant: TenantId, batch: BatchId, number: int) -> Chunk | None:
    """Reads a chunk, consistently; None when there is none."""
    item = tables.get(messaging.table(), key(tenant, batch, number))
    return of(item) if item else None


def of_batch(tenant: TenantId, batch: BatchId) -> list[Chunk]:
    """Reads all chunks of a batch, consistently."""
    items = tables.query_all(messaging.table(), partition(tenant, batch), begins_with="CHUNK#", consistent=True)
    return [of(item) for item in items]


def pages(tenant: TenantId, batch: BatchId, *, first: int, last: int) -> Iterator[list[Chunk]]:
    """Reads the chunks of a batch with these numbers, in their order, consistently, a page a call."""
    start: Item | None = None
    span = key(tenant, batch, first).sk, key(tenant, batch, last).sk
    while True:
        page = tables.query(
            messaging.table(), partition(tenant, batch), between=span, limit=PAGE, start=start, consistent=True
        )
        yield [of(item) for item in page.items]
        if (start := page.last) is None:
            return


class Due(NamedTuple):
    """Chunks whose moment has come, and the earliest moment of them; None when there are none."""

    keys: list[Key]
    since: str | None


def due(now: str, *, limit: int) -> Due:
    """Finds chunks whose moment has come, at most `limit` of each shard: those that have waited longest."""
    pages = [
        tables.query(messaging.table(), f"CHUNKS#{n}", index="due", between=("0", now), limit=limit)
        for n in range(_SHARDS)
    ]
    found = [item for page in pages for item in page.items]
    return Due([Key(item["pk"], item["sk"]) for item in found], min((item["due_sk"] for item in found), default=None))


def gone(accepted_at: str) -> bool:
    """Tells whether nothing is left of what was accepted at a moment: all its chunks have expired."""
    return accepted_at <= clock.after(-_GONE_S)


def claim(chunk: Chunk, *, lease_s: float, withheld: tuple[int, ...] = ()) -> Write:
    """Takes a queued chunk for one worker, under a new fencing token; some of its positions are not to be sent to."""
    until = clock.after(lease_s)
    spared = {"withheld": list(withheld), "n_cancelled": len(withheld)} if withheld or chunk.withheld else {}
    return move(chunk, State.CLAIMED, due=until, token=ids.new(), attempts=chunk.attempts + 1, **spared)


def move(chunk: Chunk, state: State, *, due: str | None, **attributes: Any) -> Write:
    """Moves a chunk on, if it is still as it was read: in the same state, under the same token, as far counted, and its
    window as open.

    `due` is when the sweep looks at it next, None for never. Refusal: ChunkTaken.
    """
    values: Item = {":state": state.value, ":was": chunk.state.value, ":now": clock.stamp()}
    names = {"#state": "state", "#token": "token"}
    sets = ["#state = :state", "updated_at = :now"]
    if due:
        values[":due_pk"], values[":due"] = _shard(chunk.batch, chunk.number), due
        sets += ["due_pk = :due_pk", "due_sk = :due"]
    for name, value in attributes.items():
        names[f"#{name}"], values[f":{name}"] = name, value
        sets.append(f"#{name} = :{name}")
    condition = "#state = :was AND attribute_not_exists(#token)"
    if chunk.token:
        condition, values[":held"] = "#state = :was AND #token = :held", chunk.token
    if state is State.SUBMITTED and chunk.state is State.SUBMITTED:
        condition, values[":tally"] = f"{condition} AND tally = :tally", chunk.tally
        names["#closed_at"] = "closed_at"
        condition += f" AND {'attribute_exists' if chunk.closed_at else 'attribute_not_exists'}(#closed_at)"
    expression = f"SET {', '.join(sets)}" + ("" if due else " REMOVE due_pk, due_sk")
    return writes.update(
        messaging.table(),
        key(chunk.tenant, chunk.batch, chunk.number),
        expression,
        condition=condition,
        names=names,
        values=values,
        refused=lambda _: ChunkTaken(),
    )


def missed(chunk: Chunk, state: State, *, due: str, reason: str, **attributes: Any) -> Write:
    """Moves a chunk on whose call has not handed it over, as far as anybody knows, and remembers the call.

    Refusal: ChunkTaken.
    """
    misses = (*chunk.misses, Miss(clock.stamp(), state, reason))[-_MISSES_MAX:]
    return move(chunk, state, due=due, reason=reason, misses=[" ".join(miss) for miss in misses], **attributes)


def _miss(written: str) -> Miss:
    at, state, reason = written.split(" ", 2)
    return Miss(at, State(state), reason)


def add_finals(where: Key, counts: dict[str, int]) -> Write:
    """Adds to the plain counters of final statuses: a hint of progress, which `recounted` makes exact."""
    names = {f"#{status}": f"n_{status}" for status in counts}
    adds = ", ".join(["tally :one", *(f"#{status} :{status}" for status in counts)])
    values = {":one": 1} | {f":{status}": count for status, count in counts.items()}
    return writes.update(
        messaging.table(),
        where,
        f"ADD {adds}",
        condition="attribute_exists(pk)",
        names=names,
        values=values,
        refused=lambda _: ChunkTaken(),
    )


def recounted(chunk: Chunk, counts: dict[str, int], *, due: str | None, invalid: int) -> Write:
    """Sets the counters to what the rows say, unless somebody added to them since the chunk was read."""
    return move(chunk, chunk.state, due=due, invalid=invalid, **_figures(chunk, counts))


def closed(chunk: Chunk, counts: dict[str, int], *, invalid: int, returned: int) -> Write:
    """Sets the counters likewise and closes the window, once: so many texts' credits come back."""
    ends: dict[str, Any] = {"closed_at": clock.stamp(), **({"returned": returned} if returned else {})}
    return move(chunk, chunk.state, due=None, invalid=invalid, **_figures(chunk, counts), **ends)


def _figures(chunk: Chunk, counts: dict[str, int]) -> dict[str, int]:
    return {f"n_{status}": counts.get(status, 0) for status in {*counts, *dict(chunk.finals)}}


def erase(chunk: Chunk, *digits: str) -> Write:
    """Takes numbers out of a chunk at rest, whose figures stay, and with the last of them a text of its own.

    Refusal: ChunkTaken.
    """
    left = tuple(ERASED if number in digits else number for number in chunk.recipients)
    nobody = " REMOVE #text, asked" if set(left) == {ERASED} else ""
    return writes.update(
        messaging.table(),
        key(chunk.tenant, chunk.batch, chunk.number),
        f"SET recipients = :left{nobody}",
        condition="recipients = :held AND attribute_not_exists(due_pk)",
        names={"#text": "text"} if nobody else None,
        values={":left": _packed(left), ":held": _packed(chunk.recipients)},
        refused=lambda _: ChunkTaken(),
    )


def _packed(recipients: Sequence[str]) -> bytes | str:
    """Writes numbers as four bytes each: so a chunk stays within the kilobyte of one write unit, as it moves on and as
    its reports are counted. A chunk with a foreign number is written as text.
    """
    if not all(digits.startswith(_COUNTRY) and len(digits) == _DIGITS for digits in recipients):
        return ",".join(recipients)
    return b"".join(int(digits.removeprefix(_COUNTRY)).to_bytes(_BYTES, "big") for digits in recipients)


def _unpacked(recipients: Any) -> tuple[str, ...]:
    if isinstance(recipients, str):
        return tuple(recipients.split(","))
    packed, width = bytes(recipients), _DIGITS - len(_COUNTRY)
    numbers = (int.from_bytes(packed[first : first + _BYTES], "big") for first in range(0, len(packed), _BYTES))
    return tuple(f"{_COUNTRY}{number:0{width}d}" for number in numbers)


def _shard(batch: BatchId, number: int) -> str:
    return f"CHUNKS#{(ord(batch[-1]) + number) % _SHARDS}"
