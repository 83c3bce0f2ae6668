"""The platform's account at the texts' provider, as it was read last: its balance, and its sender names.

What the provider says of a name is shown to staff beside what they have decided, and decides nothing by itself.

| key in `messaging` | what |
|---|---|
| `PLATFORM` / `ACCOUNT#beem` | `balance`, `names` with their status, and when each was read |
"""

from dataclasses import dataclass, field
from typing import Any

from functions.sms import messaging
from mifumo import clock, tables, writes
from mifumo.tables import Key

KEY = Key("PLATFORM", "ACCOUNT#beem")


@dataclass(frozen=True, slots=True)
class Account:
    """The account; None and nothing where it was never read."""

    balance: int | None = None
    balance_read_at: str | None = None
    names: dict[str, str] = field(default_factory=dict)
    names_read_at: str | None = None

    def status_of(self, name: str) -> str | None:
        """Returns how far a name is at the provider, however it is written there."""
        return next((status for own, status in self.names.items() if own.upper() == name.upper()), None)


def read() -> Account:
    """Reads what is known of it."""
    found = tables.get(messaging.table(), KEY, consistent=False) or {}
    return Account(
        found.get("balance"), found.get("balance_read_at"), found.get("names", {}), found.get("names_read_at")
    )


def keep(*, balance: int | None, names: dict[str, str] | None) -> None:
    """Writes down what the provider has said; what it did not say stays as it was read before."""
    now, values, sets = clock.stamp(), dict[str, Any](), list[str]()
    if balance is not None:
        values |= {":balance": balance, ":at": now}
        sets += ["balance = :balance", "balance_read_at = :at"]
    if names is not None:
        values |= {":names": names, ":at": now}
        sets += ["#names = :names", "names_read_at = :at"]
    if not sets:
        return
    writes.commit(
        writes.update(
            messaging.table(),
            KEY,
            f"SET {', '.join(sets)}",
            condition=writes.WHATEVER_STANDS,
            names={"#names": "names"} if names is not None else None,
            values=values,
            refused=writes.never,
        )
    )
