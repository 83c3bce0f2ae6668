"""The circuit of the texts' provider, where this slice keeps it. While it is open, chunks and their credits wait."""

from functions.sms import messaging
from mifumo import circuits
from mifumo.aws import Item
from mifumo.circuits import Circuit, Place
from mifumo.tables import Key

KEY = Key("PLATFORM", "CIRCUIT#beem")


def place() -> Place:
    """Returns where it stands."""
    return Place(messaging.table(), KEY, "beem")


def of(item: Item | None) -> Circuit:
    """Reads it from its item."""
    return circuits.of(place(), item)
