"""Provider event: what a payment provider told us, word for word, kept once and answered for.

Keyed by provider, order and the hash of the body, so that a repetition is known for one. A claim moves nothing: it is
kept as evidence, and the worker that looks into it writes down what came of it.
"""

import hashlib
from dataclasses import asdict, dataclass

from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.settings import Settings
from mifumo.tables import Key


class EventSettings(Settings):
    """Where events are kept: beside the payments that they speak of."""

    ledger_table: str


@dataclass(frozen=True, slots=True)
class EventRef:
    """Names one event: the provider, its order, and which of the things it said about that order."""

    provider: str
    order: str
    digest: str

    def as_item(self) -> dict[str, str]:
        """Returns its members, as `EventRef(**members)` takes them back from a message."""
        return asdict(self)


class EventKept(Exception):
    """The same words about the same order came before."""


class NoSuchEvent(Exception):
    """There is no event to conclude."""


def ref(provider: str, order: str, body: bytes) -> EventRef:
    """Names the event that a body is."""
    return EventRef(provider, order, hashlib.sha256(body).hexdigest())


def keep(event: EventRef, body: str, *, received_at: str, proof: str) -> bool:
    """Keeps an event and what it proves; returns False for one that was kept before, which is as good."""
    item = {**_key(event)._asdict(), "body": body, "received_at": received_at, "proof": proof}
    try:
        writes.commit(writes.put(EventSettings.load().ledger_table, item, refused=lambda _: EventKept()))
    except EventKept:
        return False
    return True


def told(provider: str, order: str) -> list[Item]:
    """Reads every event of an order whole: its words, when they came, and what came of them."""
    return list(tables.query_all(EventSettings.load().ledger_table, _partition(provider, order), consistent=True))


def conclude(event: EventRef, outcome: str) -> None:
    """Writes down what came of an event; the last look at it counts. Raises NoSuchEvent."""
    writes.commit(
        writes.update(
            EventSettings.load().ledger_table,
            _key(event),
            "SET outcome = :outcome, concluded_at = :now",
            condition="attribute_exists(pk)",
            values={":outcome": outcome, ":now": clock.stamp()},
            refused=lambda _: NoSuchEvent(event),
        )
    )


def of_order(provider: str, order: str) -> list[tuple[EventRef, str]]:
    """Reads what a provider said about an order, with the words of each time."""
    items = tables.query_all(EventSettings.load().ledger_table, _partition(provider, order), consistent=True)
    return [(EventRef(provider, order, item["sk"].removeprefix("E#")), item["body"]) for item in items]


def reword(event: EventRef, body: str) -> None:
    """Puts other words in an event's place, for what may not be kept; it stays known by its own. Raises NoSuchEvent."""
    writes.commit(
        writes.update(
            EventSettings.load().ledger_table,
            _key(event),
            "SET #body = :body",
            condition="attribute_exists(pk)",
            names={"#body": "body"},
            values={":body": body},
            refused=lambda _: NoSuchEvent(event),
        )
    )


def _partition(provider: str, order: str) -> str:
    return f"PEV#{provider}#{order}"


def _key(event: EventRef) -> Key:
    return Key(_partition(event.provider, event.order), f"E#{event.digest}")
