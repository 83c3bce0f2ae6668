"""Arrival: a text that came from a phone, and whose it is, decided once however often the provider brings it.

| pk | sk | what |
|---|---|---|
| `CAME#beem#<number>` | `<id>` | the tenant that it is for, its event, its keyword and whether that was applied |

It stands with its number, so that who forgets the number finds the events that hold it.
"""

from dataclasses import dataclass

from functions.sms import messaging
from functions.sms.hooks.events import RETENTION_S, Event
from mifumo import clock, ids, tables, writes
from mifumo.aws import Item
from mifumo.ids import TenantId
from mifumo.providers.beem_inbound import Inbound
from mifumo.tables import Key
from mifumo.writes import Write


class Arrived(Exception):
    """The text has come before."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A text that came. `received_at` is when it first did; `keyword` is empty when there is nothing to be applied."""

    key: Key
    tenant: TenantId
    event: str
    received_at: str
    keyword: str
    applied: bool


def key(inbound: Inbound, *, received_at: str) -> Key:
    """Returns the key of a text.

    Beem names it by a transaction or a time; of one with neither each post counts as another text.
    """
    named = inbound.mark or received_at
    return Key(_partition(inbound.digits), ids.derived("beem", inbound.digits, inbound.to, inbound.text, named))


def read(place: Key) -> Arrival | None:
    """Reads a text that came; None when it never did."""
    item = tables.get(messaging.table(), place)
    return _of(item) if item else None


def put(place: Key, event: Event, *, received_at: str, keyword: str) -> Write:
    """Writes down that a text came; refuses with Arrived."""
    item = {
        **place._asdict(),
        "tenant": event.tenant,
        "event": event.id,
        "received_at": received_at,
        "keyword": keyword,
        "applied": False,
        "ttl": clock.epoch() + RETENTION_S,
    }
    return writes.put(messaging.table(), item, refused=lambda _: Arrived())


def applied(arrival: Arrival) -> Write:
    """Writes down that its keyword was applied; refuses with Arrived when that is known, or it was forgotten."""
    return writes.update(
        messaging.table(),
        arrival.key,
        "SET applied = :yes",
        condition="applied = :no",
        values={":yes": True, ":no": False},
        refused=lambda _: Arrived(),
    )


def of_number(tenant: TenantId, digits: str, *, until: str = "~") -> list[Arrival]:
    """Lists what came to a tenant from a number, as far as it came until a moment."""
    found = map(_of, tables.query_all(messaging.table(), _partition(digits), consistent=True))
    return [one for one in found if one.tenant == tenant and one.received_at <= until]


def forget(arrival: Arrival) -> Write:
    """Deletes what is known of a text that came; it need not be there."""
    return writes.delete(messaging.table(), arrival.key, condition=writes.WHATEVER_STANDS, refused=writes.never)


def _of(item: Item) -> Arrival:
    return Arrival(
        key=Key(item["pk"], item["sk"]),
        tenant=TenantId(item["tenant"]),
        event=item["event"],
        received_at=item["received_at"],
        keyword=item["keyword"],
        applied=item["applied"],
    )


def _partition(digits: str) -> str:
    return f"CAME#beem#{digits}"
