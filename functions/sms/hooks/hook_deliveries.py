"""Delivery: one event on its way to one webhook: how often it was tried, what came of it, and when it is tried again.

| pk | sk | what |
|---|---|---|
| `T#<tenant>#H#<webhook>` | `<event>` | the delivery; while it is pending it stands in the `due` index |
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from functions.sms import messaging
from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.errors import Conflict
from mifumo.ids import TenantId
from mifumo.tables import Key, Page
from mifumo.writes import Write

from .events import RETENTION_S, Event, Type
from .outcomes import CallError, Outcome

# Attempts that are kept of a delivery: those of the first time, and of being told again twice.
LOG_MAX = 30
# Where the due index has them, spread over partitions; the sweep reads them all.
DUE = tuple(f"HOOKS#{shard}" for shard in range(4))
_PLACE = "#H#"


class State(StrEnum):
    """How far a delivery is. A skipped one met a webhook that was disabled or deleted."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    SKIPPED = "skipped"


class DeliveryTaken(Exception):
    """Somebody else moved the delivery first."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call: when, the status of the answer or why there was none, and how long it took."""

    at: str
    status: int | None
    error: CallError | None
    took_ms: int

    @classmethod
    def of(cls, row: list[Any]) -> "Attempt":
        """Reads a call from its row."""
        at, status, error, took_ms = row
        return cls(at, status, CallError(error) if error else None, took_ms)

    @property
    def row(self) -> list[Any]:
        """Writes a call down."""
        return [self.at, self.status, self.error, self.took_ms]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one webhook. `next_at` is when it may be tried next.

    `attempts` counts those since it was last begun, `log` has the last thirty of all.
    """

    tenant: TenantId
    hook: str
    event: str
    type: Type
    state: State
    attempts: int
    next_at: str
    log: tuple[Attempt, ...]
    created_at: str
    updated_at: str


def key(tenant: TenantId, hook: str, event: str) -> Key:
    """Returns the key of a delivery."""
    return Key(partition(tenant, hook), event)


def partition(tenant: TenantId, hook: str) -> str:
    """Returns where the deliveries to a webhook are."""
    return f"T#{tenant}{_PLACE}{hook}"


def named(place: Key) -> tuple[TenantId, str]:
    """Reads tenant and webhook from the key of a delivery."""
    tenant, _, hook = place.pk.removeprefix("T#").rpartition(_PLACE)
    return TenantId(tenant), hook


def new(event: Event, hook: str) -> Write:
    """Writes a delivery that is pending, to be called at once; the sweep looks at it when nobody does."""
    now = clock.stamp()
    item = {
        **key(event.tenant, hook, event.id)._asdict(),
        "tenant": event.tenant,
        "hook": hook,
        "type": event.type.value,
        "state": State.PENDING.value,
        "attempts": 0,
        "next_at": now,
        "log": [],
        "created_at": now,
        "updated_at": now,
        "due_pk": _shard(event.id),
        "due_sk": messaging.swept_at(),
        "ttl": clock.epoch() + RETENTION_S,
    }
    return writes.put(messaging.table(), item, refused=lambda _: Conflict("The delivery exists."))


def of(item: Item) -> Delivery:
    """Reads a delivery from its item."""
    return Delivery(
        tenant=TenantId(item["tenant"]),
        hook=item["hook"],
        event=item["sk"],
        type=Type(item["type"]),
        state=State(item["state"]),
        attempts=item["attempts"],
        next_at=item["next_at"],
        log=tuple(Attempt.of(row) for row in item["log"]),
        created_at=item["created_at"],
        updated_at=item["updated_at"],
    )


def get(tenant: TenantId, hook: str, event: str) -> Delivery | None:
    """Reads a delivery, consistently; None when there is none."""
    item = tables.get(messaging.table(), key(tenant, hook, event))
    return of(item) if item else None


def page(tenant: TenantId, hook: str, *, limit: int, start: Item | None) -> Page:
    """Reads a page of a webhook's deliveries, newest first."""
    return tables.query(messaging.table(), partition(tenant, hook), limit=limit, newest_first=True, start=start)


def due(now: str, shard: str, *, pages_max: int) -> list[tuple[str, Key]]:
    """Finds deliveries whose moment has come, and webhooks that were disabled, each with that moment; oldest first."""
    found = tables.query_all(messaging.table(), shard, pages_max=pages_max, index="due", between=("0", now))
    return [(item["due_sk"], Key(item["pk"], item["sk"])) for item in found]


def claim(delivery: Delivery, *, lease_s: float) -> Delivery:
    """Takes a delivery for one call: nobody else makes it until the lease is over. Raises DeliveryTaken."""
    until = clock.after(lease_s)
    return of(writes.commit(_move(delivery, State.PENDING, next_at=until, due=until, attempts=delivery.attempts + 1)))


def put_off(delivery: Delivery, outcome: Outcome, *, wait_s: float) -> None:
    """Records a call in vain, and when the next one is made. Raises DeliveryTaken."""
    at = clock.after(wait_s)
    writes.commit(_move(delivery, State.PENDING, next_at=at, due=at, tried=outcome))


def wait(delivery: Delivery, *, until: str) -> None:
    """Puts a delivery off that nobody has called, because its webhook rests; uses up nothing. Raises DeliveryTaken."""
    writes.commit(_move(delivery, State.PENDING, next_at=until, due=until))


def look_again(delivery: Delivery) -> None:
    """Puts the sweep's next look ahead, while the queue brings the delivery to a worker. Raises DeliveryTaken."""
    writes.commit(_move(delivery, State.PENDING, next_at=delivery.next_at, due=messaging.swept_at()))


def end(delivery: Delivery, state: State, outcome: Outcome | None = None) -> None:
    """Ends a delivery. Raises DeliveryTaken."""
    writes.commit(_move(delivery, state, next_at=delivery.next_at, due=None, tried=outcome))


def replay(delivery: Delivery) -> Delivery:
    """Begins an ended delivery anew, with all its attempts; what came of those before stays. Raises DeliveryTaken."""
    begun = _move(delivery, State.PENDING, next_at=clock.stamp(), due=messaging.swept_at(), attempts=0)
    return of(writes.commit(begun))


def _move(
    delivery: Delivery,
    state: State,
    *,
    next_at: str,
    due: str | None,
    attempts: int | None = None,
    tried: Outcome | None = None,
) -> Write:
    """Moves a delivery on if it is still as it was read: in the same state, as often tried."""
    now = clock.stamp()
    values: dict[str, Any] = {
        ":state": state.value,
        ":was": delivery.state.value,
        ":tried": delivery.attempts,
        ":attempts": delivery.attempts if attempts is None else attempts,
        ":next": next_at,
        ":before": delivery.next_at,
        ":now": now,
    }
    sets = ["#state = :state", "attempts = :attempts", "next_at = :next", "updated_at = :now"]
    if due:
        values[":due_pk"], values[":due"] = _shard(delivery.event), due
        sets += ["due_pk = :due_pk", "due_sk = :due"]
    if tried:
        # Whatever writes to the log moves what the condition is about, so it stands as it was read.
        log = [*delivery.log, Attempt(now, tried.status, tried.error, tried.took_ms)]
        values[":log"] = [attempt.row for attempt in log[-LOG_MAX:]]
        sets.append("#log = :log")
    return writes.update(
        messaging.table(),
        key(delivery.tenant, delivery.hook, delivery.event),
        f"SET {', '.join(sets)}" + ("" if due else " REMOVE due_pk, due_sk"),
        condition="#state = :was AND attempts = :tried AND next_at = :before",
        names={"#state": "state", **({"#log": "log"} if ":log" in values else {})},
        values=values,
        refused=lambda _: DeliveryTaken(),
    )


def _shard(event: str) -> str:
    return DUE[ord(event[-1]) % len(DUE)]
