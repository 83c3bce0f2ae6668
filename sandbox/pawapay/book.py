"""The merchant's deposits and refunds at pawaPay, in memory."""

import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox.pawapay import outcomes
from sandbox.pawapay.account import COUNTRY, CURRENCY
from sandbox.pawapay.outcomes import ACCEPTED, COMPLETED, FAILED, FINAL

_OTHER_AMOUNT_OFF_BY = Decimal(500)
_OTHER_CURRENCY = "USD"


class IdTakenError(ValueError):
    """A deposit or refund of that id was received before."""


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class Deposit:
    """One deposit. `amount` is what was asked for, `paid_amount` what the payer's wallet really paid."""

    id: str
    amount: Decimal
    phone: str
    provider: str
    customer_message: str | None = None
    client_reference_id: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    status: str = ACCEPTED
    created: str = field(default_factory=_now)
    transaction_id: str | None = None
    failure_code: str | None = None
    paid_amount: Decimal | None = None
    currency: str = CURRENCY

    def written(self, *, status: str | None = None) -> dict[str, Any]:
        """As status and callbacks show it; a callback may say another status than it has."""
        shown = status or self.status
        optional = {
            "customerMessage": self.customer_message,
            "clientReferenceId": self.client_reference_id,
            "providerTransactionId": self.transaction_id if shown == COMPLETED else None,
            "failureReason": _reason(self.failure_code) if shown == FAILED else None,
            "metadata": self.metadata or None,
        }
        return {
            "depositId": self.id,
            "status": shown,
            "amount": f"{self.amount if self.paid_amount is None else self.paid_amount:.2f}",
            "currency": self.currency,
            "country": COUNTRY,
            "payer": _party(self.phone, self.provider),
            "created": self.created,
            **{name: value for name, value in optional.items() if value is not None},
        }


@dataclass(frozen=True)
class Refund:
    """Money of a deposit on its way back."""

    id: str
    deposit: Deposit
    amount: Decimal
    status: str = ACCEPTED
    created: str = field(default_factory=_now)
    transaction_id: str | None = None

    def written(self, *, status: str | None = None) -> dict[str, Any]:
        """As status and callbacks show it; a callback may say another status than it has."""
        shown = status or self.status
        reason = {"failureReason": _reason("UNSPECIFIED_FAILURE")} if shown == FAILED else {}
        paid = {"providerTransactionId": self.transaction_id} if self.transaction_id else {}
        return {
            "refundId": self.id,
            "depositId": self.deposit.id,
            "status": shown,
            "amount": f"{self.amount:.2f}",
            "currency": self.deposit.currency,
            "country": COUNTRY,
            "recipient": _party(self.deposit.phone, self.deposit.provider),
            "created": self.created,
            **paid,
            **reason,
        }


class Book:
    """Every deposit and refund of one merchant, by their ids."""

    def __init__(self) -> None:
        self.deposits: dict[str, Deposit] = {}
        self.refunds: dict[str, Refund] = {}

    def forget(self) -> None:
        self.deposits.clear()
        self.refunds.clear()

    def log(self) -> dict[str, list[dict[str, Any]]]:
        deposits = [{**one.written(), "requestedAmount": str(one.amount)} for one in self.deposits.values()]
        return {"deposits": deposits, "refunds": [one.written() for one in self.refunds.values()]}

    def take(self, deposit: Deposit) -> None:
        if deposit.id in self.deposits:
            raise IdTakenError(deposit.id)
        self.deposits[deposit.id] = deposit

    def take_refund(self, refund: Refund) -> None:
        if refund.id in self.refunds:
            raise IdTakenError(refund.id)
        self.refunds[refund.id] = refund

    def refunded(self, deposit_id: str) -> list[Refund]:
        """What goes back, or has gone back, of a deposit."""
        return [one for one in self.refunds.values() if one.deposit.id == deposit_id and one.status != FAILED]

    def end(self, deposit_id: str) -> None:
        """The payer has answered, or not: the deposit takes its outcome."""
        deposit = self.deposits[deposit_id]
        outcome = outcomes.of(deposit.phone)
        paid = _other_than(deposit.amount) if outcome.pays_other_amount else None
        currency = _OTHER_CURRENCY if outcome.pays_other_currency else deposit.currency
        self.deposits[deposit_id] = replace(deposit, paid_amount=paid, currency=currency)
        self.flip(deposit_id, outcome.status, failure_code=outcome.failure_code)

    def flip(
        self, deposit_id: str, status: str, *, failure_code: str | None = None, amount: Decimal | None = None
    ) -> Deposit:
        """Give a deposit a status, and what its operator adds to one that is paid."""
        deposit = self.deposits[deposit_id]
        paid = amount if amount is not None else deposit.paid_amount
        code = failure_code or ("UNSPECIFIED_FAILURE" if status == FAILED else None)
        flipped = replace(deposit, status=status, failure_code=code, paid_amount=paid)
        if not deposit.transaction_id:
            flipped = replace(flipped, transaction_id=secrets.token_hex(5).upper())
        self.deposits[deposit_id] = flipped
        return flipped

    def date(self, deposit_id: str, created: str) -> None:
        """Give a deposit another moment at which it began."""
        self.deposits[deposit_id] = replace(self.deposits[deposit_id], created=created)

    def flip_refund(self, refund_id: str, status: str) -> Refund:
        """Give a refund a status."""
        refund = self.refunds[refund_id]
        number = refund.transaction_id or (secrets.token_hex(5).upper() if status == COMPLETED else None)
        self.refunds[refund_id] = replace(refund, status=status, transaction_id=number)
        return self.refunds[refund_id]

    def is_final(self, deposit_id: str) -> bool:
        return self.deposits[deposit_id].status in FINAL


def _party(phone: str, provider: str) -> dict[str, Any]:
    return {"type": "MMO", "accountDetails": {"phoneNumber": phone, "provider": provider}}


def _reason(code: str | None) -> dict[str, str]:
    code = code or "UNSPECIFIED_FAILURE"
    return {"failureCode": code, "failureMessage": code.replace("_", " ").capitalize()}


def _other_than(amount: Decimal) -> Decimal:
    """Too little where that is possible, as that is the difference that costs the platform money."""
    return amount - _OTHER_AMOUNT_OFF_BY if amount > _OTHER_AMOUNT_OFF_BY else amount + _OTHER_AMOUNT_OFF_BY
