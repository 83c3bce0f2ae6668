"""Message: one recipient's text; its statuses in order of rank, its row, and the only way a row's status changes.

Rows are written before the provider is called and say nothing of their own until a report or the end of the receipt
window does: until then a message is as far as its chunk. So a message costs one write, one index entry and one update.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from functions.sms import messaging
from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.ids import BatchId, TenantId
from mifumo.tables import Key, Page
from mifumo.writes import Write

from . import chunks, heard
from .chunks import ERASED, RETENTION_S, Chunk, State
from .heard import Word

# The reason of a message that the provider did not take for its number.
INVALID = "invalid_number"
# So many queries find who texted a phone last, each of some fifteen kilobytes: what fifty businesses have texted a
# hundred times each, or hundreds a few times, is no person's.
_LOOKS_MAX, _LOOK = 50, 100
# Before the moments of tests in the index of numbers: whoever asks for the last live text to a number finds it there.
_TESTS = "-"


class Status(StrEnum):
    """Where a message stands, as the API tells it."""

    SCHEDULED = "scheduled"
    HELD = "held"
    QUEUED = "queued"
    SUBMITTING = "submitting"
    SUBMIT_UNKNOWN = "submit_unknown"
    SUBMITTED = "submitted"
    BUFFERED = "buffered"
    UNKNOWN = "unknown"
    FAILED = "failed"
    UNDELIVERED = "undelivered"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    DELIVERED = "delivered"

    @classmethod
    def of_chunk(cls, state: State) -> "Status":
        """Returns how far the messages of a chunk are that have no status of their own."""
        return cls.QUEUED if state is State.CLAIMED else cls(state.value)


# A status gives way only to one of a higher rank. No two have the same rank, so whatever reports come, in any order and
# any number, the highest one stands at the end. `delivered` is the highest: a handset has it, whoever says otherwise.
# A row has none below that of `queued`, which is 0.
RANK = {status: rank for rank, status in enumerate(Status, start=-2)}
FINAL = frozenset(
    {Status.UNKNOWN, Status.FAILED, Status.UNDELIVERED, Status.REJECTED, Status.CANCELLED, Status.DELIVERED}
)


# The reason of a message that was accepted, and not sent because its number opted out meanwhile.
OPTED_OUT = "opted_out"


@dataclass(frozen=True, slots=True)
class Message:
    """One recipient's text as it stands."""

    id: str
    batch: BatchId
    to: str | None
    """None once the number was erased."""
    status: Status
    reason: str | None
    provider_status: str | None
    segments: int
    submitted_at: str | None
    updated_at: str
    text: str | None = None
    """Its own, where the batch has not one text for all."""
    test: bool = False
    asked: str | None = None
    """Its own before characters were made cheaper, if they were."""


class NotHigher(Exception):
    """The row's status ranks as high or higher; the report changes nothing. Carries the row as it stands."""

    def __init__(self, row: Item) -> None:
        super().__init__(row.get("status"))
        self.row = row


class NoSuchMessage(Exception):
    """No row stands under that chunk and position with that number."""


def _partition(chunk: Chunk) -> str:
    return f"T#{chunk.tenant}#M#{chunk.batch}#{chunks.placed(chunk.number)}"


def key(tenant: TenantId, batch: BatchId, number: int, position: int) -> Key:
    """Returns the key of the row at a position (1 to 100) of a chunk."""
    return Key(f"T#{tenant}#M#{batch}#{chunks.placed(number)}", f"{position:03d}")


def id_of(batch: BatchId, number: int, position: int) -> str:
    """Returns what a message is called outside: its batch, its chunk and its position there."""
    return f"{batch}-{number}-{position}"


def _number_partition(digits: str) -> str:
    """All tenants' messages to a number, each tenant's together: who texted it last is found with no more writes."""
    return f"N#{digits}"


def _number_place(tenant: TenantId) -> str:
    return f"T#{tenant}#"


def rows(chunk: Chunk) -> list[Item]:
    """Makes the rows of a chunk, the same ones whenever it is asked."""
    expires = clock.epoch(clock.parse(chunk.created_at)) + RETENTION_S
    before = _TESTS if chunk.test else ""
    chunks_place = (
        f"{_number_place(chunk.tenant)}{before}{chunk.created_at}#{chunk.batch}#{chunks.placed(chunk.number)}"
    )
    return [
        {
            **key(chunk.tenant, chunk.batch, chunk.number, position)._asdict(),
            "to": digits,
            "rank": 0,
            "heard": {},
            "number_pk": _number_partition(digits),
            "number_sk": f"{chunks_place}#{position:03d}",
            "ttl": expires,
            **(_spared(chunk) if position in chunk.withheld else {}),
        }
        for position, digits in enumerate(chunk.recipients, start=1)
    ]


def _spared(chunk: Chunk) -> Item:
    """What stands in the row of a number that opted out before it was sent to."""
    told = Status.CANCELLED
    return {
        "status": told.value,
        "rank": RANK[told],
        "reason": OPTED_OUT,
        "provider_status": None,
        "updated_at": chunk.updated_at,
    }


def report(
    row: Key, *, digits: str | None, status: Status, reason: str | None = None, provider_status: str | None = None
) -> Write:
    """Raises a row's status to a higher one, and keeps what was said.

    Of words for the same status the last by the alphabet stands, so that no order of reports shows in the end. With
    `digits` the row must be that number's. Refusals: NotHigher, NoSuchMessage.
    """
    values: Item = {
        ":status": status.value,
        ":rank": RANK[status],
        ":reason": reason,
        ":provider": provider_status,
        ":now": clock.stamp(),
        ":said": heard.entry(status.value, reason, RANK[status]),
    }
    higher = "#rank < :rank"
    if provider_status:
        higher = f"({higher} OR (#rank = :rank AND NOT provider_status >= :provider AND size(#heard) < :most))"
        values[":most"] = heard.WORDS_MAX
    condition = f"attribute_exists(pk) AND {higher}"
    names = {"#status": "status", "#rank": "rank", "#heard": "heard", "#word": heard.name(provider_status, reason)}
    if digits is not None:
        condition, values[":to"], names["#to"] = f"{condition} AND #to = :to", digits, "to"

    def refused(item: Item | None) -> Exception:
        return NotHigher(item) if item and digits in {None, item["to"]} else NoSuchMessage()

    return writes.update(
        messaging.table(),
        row,
        "SET #status = :status, #rank = :rank, reason = :reason, provider_status = :provider, updated_at = :now, "
        "#heard.#word = if_not_exists(#heard.#word, :said)",
        condition=condition,
        names=names,
        values=values,
        refused=refused,
    )


def note(row: Key, *, status: Status, reason: str | None, provider_status: str) -> Write:
    """Keeps a word that raises nothing. Refusal: NoSuchMessage, also when there is no room for another one."""
    return writes.update(
        messaging.table(),
        row,
        "SET #heard.#word = :said",
        condition="attribute_exists(pk) AND attribute_not_exists(#heard.#word) AND size(#heard) < :most",
        names={"#heard": "heard", "#word": heard.name(provider_status, reason)},
        values={":said": heard.entry(status.value, reason, RANK[status]), ":most": heard.WORDS_MAX},
        refused=lambda _: NoSuchMessage(),
    )


def words(row: Item) -> list[Word]:
    """Reads what was said of a message, as it came."""
    return heard.of(row, final=RANK[Status.UNKNOWN])


def read_rows(chunk: Chunk, *, consistent: bool = True) -> dict[int, Item]:
    """Reads the rows of a chunk, consistently unless told otherwise, by position."""
    items = tables.query_all(messaging.table(), _partition(chunk), consistent=consistent)
    return {int(item["sk"]): item for item in items}


def of_chunk(chunk: Chunk, found: dict[int, Item], *, first: int = 1) -> Iterator[Message]:
    """Makes the messages of a chunk from position `first` on, each as far as its row says or else as its chunk is."""
    for position, digits in enumerate(chunk.recipients, start=1):
        if position >= first:
            yield _message(chunk, position, digits, found.get(position))


def at(chunk: Chunk, position: int, row: Item | None) -> Message:
    """Makes the message at a position of a chunk, as far as its row says or else as its chunk is."""
    return _message(chunk, position, chunk.recipients[position - 1], row)


def of_row(chunk: Chunk, position: int, row: Item) -> Message:
    """Makes the message of one row and its chunk."""
    return _message(chunk, position, row["to"], row)


def _message(chunk: Chunk, position: int, digits: str, row: Item | None) -> Message:
    status, reason, provider_status, updated_at = Status.of_chunk(chunk.state), chunk.reason, None, chunk.updated_at
    if row and "status" in row and RANK[Status(row["status"])] >= RANK[status]:
        status, reason = Status(row["status"]), row["reason"]
        provider_status, updated_at = row["provider_status"], row["updated_at"]
    return Message(
        id=id_of(chunk.batch, chunk.number, position),
        batch=chunk.batch,
        to=None if digits == ERASED else f"+{digits}",
        status=status,
        reason=reason,
        provider_status=provider_status,
        segments=chunk.segments,
        submitted_at=chunk.submitted_at,
        updated_at=updated_at,
        text=None if digits == ERASED else chunk.text or None,
        test=chunk.test,
        asked=None if digits == ERASED else chunk.asked or None,
    )


def to(tenant: TenantId, digits: str, *, limit: int, start: Item | None) -> Page:
    """Finds a page of a number's rows (keys only), newest first, tests after all others."""
    return tables.query(
        messaging.table(),
        _number_partition(digits),
        index="numbers",
        begins_with=_number_place(tenant),
        limit=limit,
        newest_first=True,
        start=start,
    )


def place(found: Item) -> tuple[BatchId, int, int]:
    """Reads batch, chunk and position from a row as the index of numbers has it."""
    *_, batch, number, position = found["number_sk"].split("#")
    return BatchId(batch), int(number), int(position)


def erase(row: Key, digits: str) -> Write:
    """Takes the number out of a row and the row out of the index of numbers. Refusal: NoSuchMessage."""
    return writes.update(
        messaging.table(),
        row,
        "SET #to = :erased REMOVE number_pk, number_sk",
        condition="#to = :digits",
        names={"#to": "to"},
        values={":erased": ERASED, ":digits": digits},
        refused=lambda _: NoSuchMessage(),
    )


def last_to(digits: str, *, but: TenantId) -> TenantId | None:
    """Returns the tenant that texted a number last, leaving one out; None for a phone that too many have texted.

    Each query shows one tenant to its last text at least, and with it all whose texts fit its page.
    """
    last, name, below = ("", TenantId("")), "", "T#~"
    for _ in range(_LOOKS_MAX):
        page = tables.query(
            messaging.table(),
            _number_partition(digits),
            index="numbers",
            between=("T#", below),
            limit=_LOOK,
            newest_first=True,
        )
        for item in page.items:
            _, name, moment, *_ = item["number_sk"].split("#")
            if name != but and not moment.startswith(_TESTS):
                last = max(last, (moment, TenantId(name)))
        if page.last is None:
            return last[1] or None
        below = _number_place(TenantId(name))
    return None
