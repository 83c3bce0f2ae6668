"""Opt-out: a number that a tenant may not text, because its owner has said so or the tenant has entered it.

| pk | sk | what |
|---|---|---|
| `T#<tenant>#OPTOUTS` | number, in digits | since when it is out, why, how that became known; when it said so last |
| `T#<tenant>` | `OPTOUTS#<shard>` | the numbers of one shard, as a set: what a send looks at |
| `T#<tenant>` | `OPTOUTS#LAST` | when numbers were opted out last |

A send of a thousand numbers has to look up each of them, and may make one batched read. So the numbers stand in 64 sets
besides, spread by their last digits: the sets that a send's numbers fall into are read along with the rest of the
tenant's standing, a hundred keys at most, whether nobody is out or a hundred thousand are. An entry and its place in
the set are written in one transaction.

Whoever hands over what has waited looks again, once for each hundred of a million. Mostly nobody has been opted out
meanwhile, and the moment of the last time says so. It is written before the numbers are, and is believed of what was
looked up a quarter of an hour later at least: no process takes that long from the one to the other.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from functions.sms import messaging
from mifumo import clock, phone, tables, writes
from mifumo.aws import Item
from mifumo.errors import Busy, Conflict, NotFound
from mifumo.ids import TenantId
from mifumo.tables import Key, Page
from mifumo.writes import Write

# With what else a send reads of a tenant they fit one batched read of a hundred keys.
SHARDS = 64
# 70 KB a set, so that all of a tenant's are far from the 16 MB that one batched read brings.
_SHARD_MAX = 5_000
# No function lives longer: whoever wrote the moment has written the numbers by then, or never will.
_WRITTEN_WITHIN_S = 900
# DynamoDB's limit for a transaction, less the record of the deed.
_WRITES_MAX = 99
_NUMBERS_TOGETHER_MAX = 49

Deed = Callable[[int], list[Write]]
"""Makes the record of a transaction that so many numbers are written in."""


class Source(StrEnum):
    """How it became known that a number is out."""

    ENTERED = "entered"
    IMPORTED = "imported"
    KEYWORD = "keyword"


class _SaidLater(Exception):
    """It has said so later than that."""


class TooManyOptOuts(Conflict):
    """So many numbers are opted out that no more are taken: talk to us."""

    code = "too_many_opt_outs"
    title = "Too many numbers are opted out"


@dataclass(frozen=True, slots=True)
class OptOut:
    """A number that may not be texted."""

    digits: str
    source: Source
    reason: str
    created_at: str


def of(item: Item) -> OptOut:
    """Reads an opt-out from its item."""
    return OptOut(item["sk"], Source(item["source"]), item["reason"], item["created_at"])


def places(tenant: TenantId, numbers: Iterable[str]) -> list[tuple[str, Key]]:
    """Returns where it stands which of the numbers, in digits, are out: 64 places at most, to be read with others."""
    return [(messaging.table(), _shard_key(tenant, shard)) for shard in sorted({_shard(digits) for digits in numbers})]


def among(found: Mapping[tuple[str, Key], Item], wanted: Iterable[tuple[str, Key]]) -> frozenset[str]:
    """Returns the numbers, in digits, that stand in the places that were read."""
    return frozenset().union(*(found[place].get("digits", ()) for place in wanted if place in found))


def everybody(tenant: TenantId) -> frozenset[str]:
    """Reads all numbers, in digits, that are out: one call."""
    wanted = places(tenant, map(str, range(SHARDS)))
    return among(tables.read(*wanted), wanted)


def out_of(tenant: TenantId, numbers: Iterable[str]) -> frozenset[str]:
    """Reads which of the numbers, in digits, are out, and perhaps others that are."""
    wanted = places(tenant, numbers)
    return among(tables.read(*wanted), wanted)


def out_since(tenant: TenantId, numbers: Iterable[str], moment: str) -> frozenset[str]:
    """Reads which of the numbers, in digits, are out; tells of none where nobody was opted out since a moment."""
    last = tables.get(messaging.table(), last_key(tenant))
    if last is None or last["at"] < clock.after(-_WRITTEN_WITHIN_S, clock.parse(moment)):
        return frozenset()
    return out_of(tenant, numbers)


def readable(recipients: Iterable[str]) -> Iterator[str]:
    """Reads recipients, as people write them, as digits; those that are no numbers are left to whoever refuses them."""
    for recipient in recipients:
        try:
            yield phone.parse(recipient, countries=phone.EVERYWHERE).digits
        except phone.InvalidNumber:
            continue


def get(tenant: TenantId, digits: str) -> OptOut | None:
    """Reads one opt-out, None when the number may be texted."""
    item = tables.get(messaging.table(), _key(tenant, digits))
    return of(item) if item else None


def since(tenant: TenantId, numbers: Iterable[str]) -> dict[str, str]:
    """Returns since when those of the numbers are out that are: a read for each hundred."""
    found = tables.read(*((messaging.table(), _key(tenant, digits)) for digits in numbers), consistent=False)
    return {item["sk"]: item["created_at"] for item in found.values()}


def page(tenant: TenantId, *, prefix: str, limit: int, start: Item | None) -> Page:
    """Reads a page of a tenant's opt-outs whose number begins so, in order of number."""
    return tables.query(messaging.table(), partition(tenant), begins_with=prefix, limit=limit, start=start)


def add(
    tenant: TenantId,
    numbers: Iterable[str],
    *,
    source: Source,
    reason: str,
    at: str | None = None,
    deed: Deed | None = None,
) -> int:
    """Opts numbers (in digits) out; returns how many were not out before. Those that were keep their entry.

    With `at` they have said so themselves, then. What was cut off is done by the same call again. Raises
    TooManyOptOuts, and Busy when one of them says so this very moment.
    """
    wanted = list(dict.fromkeys(numbers))
    shards = places(tenant, wanted)
    out = among(tables.read(*shards), shards)
    fresh = [digits for digits in wanted if digits not in out]
    if fresh:
        _will_add(tenant)
    entry = {
        "source": source.value,
        "reason": reason,
        "created_at": at or clock.stamp(),
        **({"said_at": at} if at else {}),
    }
    for together in _together(fresh):
        made = [write for shard, some in together.items() for write in _added(tenant, shard, some, entry)]
        writes.transact(*made, *(deed(sum(map(len, together.values()))) if deed else []))
    return len(fresh)


def uphold(tenant: TenantId, digits: str, *, at: str) -> None:
    """Writes down that a number that is out has said so again, and when; raises NotFound when it is not out."""
    said = writes.update(
        messaging.table(),
        _key(tenant, digits),
        "SET said_at = :at",
        condition="attribute_exists(pk) AND NOT said_at >= :at",
        values={":at": at},
        refused=lambda item: _SaidLater() if item else NotFound("This number is not opted out."),
    )
    with suppress(_SaidLater):
        writes.commit(said)


def remove(tenant: TenantId, digits: str, *, deed: list[Write]) -> None:
    """Lets a number be texted again; raises NotFound when it is not out."""
    _remove(tenant, digits, "attribute_exists(pk)", None, deed)


def let_back(tenant: TenantId, digits: str, *, at: str) -> None:
    """Lets a number be texted again that has said so then; raises NotFound when it is not out, or later than that."""
    _remove(tenant, digits, "created_at < :at AND NOT said_at >= :at", {":at": at}, [])


def _remove(tenant: TenantId, digits: str, condition: str, values: Item | None, deed: list[Write]) -> None:
    gone = writes.delete(
        messaging.table(),
        _key(tenant, digits),
        condition=condition,
        values=values,
        refused=lambda _: NotFound("This number is not opted out."),
    )
    left = writes.update(
        messaging.table(),
        _shard_key(tenant, _shard(digits)),
        "DELETE digits :one",
        condition="attribute_exists(pk)",
        values={":one": {digits}},
        refused=lambda _: NotFound("This number is not opted out."),
    )
    writes.transact(gone, left, *deed)


def _will_add(tenant: TenantId) -> None:
    """Writes down the moment by itself: in the transaction, whoever opts out would wait for everybody else."""
    where, now = last_key(tenant), clock.stamp()
    item = {**where._asdict(), "at": now}
    writes.commit(writes.put(messaging.table(), item, condition=writes.WHATEVER_STANDS, refused=writes.never))


def _added(tenant: TenantId, shard: int, numbers: list[str], entry: dict[str, Any]) -> list[Write]:
    spread = writes.update(
        messaging.table(),
        _shard_key(tenant, shard),
        "ADD digits :numbers",
        condition="attribute_not_exists(digits) OR size(digits) <= :room",
        values={":numbers": set(numbers), ":room": _SHARD_MAX - len(numbers)},
        refused=lambda _: TooManyOptOuts(),
    )
    entries = [
        writes.put(
            messaging.table(),
            {**_key(tenant, digits)._asdict(), **entry},
            # A START undoes what was said before it: what was said last stands, whoever writes it down first.
            condition="attribute_not_exists(said_at) OR said_at <= :at",
            values={":at": entry["created_at"]},
            refused=lambda _: Busy(),
        )
        for digits in numbers
    ]
    return [spread, *entries]


def _together(numbers: list[str]) -> Iterator[dict[int, list[str]]]:
    """Puts numbers together, by shard, that fit one transaction."""
    by_shard = defaultdict(list)
    for digits in numbers:
        by_shard[_shard(digits)].append(digits)
    group, size = dict[int, list[str]](), 0
    for shard, all_of_it in by_shard.items():
        for first in range(0, len(all_of_it), _NUMBERS_TOGETHER_MAX):
            some = all_of_it[first : first + _NUMBERS_TOGETHER_MAX]
            if shard in group or size + 1 + len(some) > _WRITES_MAX:
                yield group
                group, size = {}, 0
            group[shard] = some
            size += 1 + len(some)
    if group:
        yield group


def _shard(digits: str) -> int:
    return int(digits) % SHARDS


def partition(tenant: TenantId) -> str:
    """Returns where a tenant's opt-outs are."""
    return f"T#{tenant}#OPTOUTS"


def last_key(tenant: TenantId) -> Key:
    """Returns where it stands when numbers were opted out last."""
    return Key(f"T#{tenant}", "OPTOUTS#LAST")


def _key(tenant: TenantId, digits: str) -> Key:
    return Key(partition(tenant), digits)


def _shard_key(tenant: TenantId, shard: int) -> Key:
    return Key(f"T#{tenant}", f"OPTOUTS#{shard:02d}")
