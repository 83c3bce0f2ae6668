"""Bank account: where the tenants of a stage transfer to; named to the CDK, because the code knows no real one.

It stands in `cdk.context.json` as `bank:prod`, so that no deploy forgets it:
`{"bank:prod": {"bank": "...", "name": "...", "number": "...", "swift": "..."}}`.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

# Banks of Tanzania number accounts with 8 to 20 digits.
_NUMBER: Final = re.compile(r"[0-9]{8,20}")
# ISO 9362 of a Tanzanian bank; a location that ends in 0 is for tests.
_SWIFT: Final = re.compile(r"[A-Z]{4}TZ[A-Z0-9][A-Z1-9]([A-Z0-9]{3})?")
# Digits that somebody has typed to have something there.
_MADE_UP: Final = ("0123456789" * 3, "1234567890" * 3, "9876543210" * 3)
_FEW_DIGITS: Final = 2


@dataclass(frozen=True, kw_only=True)
class BankAccount:
    """An account; without a number there is none, and nobody can pay by bank."""

    bank: str = ""
    name: str = ""
    number: str = ""
    swift: str = ""


NONE: Final = BankAccount()
SAMPLE: Final = BankAccount(bank="Benki ya Mfano", name="Mifumo Labs Ltd", number="0150000000001", swift="MFANTZTZ")
"""What is paid to on a laptop."""


def of(stage: str, told: Any) -> BankAccount:
    """Reads what the CDK was told of a stage's account; one that cannot be real stops the synthesis."""
    if told is None:
        return NONE
    wanted = {field.name for field in fields(BankAccount)}
    if not isinstance(told, Mapping) or set(told) != wanted:
        sys.exit(f"bank:{stage} in the CDK's context has exactly these members: {', '.join(sorted(wanted))}")
    account = BankAccount(**{name: str(value).strip() for name, value in told.items()})
    if reason := _doubt(account):
        sys.exit(f"bank:{stage} in the CDK's context cannot be an account to pay into: {reason}")
    return account


def _doubt(account: BankAccount) -> str | None:
    if not account.bank or not account.name:
        return "it says neither which bank nor whose account, or only one of them"
    if not _NUMBER.fullmatch(account.number):
        return "its number is not 8 to 20 digits"
    if not _SWIFT.fullmatch(account.swift):
        return "its SWIFT code is not one of a Tanzanian bank"
    made_up = any(account.number in row for row in _MADE_UP) or len(set(account.number)) <= _FEW_DIGITS
    if made_up or account.number == SAMPLE.number or account.swift == SAMPLE.swift:
        return "it is made up"
    return None
