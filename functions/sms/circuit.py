"""Circuit: whether texts can be handed to the provider at all; open means that our own account there needs mending."""

from contextlib import suppress
from dataclasses import dataclass

from mifumo import clock, tables, writes
from mifumo.aws import Item
from mifumo.observability import count, logger
from mifumo.tables import Key

from .chunks import MessagingSettings

KEY = Key("PLATFORM", "CIRCUIT#beem")


@dataclass(frozen=True, slots=True)
class Circuit:
    """Open until a moment, for a reason; closed when the moment has passed."""

    open_until: str = ""
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Tells whether nothing may be handed over now."""
        return self.open_until > clock.stamp()


class AlreadyOpen(Exception):
    """The circuit is open for longer already."""


def of(item: Item | None) -> Circuit:
    """Reads the circuit from its item."""
    return Circuit(item["open_until"], item["reason"]) if item else Circuit()


def read() -> Circuit:
    """Reads the circuit."""
    return of(tables.get(MessagingSettings.load().messaging_table, KEY))


def trip(reason: str, detail: str, *, open_s: float) -> Circuit:
    """Opens the circuit for a time, after which one text tries again, and tells staff; returns it as it now is."""
    circuit = Circuit(clock.after(open_s), reason)
    item = {**KEY._asdict(), "open_until": circuit.open_until, "reason": reason}
    write = writes.put(
        MessagingSettings.load().messaging_table,
        item,
        condition="attribute_not_exists(pk) OR open_until <= :until",
        values={":until": circuit.open_until},
        refused=lambda _: AlreadyOpen(),
    )
    with suppress(AlreadyOpen):
        writes.commit(write)
    logger.error("provider circuit opened", reason=reason, detail=detail, until=circuit.open_until)
    count("ProviderCircuitOpened")
    return circuit
