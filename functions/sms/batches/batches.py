"""Batch: what one request accepts, one recipient or a million; what it cost and how far it is."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from functions.sms import messaging
from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.ids import BatchId, TenantId
from mifumo.modes import Mode
from mifumo.segments import Encoding
from mifumo.tables import Key, Page
from mifumo.writes import Write

from . import chunks, led
from .categories import Category
from .chunks import Chunk, Lane, State
from .led import Led
from .messages import Status as MessageStatus

_DUE = "BATCHES"
# Whoever sent has corrected their list by then; most of what is refused is no number at all.
_REFUSED_KEPT_S = 30 * 24 * 3600
# Batches that are read in one go, however few recipients they have.
_SOME_MAX = 100
# Pages of the platform's open batches that one look for a tenant's goes through.
_OPEN_PAGES_MAX = 100
# Holds while a batch is not over.
_OPEN = "NOT #status IN (:cancelled, :completed)"
_ENDS = {":cancelled": "cancelled", ":completed": "completed"}


class Status(StrEnum):
    """How far a batch is; `completed` means handed over and settled, receipts may still come.

    A parked one waits for credits: nothing of it is held or queued. A scheduled one waits for the moment asked for, a
    held one for the one at which it may go. Of a paused one nothing is handed over until it
    goes on. What is `cancelling` ends chunk by chunk; once `cancelled` it is settled, and charged what had gone before.
    """

    PARKED = "parked"
    SCHEDULED = "scheduled"
    HELD = "held"
    ACCEPTED = "accepted"
    SENDING = "sending"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


# Nothing of it is handed over now; its credits are held.
WAITING = frozenset({Status.SCHEDULED, Status.HELD, Status.PAUSED})
# It goes on by itself when its moment comes.
TIMED = frozenset({Status.SCHEDULED, Status.HELD})
OVER = frozenset({Status.CANCELLED, Status.COMPLETED})


@dataclass(frozen=True, slots=True)
class Refused:
    """A recipient that was not accepted, as it was written, and why."""

    recipient: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Batch:
    """One accepted request. `price` is what was held, `charged` what was captured in the end, both in credits.

    `listens` says that its tenant had webhooks when it was accepted, `refunds` that it gets undelivered texts back,
    `test` that nothing of it reaches a provider and it costs nothing: its price is what it would cost.
    Where its recipients get different texts, `text` is the template's, `encoding` UCS-2 if any needs it, and `segments`
    the most that one needs. `asked` is the text before characters were made cheaper. `plan` and `parts` are of what it
    is laid out from, if its chunks did not come with it, and whoever opted out before `known_at` is not in that.
    `send_at` is what was asked for; `starts_at` is when a scheduled or held one goes on, `reason` why it is held, or
    was called off without being asked to. `turn` counts the steps that it was led since it was accepted, `led` are the
    last of them; `walk` is the chunk up to which the last of them has come, None when it has come to all, and `told`
    counts those that workers were told of on the way. `reckoned` says that its figures are being counted though it is
    not over.
    """

    id: BatchId
    tenant: TenantId
    status: Status
    sender_id: str
    text: str
    encoding: Encoding
    segments: int
    accepted: int
    price: int
    charged: int
    chunks: int
    lane: Lane
    fingerprint: str
    created_at: str
    completed_at: str | None = None
    listens: bool = False
    refunds: bool = False
    asked: str = ""
    plan: str = ""
    parts: int = 0
    turn: int = 0
    walk: int | None = None
    told: int = 0
    test: bool = False
    category: Category = Category.TRANSACTIONAL
    send_at: str | None = None
    starts_at: str | None = None
    reason: str | None = None
    known_at: str = ""
    led: tuple[Led, ...] = ()
    reckoned: bool = False

    @property
    def course(self) -> tuple[Led, ...]:
        """How it was led: before its first step it may wait for the moment that it was accepted with."""
        if self.led or self.turn or self.status not in TIMED:
            return self.led
        return (Led(self.created_at, self.status.value, self.starts_at, self.reason),)

    @property
    def mode(self) -> Mode:
        """Says `test` of a test."""
        return Mode.TEST if self.test else Mode.LIVE


class AlreadyAccepted(Exception):
    """The batch of this id exists: the same request came before."""


class AlreadyCompleted(Exception):
    """The batch was completed before."""


def key(tenant: TenantId, batch: BatchId) -> Key:
    """Returns the key of a batch."""
    return Key(f"T#{tenant}", f"BATCH#{batch}")


def refused_key(tenant: TenantId, batch: BatchId) -> Key:
    """Returns the key of the list of recipients that a batch did not accept."""
    return Key(f"T#{tenant}", f"REFUSED#{batch}")


def _progress_key(tenant: TenantId, batch: BatchId) -> Key:
    return Key(chunks.partition(tenant, batch), "PROGRESS")


def of(item: Item) -> Batch:
    """Reads a batch from its item."""
    return Batch(
        id=BatchId(item["id"]),
        tenant=TenantId(item["tenant"]),
        status=Status(item["status"]),
        sender_id=item["sender_id"],
        text=item["text"],
        encoding=Encoding(item["encoding"]),
        segments=item["segments"],
        accepted=item["accepted"],
        price=item["price"],
        charged=item["charged"],
        chunks=item["chunks"],
        lane=Lane(item["lane"]),
        fingerprint=item["fingerprint"],
        created_at=item["created_at"],
        completed_at=item.get("completed_at"),
        listens=item.get("listens", False),
        refunds=item.get("refunds", False),
        asked=item.get("asked", ""),
        plan=item.get("plan", ""),
        parts=item.get("parts", 0),
        turn=item.get("turn", 0),
        walk=item.get("walk"),
        told=item.get("told", 0),
        test=item.get("test", False),
        category=Category(item.get("category", Category.TRANSACTIONAL)),
        send_at=item.get("send_at"),
        starts_at=item.get("starts_at"),
        reason=item.get("reason"),
        known_at=item.get("known_at", ""),
        led=led.of(item.get("led", [])),
        reckoned=item.get("reckoned", False),
    )


def refused_of(item: Item | None) -> list[Refused]:
    """Reads the refused recipients from their item."""
    return [Refused(*row) for row in item["rows"]] if item else []


def new(
    batch: Batch, refused: list[Refused], *, actor: str, over_parked: bool = False, due: str | None = None
) -> list[Write]:
    """Writes an accepted or a parked batch; refuses with AlreadyAccepted. Put it first in its transaction.

    `over_parked` puts it in the place of itself as it was parked, and refuses unless it still is.
    """
    own = {
        "listens": batch.listens,
        "refunds": batch.refunds,
        "asked": batch.asked,
        "plan": batch.plan,
        "parts": batch.parts,
        "category": "" if batch.category is Category.TRANSACTIONAL else batch.category.value,
        "send_at": batch.send_at,
        "starts_at": batch.starts_at,
        "reason": batch.reason,
        "test": batch.test,
        "known_at": batch.known_at,
    }
    item = {
        **key(batch.tenant, batch.id)._asdict(),
        "id": batch.id,
        "tenant": batch.tenant,
        "status": batch.status.value,
        "sender_id": batch.sender_id,
        "text": batch.text,
        "encoding": batch.encoding.value,
        "segments": batch.segments,
        "accepted": batch.accepted,
        "price": batch.price,
        "charged": batch.charged,
        "chunks": batch.chunks,
        "lane": batch.lane.value,
        "fingerprint": batch.fingerprint,
        "actor": actor,
        "created_at": batch.created_at,
        "listing_pk": _listing(batch.tenant),
        "listing_sk": f"{batch.created_at}#{batch.id}",
        "due_pk": _DUE,
        "due_sk": due or messaging.swept_at(at=batch.starts_at),
        **{name: value for name, value in own.items() if value},
    }
    made = [_put_over_parked(item, batch.id) if over_parked else _put(item, batch.id)]
    if refused:
        rows = [[row.recipient, row.code, row.detail] for row in refused]
        ttl = clock.epoch() + _REFUSED_KEPT_S
        listed = {**refused_key(batch.tenant, batch.id)._asdict(), "rows": rows, "ttl": ttl}
        anew = writes.put(messaging.table(), listed, condition=writes.WHATEVER_STANDS, refused=writes.never)
        made.append(anew if over_parked else _put(listed, batch.id))
    return made


def _put(item: Item, batch: BatchId) -> Write:
    return writes.put(messaging.table(), item, refused=lambda _: AlreadyAccepted(batch))


def _put_over_parked(item: Item, batch: BatchId) -> Write:
    return writes.put(
        messaging.table(),
        item,
        condition="#status = :parked",
        names={"#status": "status"},
        values={":parked": Status.PARKED.value},
        refused=lambda _: AlreadyAccepted(batch),
    )


def read(tenant: TenantId, batch: BatchId) -> tuple[Batch, list[Refused]] | None:
    """Reads a batch with the recipients it refused; None when the tenant has no such batch."""
    wanted, listed = (messaging.table(), key(tenant, batch)), (messaging.table(), refused_key(tenant, batch))
    found = tables.read(wanted, listed)
    return (of(found[wanted]), refused_of(found.get(listed))) if wanted in found else None


def refused_by(found: list[Batch]) -> dict[BatchId, list[Refused]]:
    """Reads the recipients that some batches refused; those that refused none are left out."""
    places = {(messaging.table(), refused_key(batch.tenant, batch.id)): batch.id for batch in found}
    return {places[place]: refused_of(item) for place, item in tables.read(*places, consistent=False).items()}


def page(tenant: TenantId, *, limit: int, start: Item | None) -> Page:
    """Reads a page of a tenant's batches, newest first."""
    return tables.query(
        messaging.table(), _listing(tenant), index="listing", limit=limit, newest_first=True, start=start
    )


def some(tenant: TenantId, *, recipients: int, start: Item | None) -> tuple[list[Batch], Item | None]:
    """Reads batches of a tenant, newest first, until they have so many recipients: one may have a thousand, or one."""
    found, taken = page(tenant, limit=_SOME_MAX, start=start), list[Item]()
    for item in found.items:
        taken.append(item)
        recipients -= item["accepted"]
        if recipients <= 0:
            break
    last = found.last if len(taken) == len(found.items) else _place(taken[-1])
    return [of(item) for item in taken], last


def _place(item: Item) -> Item:
    return {name: item[name] for name in ("pk", "sk", "listing_pk", "listing_sk")}


def due(now: str, *, limit: int) -> list[Key]:
    """Finds batches that were not completed by their moment."""
    return messaging.due(_DUE, now, limit=limit)


def open_since(tenant: TenantId, before: str) -> bool:
    """Tells whether a batch that the tenant had accepted until a moment is not completed."""
    start: Item | None = None
    for _ in range(_OPEN_PAGES_MAX):
        page = tables.query(messaging.table(), _DUE, index="due", start=start)
        own = [(messaging.table(), Key(item["pk"], item["sk"])) for item in page.items if item["pk"] == f"T#{tenant}"]
        if any("due_pk" in item and item["created_at"] <= before for item in tables.read(*own).values()):
            return True
        start = page.last
        if start is None:
            return False
    return True  # there are more than one look takes: nobody knows


def later(tenant: TenantId, found: set[BatchId], moment: str) -> set[BatchId]:
    """Tells which of some batches were asked for after a moment."""
    items = tables.read(*((messaging.table(), key(tenant, batch)) for batch in found)).values()
    return {BatchId(item["id"]) for item in items if item["created_at"] > moment}


def look_again(batch: Batch, *, wait_s: float = 0, reckoned: bool = False) -> Write:
    """Puts the moment of the next look ahead, by `wait_s` at least; says that its figures are `reckoned` by now."""
    return writes.update(
        messaging.table(),
        key(batch.tenant, batch.id),
        "SET due_sk = :due, reckoned = :reckoned",
        condition=_OPEN,
        names={"#status": "status"},
        values={":due": messaging.swept_at(wait_s), ":reckoned": reckoned or batch.reckoned, **_ENDS},
        refused=lambda _: AlreadyCompleted(batch.id),
    )


def completed(batch: Batch, *, charged: int, called_off: bool) -> Write:
    """Closes a batch, as cancelled if some of it was called off; refuses with AlreadyCompleted."""
    end = Status.CANCELLED if called_off else Status.COMPLETED
    return writes.update(
        messaging.table(),
        key(batch.tenant, batch.id),
        "SET #status = :end, charged = :charged, completed_at = :now REMOVE due_pk, due_sk, walk, told",
        condition=_OPEN,
        names={"#status": "status"},
        values={":end": end.value, ":charged": charged, ":now": clock.stamp(), **_ENDS},
        refused=lambda _: AlreadyCompleted(batch.id),
    )


def one_more_ended(batch: Batch) -> int:
    """Counts one more of what it consists of, chunks or parts, as ended and returns how many are.

    A plain counter: it may be one too many or too few after a crash, so it only says when to recount.
    """
    write = writes.update(
        messaging.table(),
        _progress_key(batch.tenant, batch.id),
        "ADD ended :one",
        condition=writes.WHATEVER_STANDS,
        values={":one": 1},
        refused=writes.never,
    )
    ended: int = writes.commit(write)["ended"]
    return ended


def status_of(batch: Batch, parts: list[Chunk]) -> Status:
    """Tells a batch that waits for its first worker from one that is on its way."""
    if batch.status is not Status.ACCEPTED or all(part.state is State.QUEUED and not part.attempts for part in parts):
        return batch.status
    return Status.SENDING


def counts(parts: list[Chunk]) -> dict[str, int]:
    """Counts a batch's messages by status, from its chunks alone."""
    total: Counter[str] = Counter()
    for part in parts:
        finals = dict(part.finals)
        total.update(finals)
        total[MessageStatus.of_chunk(part.state).value] += len(part.recipients) - sum(finals.values())
    return {status: count for status, count in total.items() if count > 0}


def _listing(tenant: TenantId) -> str:
    return f"T#{tenant}#BATCHES"
