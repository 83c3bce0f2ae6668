"""Receipt: the operator's transaction, or a line of a bank's statement, which pays for one payment and no other.

| pk | sk | what |
|---|---|---|
| `PTXN#<issuer>#<receipt>` | `META` | the payment that it has paid for |
"""

from typing import Final

from mifumo import clock, tables, writes
from mifumo.errors import Conflict
from mifumo.tables import Key
from mifumo.wallets import LedgerSettings
from mifumo.writes import Write

from .payment import Payment

# The issuer of what we send back by: one transaction of ours is one refund.
REFUNDS: Final = "refund"


class ReceiptReused(Conflict):
    """The operator's transaction, or the line of a bank's statement, has paid for another payment."""

    code = "receipt_used"
    title = "This receipt has paid for another payment"


def _key(issuer: str, receipt: str) -> Key:
    return Key(f"PTXN#{issuer}#{receipt}", "META")


def owner(issuer: str, receipt: str) -> str | None:
    """Tells which payment a receipt has paid for; None while it has paid for none."""
    item = tables.get(_table(), _key(issuer, receipt))
    return str(item["payment_id"]) if item else None


def guard(payment: Payment, receipt: str, *, issuer: str = "") -> Write:
    """Lets the operator's transaction pay for this payment and no other; refuses with ReceiptReused.

    `issuer` names whose receipt it is where that is not the payment's gateway.
    """
    item = {
        **_key(issuer or payment.gateway, receipt)._asdict(),
        "payment_id": payment.id,
        "amount": payment.amount,
        "created_at": clock.stamp(),
    }
    return writes.put(
        _table(),
        item,
        condition="attribute_not_exists(pk) OR payment_id = :payment",
        values={":payment": payment.id},
        refused=lambda _: ReceiptReused(f"The receipt is {receipt}."),
    )


def _table() -> str:
    return LedgerSettings.load().ledger_table
