"""Circuits of the payment providers: whether one is asked for pushes now, and what opens and closes it.

Only what a provider itself does not answer counts; what it refuses is an answer. Questions about payments that were
pushed go out in any case, only less often: their answers close the circuit as well.

| key in `ledger` | what |
|---|---|
| `PROVIDER#<name>` / `CIRCUIT` | the provider's circuit |
"""

from mifumo import circuits
from mifumo.aws import Item
from mifumo.circuits import Circuit, Place, Rule
from mifumo.observability import count
from mifumo.settings import Settings
from mifumo.tables import Key


class CircuitSettings(Settings):
    """Where circuits are, how many failures in a row open one, and for how long it stays open."""

    ledger_table: str
    provider_failures_max: int
    circuit_open_s: int


def key(provider: str) -> Key:
    """Returns the key of a provider's circuit."""
    return Key(f"PROVIDER#{provider}", "CIRCUIT")


def of(provider: str, item: Item | None) -> Circuit:
    """Reads a circuit from its item."""
    return circuits.of(_place(provider), item)


def read(provider: str) -> Circuit:
    """Reads the circuit of one provider."""
    return circuits.read(_place(provider))


def enter(circuit: Circuit) -> bool:
    """Tells whether a push may go out."""
    return circuits.enter(circuit, _rule()) is not None


def answered(circuit: Circuit) -> None:
    """The provider has answered, a push or a question: the circuit closes."""
    if circuits.close(circuit):
        count("PaymentCircuitClosed")


def silent(provider: str, reason: str) -> None:
    """The provider has not answered: one failure more."""
    if circuits.silent(_place(provider), _rule(), reason):
        count("PaymentCircuitOpened")


def _place(provider: str) -> Place:
    return Place(CircuitSettings.load().ledger_table, key(provider), provider)


def _rule() -> Rule:
    """A payer waits: a provider that is back is asked again soon, however often it was away."""
    settings = CircuitSettings.load()
    return Rule(settings.provider_failures_max, settings.circuit_open_s, settings.circuit_open_s)
