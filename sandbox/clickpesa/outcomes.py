"""What becomes of a payment: the last three digits of the payer's number choose, as at the other simulators."""

from dataclasses import dataclass

PROCESSING, PENDING = "PROCESSING", "PENDING"
SUCCESS, SETTLED, FAILED = "SUCCESS", "SETTLED", "FAILED"
STATUSES = (PROCESSING, PENDING, SUCCESS, SETTLED, FAILED)
COLLECTED = frozenset({SUCCESS, SETTLED})


@dataclass(frozen=True)
class Outcome:
    """How a payment ends, and which words the merchant is called back with, in their order.

    `later` is the status that it has after a second delay, when the operator changes its mind; `failed_first` puts a
    failed attempt before the one that ends like this.
    """

    status: str = SUCCESS
    message: str = "Payment received"
    told: tuple[str, ...] = (SUCCESS,)
    later: str | None = None
    currency: str = "TZS"
    pays_other_amount: bool = False
    amount_as_text: bool = False
    failed_first: bool = False


def _failed(message: str, *, later: str | None = None) -> Outcome:
    return Outcome(FAILED, message, told=(FAILED,), later=later)


def _waiting(*told: str) -> Outcome:
    return Outcome(PROCESSING, "Waiting for the payer", told=told)


_ORDINARY = Outcome()
_BY_LAST_DIGITS = {
    # the numbers that every simulator of the house knows
    "019": _failed("Payer limit reached"),
    "029": _failed("Payer not found"),
    "039": _failed("Payment not approved"),
    "049": _failed("Insufficient balance"),
    "069": _failed("Payment failed"),
    "129": _waiting(),  # stuck: never ends, never calls back
    "229": Outcome(told=()),  # paid, and the callback is lost
    "329": Outcome(told=(SUCCESS,) * 3),  # paid, and told three times at once
    "429": _waiting(SUCCESS),  # told as paid, while its status says PROCESSING until it is flipped
    "529": Outcome(pays_other_amount=True),
    "629": Outcome(currency="USD"),
    "729": _failed("Payment failed", later=SUCCESS),  # failed, and paid after all
    "829": Outcome(told=(SUCCESS, PROCESSING)),  # the callbacks overtake each other
    # ClickPesa's own shapes
    "919": Outcome(failed_first=True),
    "939": Outcome(SETTLED, told=(SETTLED,)),
    "949": Outcome(amount_as_text=True),
}


def of(phone: str) -> Outcome:
    return _BY_LAST_DIGITS.get(phone[-3:], _ORDINARY)
