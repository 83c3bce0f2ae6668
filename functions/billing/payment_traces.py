"""Traces: what of a payment names who paid, and how it is taken out; the rest stays for the books."""

from mifumo import writes
from mifumo.tables import Key
from mifumo.wallets import LedgerSettings
from mifumo.writes import Write

from . import payment_changes, payment_items, payments
from .payment import Payment


def notes(payment: Payment) -> list[tuple[Key, str]]:
    """Reads what the provider said at the steps of a payment's history, with where each is kept."""
    lines = payments.history(payment.id)
    return [(Key(line["pk"], line["sk"]), line["note"]) for line in lines if "note" in line]


def reword(line: Key, note: str) -> Write:
    """Puts another note into a line of history: the only thing that is ever changed there."""
    return writes.update(
        _table(),
        line,
        "SET note = :note",
        condition="attribute_exists(note)",
        values={":note": note},
        refused=lambda _: LookupError(line),
    )


def erase(payment: Payment) -> Write:
    """Takes the payer's number out of a payment at rest; the rest stays for the books. Refuses with PaymentMoved.

    The fingerprint by which a repeated order is known goes too: it would tell a number that is guessed right.
    """
    return writes.update(
        _table(),
        payment_items.key_of(payment.id),
        "SET phone = :none, fingerprint = :none",
        condition="#version = :version AND (attribute_not_exists(due_pk) OR due_pk = :documents)",
        names={"#version": "version"},
        values={":none": "", ":version": payment.version, ":documents": payment_items.DOCUMENTS_DUE},
        refused=lambda old: payment_changes.moved(payment, old),
    )


def _table() -> str:
    return LedgerSettings.load().ledger_table
