"""Figures: what was sent on each day and what became of it, by sender ID and by a number's first network.

| pk | sk | what |
|---|---|---|
| `T#<tenant>#DAYS` | `<date>#<sender ID>` | a counter for each network and figure: `<network>_<figure>` |

A day is one of Tanzania. A text counts on the day on which it was handed over, whenever its report comes. Counters hold
nobody's number, so they stay when everything else of a batch has gone.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from functions.sms import messaging
from functions.sms.batches import messages
from functions.sms.batches.chunks import ERASED, Chunk, State
from functions.sms.batches.messages import INVALID, Message, Status
from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.ids import TenantId
from mifumo.phone import Msisdn
from mifumo.tables import Key
from mifumo.writes import Write

# A page of counters is some 200 KB, and a tenant has a few sender IDs: this is far more than a quarter of a year holds.
_PAGES_MAX = 100
_PAGE = 250


class Figure(StrEnum):
    """What is counted. `sent` is what a provider took, `failed` what was refused or could not be handed over."""

    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CREDITS = "credits"


class Network(StrEnum):
    """By prefix: a hint, as numbers move between networks."""

    VODACOM = "vodacom"
    TIGO = "tigo"
    AIRTEL = "airtel"
    HALOTEL = "halotel"
    TTCL = "ttcl"
    FOREIGN = "foreign"
    OTHER = "other"


_ENDS = {
    Status.DELIVERED: Figure.DELIVERED,
    Status.UNDELIVERED: Figure.UNDELIVERED,
    Status.FAILED: Figure.FAILED,
    Status.REJECTED: Figure.FAILED,
    Status.UNKNOWN: Figure.UNKNOWN,
}


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """The figures of a day under one sender ID in one network."""

    day: str
    sender_id: str
    network: Network
    figures: tuple[tuple[Figure, int], ...]


def of_chunk(chunk: Chunk, rows: Mapping[int, Item]) -> tuple[str, Counter[str]]:
    """Returns the day of a chunk, empty for one that was never handed over, and its counters as they are kept."""
    counted: Counter[str] = Counter()
    if chunk.submitted_at is None or chunk.state is State.CANCELLED:
        return "", counted
    found = list(messages.of_chunk(chunk, dict(rows)))
    free = _not_taken(chunk, found) | set(chunk.withheld)
    for position, message in enumerate(found, start=1):
        network = _network(chunk.recipients[position - 1])
        if message.status in _ENDS:
            counted[f"{network}_{_ENDS[message.status]}"] += 1
        if chunk.state is State.SUBMITTED and position not in free:
            counted[f"{network}_{Figure.SENT}"] += 1
            counted[f"{network}_{Figure.CREDITS}"] += chunk.segments
    return day_of(chunk.submitted_at), counted


def _not_taken(chunk: Chunk, found: list[Message]) -> set[int]:
    """Picks those that the provider did not take, as many as it said: whoever is known for one, or else is silent."""

    def taken(position: int) -> tuple[int, int]:
        message = found[position - 1]
        silent = message.status not in _ENDS or message.status is Status.UNKNOWN
        return 0 if message.reason == INVALID else 1 if silent else 2, position

    sent = [position for position in range(1, len(found) + 1) if position not in chunk.withheld]
    return set(sorted(sent, key=taken)[: chunk.invalid])


def _network(digits: str) -> Network:
    if digits == ERASED:
        return Network.OTHER
    number = Msisdn(f"+{digits}")
    if not number.tanzanian:
        return Network.FOREIGN
    return Network(number.operator_hint.value) if number.operator_hint else Network.OTHER


def day_of(moment: str) -> str:
    """Returns the date in Tanzania at a moment."""
    return clock.parse(moment).astimezone(clock.TANZANIA).date().isoformat()


def add(tenant: TenantId, day: str, sender_id: str, changes: Mapping[str, int]) -> Write:
    """Adds to the counters of a day, or with negative numbers takes off them."""
    names = {f"#{index}": name for index, name in enumerate(changes)}
    return writes.update(
        messaging.table(),
        Key(_partition(tenant), f"{day}#{sender_id}"),
        f"ADD {', '.join(f'#{index} :{index}' for index in range(len(changes)))}",
        condition=writes.WHATEVER_STANDS,
        names=names,
        values={f":{index}": change for index, change in enumerate(changes.values())},
        refused=writes.never,
    )


def between(tenant: TenantId, first: date, last: date) -> Iterator[Row]:
    """Reads the figures of some days, in their order."""
    # "~" stands behind every letter of a sender ID.
    span = f"{first.isoformat()}#", f"{last.isoformat()}#~"
    for item in tables.query_all(
        messaging.table(), _partition(tenant), between=span, limit=_PAGE, pages_max=_PAGES_MAX
    ):
        day, _, sender_id = item["sk"].partition("#")
        for network in Network:
            found = tuple((figure, item.get(f"{network}_{figure}", 0)) for figure in Figure)
            if any(count for _, count in found):
                yield Row(day, sender_id, network, found)


def _partition(tenant: TenantId) -> str:
    return f"T#{tenant}#DAYS"
