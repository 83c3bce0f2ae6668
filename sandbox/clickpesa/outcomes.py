"""What becomes of a payment: the last three digits of the payer's number choose, as at the other simulators."""

from dataclasses import dataclass

PROCESSING, PENDING = "PROCESSING", "PENDING"
SUCCESS, SETTLED, FAILED = "SUCCESS", "SETTLED", "FAILED"
STATUSES = (PROCESSING, PENDING, SUCCESS, SETTLED, FAILED)
COLLECTED = frozenset({SUCCESS, SETTLED})


@dataclass(frozen=True)
class Outcome:
    """How a payment ends, in which words, and how often the merchant is called back about it.

    `told` is what the callbacks say; `failed_first` puts a failed attempt before the one that ends like this.
    """

    status: str = SUCCESS
    message: str = "Payment received"
    callbacks: int = 1
    told: str | None = None
    pays_other_amount: bool = False
    amount_as_text: bool = False
    failed_first: bool = False


def _failed(message: str) -> Outcome:
    return Outcome(FAILED, message)


_ORDINARY = Outcome()
_BY_LAST_DIGITS = {
    # the numbers that every simulator of the house knows
    "019": _failed("Payer limit reached"),
    "029": _failed("Payer not found"),
    "039": _failed("Payment not approved"),
    "049": _failed("Insufficient balance"),
    "069": _failed("Payment failed"),
    "129": Outcome(PROCESSING, "Waiting for the payer", callbacks=0),  # stuck: never ends, never calls back
    "229": Outcome(callbacks=0),  # paid, and the callback is lost
    "329": Outcome(callbacks=3),  # paid, and told three times at once
    "429": Outcome(PROCESSING, "Waiting for the payer", told=SUCCESS),  # told as paid, and still waiting until flipped
    "529": Outcome(pays_other_amount=True),
    # ClickPesa's own shapes
    "629": Outcome(amount_as_text=True),
    "729": Outcome(failed_first=True),
    "829": Outcome(SETTLED),
}


def of(phone: str) -> Outcome:
    return _BY_LAST_DIGITS.get(phone[-3:], _ORDINARY)
