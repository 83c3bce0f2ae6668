"""What becomes of a deposit: the last three digits of the payer's number choose."""

from dataclasses import dataclass

ACCEPTED, PROCESSING, IN_RECONCILIATION = "ACCEPTED", "PROCESSING", "IN_RECONCILIATION"
COMPLETED, FAILED = "COMPLETED", "FAILED"
STATUSES = (ACCEPTED, PROCESSING, IN_RECONCILIATION, COMPLETED, FAILED)
FINAL = frozenset({COMPLETED, FAILED})


@dataclass(frozen=True)
class Outcome:
    """How a deposit ends, and which words the merchant is called back with, in their order.

    `later` is the status that it has after a second delay, when the operator changes its mind. With `refund_waits`, a
    refund of it is accepted and goes no further.
    """

    status: str = COMPLETED
    failure_code: str | None = None
    told: tuple[str, ...] = (COMPLETED,)
    pays_other_amount: bool = False
    pays_other_currency: bool = False
    later: str | None = None
    refund_waits: bool = False


def _failed(code: str) -> Outcome:
    return Outcome(FAILED, code, told=(FAILED,))


_ORDINARY = Outcome()
_BY_LAST_DIGITS = {
    # pawaPay's own sandbox numbers, for every provider
    "019": _failed("PAYER_LIMIT_REACHED"),
    "029": _failed("PAYER_NOT_FOUND"),
    "039": _failed("PAYMENT_NOT_APPROVED"),
    "049": _failed("INSUFFICIENT_BALANCE"),
    "069": _failed("UNSPECIFIED_FAILURE"),
    "129": Outcome(ACCEPTED, told=()),  # stuck: never ends, never calls back
    # the house's own, as at the other simulators
    "229": Outcome(told=()),  # paid, and the callback is lost
    "329": Outcome(told=(COMPLETED,) * 3),  # paid, and told three times
    "429": Outcome(PROCESSING),  # told as paid, while its status says PROCESSING until it is flipped
    "529": Outcome(pays_other_amount=True),
    "629": Outcome(pays_other_currency=True),
    "729": Outcome(FAILED, "UNSPECIFIED_FAILURE", told=(FAILED,), later=COMPLETED),  # failed, and paid after all
    "829": Outcome(told=(COMPLETED, PROCESSING)),  # the callbacks overtake each other
    "929": Outcome(IN_RECONCILIATION, told=()),
    "959": Outcome(refund_waits=True),  # paid, and its money does not go back until it is flipped
}


def of(phone: str) -> Outcome:
    return _BY_LAST_DIGITS.get(phone[-3:], _ORDINARY)
