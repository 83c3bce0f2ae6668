"""Switch: platform staff stop all hand-over to the provider, or let it go on, on record with their reason."""

from mifumo import audit, circuits, writes
from mifumo.callers import Principal
from mifumo.circuits import Circuit, Moved
from mifumo.errors import Conflict
from mifumo.writes import Write

from . import circuit


def read() -> Circuit:
    """Reads the circuit as it stands."""
    return circuits.read(circuit.place(), consistent=True)


def stop(caller: Principal, reason: str) -> Circuit:
    """Opens the circuit until staff close it; raises Conflict when they have opened it already."""
    made = circuits.held_open(circuit.place(), reason)
    return _switched(made, audit.entry(caller, "provider.stopped", target="beem", reason=reason))


def go_on(caller: Principal, reason: str) -> Circuit:
    """Closes the circuit, whoever opened it; raises Conflict when it is closed."""
    made = circuits.let_go(circuit.place())
    return _switched(made, audit.entry(caller, "provider.resumed", target="beem", reason=reason))


def _switched(made: Write, told: Write) -> Circuit:
    try:
        writes.transact(made, told)
    except Moved as moved:
        raise Conflict("It is so already.") from moved
    return read()
