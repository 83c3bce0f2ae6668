"""Circuit: whether a payment provider is asked for pushes now. Silence in a row opens it; one push then tries again.

Only what the provider itself does not answer counts; what it refuses is an answer. Questions about payments that were
pushed go out in any case, only less often: their answers close the circuit as well.

| key in `ledger` | what |
|---|---|
| `PROVIDER#<name>` / `CIRCUIT` | `failures` in a row, `open_until` once they were too many, and the last `reason` |
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.observability import count, logger
from mifumo.settings import Settings
from mifumo.tables import Key


class CircuitSettings(Settings):
    """Where circuits are, how many failures in a row open one, and for how long it stays open."""

    ledger_table: str
    provider_failures_max: int
    circuit_open_s: int


class State(StrEnum):
    """Closed: all goes; open: no push goes; half open: the next push tries, and the others wait for what it finds."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Circuit:
    """One provider's circuit."""

    provider: str
    failures: int = 0
    open_until: str | None = None
    reason: str = ""

    @property
    def state(self) -> State:
        """Tells what may be asked of the provider now."""
        if self.open_until is None:
            return State.CLOSED
        return State.OPEN if self.open_until > clock.stamp() else State.HALF_OPEN


class Moved(Exception):
    """Somebody else has changed the circuit meanwhile."""


def _table() -> str:
    return CircuitSettings.load().ledger_table


def key(provider: str) -> Key:
    """Returns the key of a provider's circuit."""
    return Key(f"PROVIDER#{provider}", "CIRCUIT")


def of(provider: str, item: Item | None) -> Circuit:
    """Reads a circuit from its item; one that nobody has written is closed."""
    if not item:
        return Circuit(provider)
    return Circuit(provider, item.get("failures", 0), item.get("open_until"), item.get("reason", ""))


def read(provider: str) -> Circuit:
    """Reads the circuit of one provider."""
    return of(provider, tables.get(_table(), key(provider), consistent=False))


def read_all(providers: Iterable[str]) -> dict[str, Circuit]:
    """Reads the circuits of some providers in one call."""
    wanted = {provider: (_table(), key(provider)) for provider in providers}
    found = tables.read(*wanted.values(), consistent=False)
    return {provider: of(provider, found.get(place)) for provider, place in wanted.items()}


def enter(circuit: Circuit) -> bool:
    """Tells whether a push may go out. Of those who meet a half-open circuit one may, and it is open to the others."""
    if circuit.state is not State.HALF_OPEN:
        return circuit.state is State.CLOSED
    probe = writes.update(
        _table(),
        key(circuit.provider),
        "SET open_until = :until",
        condition="open_until = :seen",
        values={":until": clock.after(CircuitSettings.load().circuit_open_s), ":seen": circuit.open_until},
        refused=lambda _: Moved(),
    )
    try:
        writes.commit(probe)
    except Moved:
        return False
    return True


def answered(circuit: Circuit) -> None:
    """The provider has answered: the circuit closes. A circuit that has nothing to forget costs no call."""
    if not circuit.failures and circuit.open_until is None:
        return
    closed = writes.update(
        _table(),
        key(circuit.provider),
        "SET failures = :none REMOVE open_until",
        condition="attribute_exists(pk)",
        values={":none": 0},
        refused=lambda _: Moved(),
    )
    with suppress(Moved):
        writes.commit(closed)
    if circuit.open_until is not None:
        logger.info("payment provider circuit closed", provider=circuit.provider)
        count("PaymentCircuitClosed")


def silent(provider: str, reason: str) -> None:
    """The provider has not answered: one failure more, and the circuit opens when they are too many in a row."""
    settings, now = CircuitSettings.load(), clock.stamp()
    failed = writes.update(
        settings.ledger_table,
        key(provider),
        "SET reason = :reason ADD failures :one",
        # While it is open it has failed enough: late questions do not keep it open any longer.
        condition="attribute_not_exists(open_until) OR open_until <= :now",
        values={":reason": reason, ":one": 1, ":now": now},
        refused=lambda _: Moved(),
    )
    with suppress(Moved):
        failures = writes.commit(failed)["failures"]
        if failures >= settings.provider_failures_max:
            _open(provider, reason, now)


def _open(provider: str, reason: str, now: str) -> None:
    opened = writes.update(
        _table(),
        key(provider),
        "SET open_until = :until",
        condition="failures >= :most AND (attribute_not_exists(open_until) OR open_until <= :now)",
        values={
            ":until": clock.after(CircuitSettings.load().circuit_open_s),
            ":most": CircuitSettings.load().provider_failures_max,
            ":now": now,
        },
        refused=lambda _: Moved(),
    )
    writes.commit(opened)
    logger.error("payment provider circuit opened", provider=provider, reason=reason)
    count("PaymentCircuitOpened")
