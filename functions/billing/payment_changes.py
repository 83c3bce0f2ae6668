"""Change: a payment written from one version to the next, on condition that it is still the one that was read."""

from mifumo import writes
from mifumo.aws import Item
from mifumo.writes import Write

from . import payment_items, payments
from .payment import Payment


class PaymentMoved(Exception):
    """Somebody else took a step since the payment was read; it carries the payment as it stands."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(payment.id)
        self.payment = payment


def rewrite(
    before: Payment,
    after: Payment,
    *,
    condition: str,
    names: tuple[str, ...],
    values: Item,
    refused: writes.Refusal,
) -> Write:
    """Updates what differs between two versions of a payment; what became None is removed."""
    was, now = payment_items.of(before), payment_items.of(after)
    put = {name: value for name, value in now.items() if was.get(name) != value}
    gone = [name for name in was if name not in now]
    changes = ("SET ", [f"#{name} = :new_{name}" for name in put]), ("REMOVE ", [f"#{name}" for name in gone])
    expression = " ".join(verb + ", ".join(parts) for verb, parts in changes if parts)
    return writes.update(
        payment_items.table(),
        payment_items.key_of(before.id),
        expression,
        condition=condition,
        names={f"#{name}": name for name in {*names, *put, *gone}},
        values={**values, **{f":new_{name}": value for name, value in put.items()}},
        refused=refused,
    )


def standing(payment: Payment, item: Item | None) -> Payment:
    """Returns the payment that stood in a write's way."""
    found = payments.of(item) if item else payments.read(payment.id)
    if found is None:
        raise LookupError(f"payment {payment.id} is gone")
    return found


def moved(payment: Payment, item: Item | None) -> PaymentMoved:
    """Returns the refusal that carries the payment which stood in a write's way."""
    return PaymentMoved(standing(payment, item))
