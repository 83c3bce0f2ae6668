"""The merchant's orders at ZenoPay: created, then paid or not."""

import random
import string
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from sandbox.zenopay import outcomes

COMPLETED = "COMPLETED"
PENDING = "PENDING"
STATUSES = (PENDING, "INPROGRESS", COMPLETED, "FAILED", "CANCELLED", "USERCANCELLED", "REJECTED")

_OTHER_AMOUNT_OFF_BY = 500
_CHANNELS = {
    "MPESA-TZ": ("072", "074", "075", "076", "079"),
    "TIGO-TZ": ("065", "067", "070", "071", "077"),
    "AIRTEL-TZ": ("066", "068", "069", "078"),
    "HALOPESA-TZ": ("061", "062", "063"),
}


class OrderTakenError(ValueError):
    """An order of that id exists already."""


@dataclass(frozen=True)
class Order:
    """One order. `amount` is what was asked for, `paid_amount` what the payer's wallet really paid."""

    order_id: str
    buyer_name: str
    buyer_email: str
    buyer_phone: str
    amount: int
    webhook_url: str | None
    metadata: dict[str, Any] = field(default_factory=dict)
    payment_status: str = PENDING
    reference: str = ""
    transid: str | None = None
    channel: str | None = None
    paid_amount: int | None = None
    creation_date: str = ""

    @property
    def msisdn(self) -> str:
        return f"255{self.buyer_phone[1:]}"


class Orders:
    """Every order of one merchant, in memory."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}
        # A reference never comes twice, not even after the simulator was started anew.
        self._last_reference = time.time_ns() // 1_000_000

    def create(self, order: Order) -> Order:
        if order.order_id in self._orders:
            raise OrderTakenError(order.order_id)
        self._last_reference += 1
        created = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        return self._keep(replace(order, reference=str(self._last_reference), creation_date=created))

    def find(self, order_id: str) -> Order | None:
        return self._orders.get(order_id)

    def end(self, order_id: str) -> None:
        """The payer has answered, or not: the order takes its outcome, unless it was flipped meanwhile."""
        order = self._orders.get(order_id)
        if order is None or order.payment_status != PENDING:
            return
        outcome = outcomes.of(order.buyer_phone)
        paid_amount = _other_than(order.amount) if outcome.pays_other_amount else order.amount
        self.flip(order_id, outcome.payment_status, paid_amount=paid_amount)

    def flip(self, order_id: str, payment_status: str, *, paid_amount: int | None = None) -> Order:
        """Give an order a status, and what its operator adds to a payment that happened."""
        order = replace(self._orders[order_id], payment_status=payment_status)
        if payment_status == COMPLETED:
            order = replace(
                order,
                paid_amount=order.amount if paid_amount is None else paid_amount,
                transid=order.transid or "".join(random.choices(string.ascii_uppercase + string.digits, k=10)),
                channel=channel_of(order.buyer_phone),
            )
        return self._keep(order)

    def log(self) -> list[dict[str, Any]]:
        return [asdict(order) | {"msisdn": order.msisdn} for order in self._orders.values()]

    def forget(self) -> None:
        self._orders.clear()

    def _keep(self, order: Order) -> Order:
        self._orders[order.order_id] = order
        return order


def _other_than(amount: int) -> int:
    """Too little where that is possible, as that is the difference that costs the platform money."""
    return amount - _OTHER_AMOUNT_OFF_BY if amount > _OTHER_AMOUNT_OFF_BY else amount + _OTHER_AMOUNT_OFF_BY


def channel_of(buyer_phone: str) -> str:
    """The wallet's channel, by the number's prefix, as the merchant cannot choose one."""
    for channel, prefixes in _CHANNELS.items():
        if buyer_phone.startswith(prefixes):
            return channel
    return "UNKNOWN-TZ"
