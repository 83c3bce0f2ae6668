"""Payment item: a payment as it lies in the table, and the indexes that it is found by.

| key or index | what |
|---|---|
| `PAY#<payment>` / `META` | the payment; `H#<version>` beside it are the lines of its history |
| `listing`: `T#<tenant>#PAY` / `<created at>#<payment>` | a tenant's payments |
| `due`: `PAYDUE#<shard>`, a desk or `PAYDOCUMENT` / `<since>#<payment>` | what people or programs have to look at |
| `days`: `PAYDAY#<gateway>#<day>` / `<at>#<payment>` | a provider's payments of a day |
"""

from dataclasses import fields
from enum import StrEnum
from typing import Final

from mifumo.aws import Item
from mifumo.ids import TenantId
from mifumo.tables import Key
from mifumo.wallets import LedgerSettings

from . import days, desks
from .desks import BANK, Desk
from .payment import Payment

# Unfinished payments are spread over so many partitions of the `due` index.
_DUE_SHARDS: Final = 4
# Where payments wait for a document that tells of them.
DOCUMENTS_DUE: Final = "PAYDOCUMENT"
DUE: Final = (*(f"PAYDUE#{shard}" for shard in range(_DUE_SHARDS)), Desk.TRANSFERS.value)


def table() -> str:
    """Returns the table of payments: that of all money."""
    return LedgerSettings.load().ledger_table


def key_of(payment: str) -> Key:
    """Returns where a payment lies."""
    return Key(f"PAY#{payment}", "META")


def listing(tenant: TenantId) -> str:
    """Returns the partition of a tenant's payments."""
    return f"T#{tenant}#PAY"


def of(payment: Payment) -> Item:
    """Returns a payment's item as it is stored, without what is None, with the keys of the indexes that it is on."""
    values = {field.name: getattr(payment, field.name) for field in fields(Payment)}
    told = {name: value for name, value in values.items() if value is not None}
    return {
        **key_of(payment.id)._asdict(),
        **{name: str(value) if isinstance(value, StrEnum) else value for name, value in told.items()},
        "listing_pk": listing(payment.tenant),
        "listing_sk": f"{payment.created_at}#{payment.id}",
        **_due(payment),
        **_days(payment),
    }


def _due(payment: Payment) -> dict[str, str]:
    """Returns the keys of the sparse index of payments to look at; a payment that is left alone has none.

    What waits for people is sorted by its age, and transfers by the moment when they expire.
    """
    desk = desks.of(payment.status, gateway=payment.gateway, manual=payment.refund_manual)
    if desk is not None:
        since = payment.expires_at if desk is Desk.TRANSFERS else payment.created_at
        return {"due_pk": desk.value, "due_sk": f"{since}#{payment.id}"}
    if payment.next_check_at is None:
        since = f"{payment.completed_at}#{payment.id}"
        return {"due_pk": DOCUMENTS_DUE, "due_sk": since} if payment.undocumented else {}
    shard = sum(payment.id.encode()) % _DUE_SHARDS
    return {"due_pk": f"PAYDUE#{shard}", "due_sk": f"{payment.next_check_at}#{payment.id}"}


def _days(payment: Payment) -> dict[str, str]:
    """Returns the keys of the index of each provider's payments by day: that of their money, or else of their begin."""
    if payment.gateway == BANK:
        return {}
    at = payment.completed_at or payment.created_at
    return {"day_pk": f"PAYDAY#{payment.gateway}#{days.of(at)}", "day_sk": f"{at}#{payment.id}"}
