"""Circuit: whether a provider is called now. Failures in a row open it; after a while one call tries again.

A circuit is an item of its own, wherever a slice keeps it: `failures` in a row, `open_until` once it is open,
`openings` one after another, and the last `reason`. It opens for longer each time it is found open too soon again, so
that a provider which comes and goes is not called by everybody each time it comes.
"""

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.observability import logger
from mifumo.tables import Key
from mifumo.writes import Write

# Where staff have opened a circuit, until they close it.
_FOR_EVER = "9999-12-31T00:00:00.000Z"
# Two to the power of it is longer than any circuit stays open.
_DOUBLINGS_MAX = 16


class State(StrEnum):
    """Closed: all calls go; open: none goes; half open: the next one tries, and the others wait for what it finds."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a circuit stands, and what its provider is called."""

    table: str
    key: Key
    provider: str


@dataclass(frozen=True, slots=True)
class Rule:
    """How many failures in a row open a circuit, for how long at first, and for how long at most."""

    failures_max: int
    open_s: float
    open_max_s: float

    def open_for_s(self, openings: int) -> float:
        """Returns for how long a circuit is open at so many openings one after another."""
        return min(self.open_max_s, self.open_s * 2.0 ** min(openings - 1, _DOUBLINGS_MAX))


@dataclass(frozen=True, slots=True)
class Circuit:
    """One provider's circuit, as it was read."""

    place: Place
    failures: int = 0
    open_until: str | None = None
    openings: int = 0
    closed_at: str = ""
    reason: str = ""

    @property
    def state(self) -> State:
        """Tells what may be asked of the provider now."""
        if self.open_until is None:
            return State.CLOSED
        return State.OPEN if self.open_until > clock.stamp() else State.HALF_OPEN

    @property
    def held(self) -> bool:
        """Tells whether staff have opened it, and it stays so until they close it."""
        return self.open_until == _FOR_EVER


@dataclass(frozen=True, slots=True)
class Pass:
    """The right to make one call. A probe has opened the circuit to the others until `probe_until`."""

    circuit: Circuit
    probe_until: str | None = None


class Moved(Exception):
    """Somebody else has changed the circuit meanwhile."""


def of(place: Place, item: Item | None) -> Circuit:
    """Reads a circuit from its item; one that nobody has written is closed."""
    found = item or {}
    return Circuit(
        place,
        found.get("failures", 0),
        found.get("open_until"),
        found.get("openings", 0),
        found.get("closed_at", ""),
        found.get("reason", ""),
    )


def read(place: Place, *, consistent: bool = False) -> Circuit:
    """Reads one circuit."""
    return of(place, tables.get(place.table, place.key, consistent=consistent))


def enter(circuit: Circuit, rule: Rule) -> Pass | None:
    """Lets a call through, or none. Of those who meet a half-open circuit one may, and it is open to the others."""
    if circuit.state is not State.HALF_OPEN:
        return Pass(circuit) if circuit.state is State.CLOSED else None
    until = clock.after(rule.open_s)
    probe = _update(
        circuit.place,
        "SET open_until = :until",
        condition="open_until = :seen",
        values={":until": until, ":seen": circuit.open_until},
    )
    try:
        writes.commit(probe)
    except Moved:
        return None
    return Pass(circuit, until)


def answered(entry: Pass) -> None:
    """The provider has answered. The probe closes the circuit; any other call only ends a row of failures.

    A call that began before the circuit opened says nothing of now. One with nothing to forget costs no write.
    """
    circuit = entry.circuit
    if entry.probe_until:
        _close(circuit, condition="open_until = :seen", values={":seen": entry.probe_until})
        return
    if circuit.failures:
        forgotten = _update(
            circuit.place,
            "SET failures = :none",
            condition="attribute_exists(pk) AND attribute_not_exists(open_until)",
            values={":none": 0},
        )
        with suppress(Moved):
            writes.commit(forgotten)


def failed(entry: Pass, rule: Rule, reason: str) -> bool:
    """The provider has not answered; tells whether the circuit is open by that, where it was not before."""
    if entry.probe_until:
        return _open(entry.circuit, rule, reason, seen=entry.probe_until)
    return silent(entry.circuit.place, rule, reason)


def silent(place: Place, rule: Rule, reason: str) -> bool:
    """Counts one failure more; tells whether the circuit is open by that: when they are too many in a row."""
    more = _update(
        place,
        "SET reason = :reason ADD failures :one",
        # While it is open it has failed enough: late failures do not keep it open any longer.
        condition="attribute_not_exists(open_until) OR open_until <= :now",
        values={":reason": reason, ":one": 1, ":now": clock.stamp()},
    )
    with suppress(Moved):
        circuit = of(place, writes.commit(more))
        return circuit.failures >= rule.failures_max and _open(circuit, rule, reason, seen=circuit.open_until)
    return False


def trip(entry: Pass, rule: Rule, reason: str) -> bool:
    """Opens the circuit at once, for what no further try puts right; tells whether it is open by that."""
    return _open(entry.circuit, rule, reason, seen=entry.probe_until or entry.circuit.open_until)


def close(circuit: Circuit) -> bool:
    """Closes a circuit, whoever opened it, as the provider has answered; tells whether it was open."""
    if not circuit.failures and circuit.open_until is None:
        return False
    _close(circuit, condition="attribute_exists(pk)", values={})
    return circuit.open_until is not None


def held_open(place: Place, reason: str) -> Write:
    """Opens a circuit until staff close it. Refusal: Moved, as they have."""
    return _update(
        place,
        "SET open_until = :ever, reason = :reason",
        condition="attribute_not_exists(open_until) OR open_until <> :ever",
        values={":ever": _FOR_EVER, ":reason": reason},
    )


def let_go(place: Place) -> Write:
    """Closes a circuit because staff say so, and forgets all that was counted. Refusal: Moved, as it is closed."""
    return _update(
        place,
        "SET failures = :none, openings = :none REMOVE open_until",
        condition="attribute_exists(open_until)",
        values={":none": 0},
    )


def _open(circuit: Circuit, rule: Rule, reason: str, *, seen: str | None) -> bool:
    """Opens a circuit that is as it was seen; whoever opened it meanwhile has it open already."""
    again = bool(circuit.open_until) or circuit.closed_at > clock.after(-rule.open_max_s)
    openings = circuit.openings + 1 if again else 1
    until = clock.after(rule.open_for_s(openings))
    opened = _update(
        circuit.place,
        "SET open_until = :until, openings = :openings, reason = :reason",
        condition="open_until = :seen" if seen else "attribute_not_exists(open_until)",
        values={":until": until, ":openings": openings, ":reason": reason, **({":seen": seen} if seen else {})},
    )
    try:
        writes.commit(opened)
    except Moved:
        return False
    logger.error("circuit opened", provider=circuit.place.provider, reason=reason, until=until, openings=openings)
    return True


def _close(circuit: Circuit, *, condition: str, values: Item) -> None:
    closed = _update(
        circuit.place,
        "SET failures = :none, closed_at = :now REMOVE open_until",
        condition=condition,
        values={":none": 0, ":now": clock.stamp(), **values},
    )
    with suppress(Moved):
        writes.commit(closed)
        if circuit.open_until is not None:
            logger.info("circuit closed", provider=circuit.place.provider)


def _update(place: Place, expression: str, *, condition: str, values: Item) -> Write:
    return writes.update(
        place.table, place.key, expression, condition=condition, values=values, refused=lambda _: Moved()
    )
