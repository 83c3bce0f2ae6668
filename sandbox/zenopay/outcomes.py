"""What becomes of a payment: the last three digits of the payer's number choose."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """How an order ends, what order-status says of it, and how often the merchant is called back.

    ZenoPay promises callbacks for completed payments only, so a failed one is found by asking.
    """

    payment_status: str = "COMPLETED"
    callbacks: int = 1
    pays_other_amount: bool = False


_ORDINARY = Outcome()
_BY_LAST_DIGITS = {
    "039": Outcome(payment_status="FAILED", callbacks=0),  # the payer declines the push
    "049": Outcome(payment_status="FAILED", callbacks=0),  # the payer has too little money
    "129": Outcome(payment_status="PENDING", callbacks=0),  # the payer never answers
    "229": Outcome(callbacks=0),  # paid, and the callback is lost
    "329": Outcome(callbacks=3),  # paid, and told three times at once
    "429": Outcome(payment_status="PENDING"),  # told as paid, while order-status says PENDING until it is flipped
    "529": Outcome(pays_other_amount=True),
}


def of(buyer_phone: str) -> Outcome:
    return _BY_LAST_DIGITS.get(buyer_phone[-3:], _ORDINARY)
