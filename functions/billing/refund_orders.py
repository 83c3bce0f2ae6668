"""Refund order: which payment a refund is of, found by the id that its provider knows the refund by.

| pk | sk | what |
|---|---|---|
| `REFUND#<refund>` | `META` | the payment |
"""

from mifumo import clock, ids, tables, writes
from mifumo.ids import PaymentId
from mifumo.tables import Key
from mifumo.wallets import LedgerSettings
from mifumo.writes import Write

from . import payment_changes, payments
from .payment import Payment


def _key(refund: str) -> Key:
    return Key(f"REFUND#{refund}", "META")


def _table() -> str:
    return LedgerSettings.load().ledger_table


def keep(payment: Payment) -> Write:
    """Keeps whose refund begins; refuses with PaymentMoved, as each refund of a payment has an id of its own."""
    item = {**_key(payment.refund_id or "")._asdict(), "payment_id": payment.id, "created_at": clock.stamp()}
    return writes.put(_table(), item, refused=lambda _: payment_changes.moved(payment, None))


def payment_of(refund: str) -> PaymentId | None:
    """Tells which payment a refund is of; None for a refund that is none of ours."""
    item = tables.get(_table(), _key(refund))
    return PaymentId(item["payment_id"]) if item else None


def every(payment: Payment) -> list[str]:
    """Returns what the provider knows a payment and all its refunds by, those that failed included."""
    if payment.refund_id is None:
        return [payment.order_id]
    begun = [line["refund_id"] for line in payments.history(payment.id) if "refund_id" in line]
    return [payment.order_id, *map(ids.as_uuid, begun)]
