"""The application's payments at ClickPesa: for each reference the attempts at it, paid or not."""

import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sandbox.clickpesa import outcomes
from sandbox.clickpesa.outcomes import COLLECTED, FAILED, PROCESSING

CLIENT_ID = "sandbox-clickpesa-client"

_OTHER_AMOUNT_OFF_BY = 500
_CHANNELS = {
    "M-PESA": ("25572", "25574", "25575", "25576", "25579"),
    "TIGO-PESA": ("25565", "25567", "25570", "25571", "25577"),
    "AIRTEL-MONEY": ("25566", "25568", "25569", "25578"),
    "HALOPESA": ("25561", "25562", "25563"),
}


class ReferenceUsedError(ValueError):
    """A push with that reference was made before."""


@dataclass(frozen=True)
class Attempt:
    """One attempt to collect. `amount` is what was asked for, `collected` what the payer's wallet really paid."""

    id: str
    reference: str
    amount: int
    phone: str
    created_at: str
    updated_at: str
    status: str = PROCESSING
    message: str = "Waiting for the payer"
    collected: int | None = None
    currency: str = "TZS"
    payment_reference: str | None = None
    amount_as_text: bool = False

    @property
    def channel(self) -> str:
        """The wallet, by the number's prefix, as the merchant cannot choose one."""
        return channel_of(self.phone) or "UNKNOWN"

    @property
    def collected_amount(self) -> int:
        return self.amount if self.collected is None else self.collected

    def listed(self, *, as_text: bool = False) -> dict[str, Any]:
        """As the status query lists it: the amount is a number, unless it is a text."""
        amount = self.collected_amount
        return {
            "id": self.id,
            "status": self.status,
            "paymentReference": self.payment_reference,
            "paymentPhoneNumber": self.phone,
            "orderReference": self.reference,
            "collectedAmount": str(amount) if as_text or self.amount_as_text else amount,
            "collectedCurrency": self.currency,
            "message": self.message,
            "updatedAt": self.updated_at,
            "createdAt": self.created_at,
            "customer": self._customer(),
            "clientId": CLIENT_ID,
        }

    def told(self, *, status: str | None = None) -> dict[str, Any]:
        """As a callback tells it, under its own status or another."""
        status = status or self.status
        event = {"FAILED": "PAYMENT FAILED"}.get(status, "PAYMENT RECEIVED")
        listed = self.listed(as_text=True)
        del listed["paymentPhoneNumber"], listed["clientId"]
        return {"event": event, "data": listed | {"status": status, "channel": self.channel}}

    def _customer(self) -> dict[str, Any]:
        return {"customerName": "Chloé M’bayo", "customerEmail": None, "customerPhoneNumber": self.phone}


class Attempts:
    """Every attempt at every reference of one application, in memory."""

    def __init__(self) -> None:
        self._by_reference: dict[str, list[Attempt]] = {}
        # An id never comes twice, not even after the simulator was started anew.
        self._last_id = time.time_ns() // 1_000_000

    def start(self, *, reference: str, amount: int, phone: str) -> Attempt:
        if reference in self._by_reference:
            raise ReferenceUsedError(reference)
        first = self._new(reference, amount, phone)
        self._by_reference[reference] = [first]
        if outcomes.of(phone).failed_first:
            self._by_reference[reference] = [
                replace(first, status=FAILED, message="Payment not approved"),
                self._new(reference, amount, phone),
            ]
        return self._by_reference[reference][-1]

    def find(self, reference: str) -> list[Attempt]:
        return self._by_reference.get(reference, [])

    def end(self, reference: str) -> None:
        """The payer has answered, or not: the last attempt takes its outcome, unless it was flipped meanwhile."""
        if not self.find(reference) or self.find(reference)[-1].status != PROCESSING:
            return
        attempt = self.find(reference)[-1]
        outcome = outcomes.of(attempt.phone)
        collected = _other_than(attempt.amount) if outcome.pays_other_amount else None
        self._by_reference[reference][-1] = replace(
            attempt, message=outcome.message, currency=outcome.currency, amount_as_text=outcome.amount_as_text
        )
        self.flip(reference, outcome.status, amount=collected)

    def flip(self, reference: str, status: str, *, amount: int | None = None) -> Attempt:
        """Give the last attempt another status, and what its operator adds to a payment that happened."""
        attempt = replace(self._by_reference[reference][-1], status=status, updated_at=_now())
        if status in COLLECTED:
            paid_as = attempt.payment_reference or f"CP{attempt.id[2:]}"
            attempt = replace(attempt, payment_reference=paid_as, message="Payment received")
        if amount is not None:
            attempt = replace(attempt, collected=amount)
        self._by_reference[reference][-1] = attempt
        return attempt

    def again(self, reference: str, status: str) -> Attempt:
        """Add one more attempt at a reference, which ends like this."""
        last = self._by_reference[reference][-1]
        self._by_reference[reference].append(self._new(reference, last.amount, last.phone))
        return self.flip(reference, status)

    def page(self, *, start: str, end: str, newest_first: bool, skip: int, limit: int) -> tuple[list[Attempt], int]:
        """A page of the attempts whose dates lie between two, both included, and how many there are of those."""
        every = [attempt for attempts in self._by_reference.values() for attempt in attempts]
        found = [one for one in every if start <= one.created_at[: len(start)] and one.created_at[: len(end)] <= end]
        found.sort(key=lambda attempt: (attempt.created_at, attempt.id), reverse=newest_first)
        return found[skip : skip + limit], len(found)

    def log(self) -> list[dict[str, Any]]:
        attempts = (attempt for attempts in self._by_reference.values() for attempt in attempts)
        return [asdict(attempt) | {"channel": attempt.channel} for attempt in attempts]

    def forget(self) -> None:
        self._by_reference.clear()

    def _new(self, reference: str, amount: int, phone: str) -> Attempt:
        self._last_id += 1
        return Attempt(f"LC{self._last_id}", reference, amount, phone, created_at=_now(), updated_at=_now())


def channel_of(phone: str) -> str | None:
    """The wallet of a number, by its prefix; None for a number without one."""
    for channel, prefixes in _CHANNELS.items():
        if phone.startswith(prefixes):
            return channel
    return None


def channels() -> tuple[str, ...]:
    return tuple(_CHANNELS)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _other_than(amount: int) -> int:
    """Too little where that is possible, as that is the difference that costs the platform money."""
    return amount - _OTHER_AMOUNT_OFF_BY if amount > _OTHER_AMOUNT_OFF_BY else amount + _OTHER_AMOUNT_OFF_BY
