"""Payments: found by their id, their tenant, their provider's day, or because somebody has to look at them.

It reads only. `payment_steps` and `payment_marks` are what writes them.
"""

from dataclasses import dataclass, fields

from mifumo import clock, ids, tables
from mifumo.aws import Item
from mifumo.errors import NotFound
from mifumo.ids import PaymentId, TenantId
from mifumo.tables import Key, Page

from . import payment_items
from .payment import Payment
from .states import Status


def of(item: Item) -> Payment:
    """Reads a payment from its item."""
    values = {field.name: item[field.name] for field in fields(Payment) if field.name in item}
    return Payment(**{"package": None, **values, "status": Status(item["status"])})


def read(payment: PaymentId) -> Payment | None:
    """Reads a payment, consistently; for workers, which speak for no tenant."""
    item = tables.get(payment_items.table(), payment_items.key_of(payment))
    return of(item) if item else None


def find(tenant: TenantId, payment: str) -> Payment:
    """Reads a tenant's payment; raises NotFound for one that is not there or is another tenant's."""
    found = read(PaymentId(payment)) if ids.valid(payment) else None
    if found is None or found.tenant != tenant:
        raise NotFound("There is no such payment.")
    return found


def told(tenant: TenantId, payment: str) -> tuple[Payment, list[Item]]:
    """Reads a tenant's payment and every step that it has taken, in one call; raises NotFound."""
    if not ids.valid(payment):
        raise NotFound("There is no such payment.")
    items = list(tables.query_all(payment_items.table(), payment_items.key_of(payment).pk, consistent=True))
    found = next((of(item) for item in items if item["sk"] == "META"), None)
    if found is None or found.tenant != tenant:
        raise NotFound("There is no such payment.")
    return found, [item for item in items if item["sk"].startswith("H#")]


def page(tenant: TenantId, *, limit: int, start: Item | None) -> Page:
    """Reads a page of a tenant's payments, newest first."""
    listing = payment_items.listing(tenant)
    return tables.query(payment_items.table(), listing, index="listing", limit=limit, newest_first=True, start=start)


def due(partition: str, *, items_max: int) -> list[tuple[PaymentId, str]]:
    """Lists (payment, due since) of one partition of `DUE`, longest overdue first."""
    overdue = tables.query(payment_items.table(), partition, index="due", between=("0", clock.stamp()), limit=items_max)
    stamps = [(item["pk"], item["due_sk"]) for item in overdue.items]
    return [(PaymentId(pk.removeprefix("PAY#")), sk.partition("#")[0]) for pk, sk in stamps]


@dataclass(frozen=True, slots=True)
class DayPage:
    """Some payments of a provider and day as they stand, and where the day goes on."""

    payments: list[Payment]
    last: Item | None


def of_day(gateway: str, day: str, *, limit: int, start: Item | None) -> DayPage:
    """Reads a page of the payments of a provider whose money came on a day, or that began on it and have none."""
    found = tables.query(payment_items.table(), f"PAYDAY#{gateway}#{day}", index="days", limit=limit, start=start)
    places = [(payment_items.table(), Key(item["pk"], item["sk"])) for item in found.items]
    standing = tables.read(*places) if places else {}
    return DayPage([of(standing[place]) for place in places if place in standing], found.last)


def history(payment: PaymentId) -> list[Item]:
    """Reads every step that the payment has taken, in order."""
    return list(
        tables.query_all(payment_items.table(), payment_items.key_of(payment).pk, begins_with="H#", consistent=True)
    )
