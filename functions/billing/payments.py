"""Payment: a tenant's purchase of a package, from the first push to the credit, and each step between.

The only code that reads or writes payments. A step is written on condition that nobody took another one meanwhile,
together with a line of the payment's history.
"""

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Final

from mifumo import clock, ids, tables, writes
from mifumo.aws import Item
from mifumo.errors import Conflict, NotFound
from mifumo.ids import PaymentId, TenantId
from mifumo.tables import Key, Page
from mifumo.wallets import LedgerSettings
from mifumo.writes import Write

from . import days, desks
from .desks import BANK, Desk
from .states import UNDECIDED, WAITING, Event, Status, transition

# Unfinished payments are spread over so many partitions of the `due` index.
_DUE_SHARDS: Final = 4
# Where payments wait for a document that tells of them.
DOCUMENTS_DUE: Final = "PAYDOCUMENT"
DUE: Final = (*(f"PAYDUE#{shard}" for shard in range(_DUE_SHARDS)), Desk.TRANSFERS.value)


@dataclass(frozen=True, slots=True)
class Payment:
    """One purchase, at the price and credits of the moment it began. Amounts are whole TZS and whole credits."""

    id: PaymentId
    tenant: TenantId
    user: str
    package: str | None
    """The package that was bought, or the largest that the quantity contains; its sender IDs come with it."""
    credits: int
    amount: int
    currency: str
    gateway: str
    wallet: str
    phone: str
    """Empty once the number was erased."""
    fingerprint: str
    created_at: str
    expires_at: str
    watched_until: str
    status: Status = Status.CREATED
    version: int = 1
    initiated: str | None = None
    """`accepted` or `unknown`, by the answer to the push or by a later look."""
    checks: int = 0
    checked_at: str | None = None
    next_check_at: str | None = None
    failure_code: str | None = None
    receipt: str | None = None
    paid_amount: int | None = None
    """What the provider says was paid; it differs from `amount` in a review only."""
    paid_currency: str | None = None
    completed_at: str | None = None
    late: bool | None = None
    credit_txn: str | None = None
    refund_id: str | None = None
    """The refund under way, or the last one; a refund that failed is followed by one of another id."""
    refund_amount: int | None = None
    refund_credits: int | None = None
    """The credits that are held for it; 0 when the money that goes back was never credited."""
    refund_manual: bool | None = None
    """People send the money back: the provider cannot."""
    refund_started_at: str | None = None
    quote: str | None = None
    net: int | None = None
    vat: int | None = None
    """`net + vat == amount`, by the rate of the moment when it was offered; None before offers were kept."""
    vat_rate: int | None = None
    """In hundredths of a percent."""
    reference: str | None = None
    """What a bank transfer is to be marked with."""
    retry_of: PaymentId | None = None
    retried_as: PaymentId | None = None
    suspended: int | None = None
    """What of its money stands in the suspense account, in `paid_currency`, until people have decided."""
    invoice: str | None = None
    """The number of its invoice, which a worker gives it after the credit."""
    credit_note: str | None = None
    """The number of the document that takes the invoice back, after a refund."""

    @property
    def at_rest(self) -> bool:
        """Tells whether no money can move for it any more: it is not watched, and nobody has to decide."""
        return self.next_check_at is None and self.status not in WAITING | UNDECIDED

    @property
    def order_id(self) -> str:
        """The provider's reference for it: the same id in the form of a UUID."""
        return ids.as_uuid(self.id)

    @property
    def undocumented(self) -> bool:
        """Tells whether it was credited, or refunded after that, and the invoice or credit note is still missing."""
        if self.credit_txn is None:
            return False
        settled = self.status in {Status.COMPLETED, Status.REFUNDED}
        return settled and (self.invoice is None or (self.status is Status.REFUNDED and self.credit_note is None))

    @property
    def received(self) -> int:
        """Returns what was paid, as far as anybody has said: the price, or what stands in a review."""
        if self.paid_amount is None or self.paid_currency not in {None, self.currency}:
            return self.amount
        return self.paid_amount


class PaymentExists(Exception):
    """The payment was made before; it carries what stands there."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(payment.id)
        self.payment = payment


class PaymentMoved(Exception):
    """Somebody else took a step since the payment was read; it carries the payment as it stands."""

    def __init__(self, payment: Payment) -> None:
        super().__init__(payment.id)
        self.payment = payment


class RetriedAlready(Conflict):
    """The payment has been made again already; `payment_id` is the one that took its place."""

    code = "already_retried"
    title = "This payment has been made again already"


class LookedAtAlready(PaymentMoved):
    """Somebody else looks at the payment right now, or has changed it."""


def _table() -> str:
    return LedgerSettings.load().ledger_table


def key_of(payment: str) -> Key:
    return Key(f"PAY#{payment}", "META")


def _listing(tenant: TenantId) -> str:
    return f"T#{tenant}#PAY"


def _due(payment: Payment) -> dict[str, str]:
    """Returns the keys of the sparse index of payments to look at; a payment that is left alone has none.

    What waits for people is sorted by its age, and transfers by the moment when they expire.
    """
    desk = desks.of(payment.status, gateway=payment.gateway, manual=payment.refund_manual)
    if desk is not None:
        since = payment.expires_at if desk is Desk.TRANSFERS else payment.created_at
        return {"due_pk": desk.value, "due_sk": f"{since}#{payment.id}"}
    if payment.next_check_at is None:
        return {"due_pk": DOCUMENTS_DUE, "due_sk": _documents_since(payment)} if payment.undocumented else {}
    shard = sum(payment.id.encode()) % _DUE_SHARDS
    return {"due_pk": f"PAYDUE#{shard}", "due_sk": f"{payment.next_check_at}#{payment.id}"}


def _days(payment: Payment) -> dict[str, str]:
    """Returns the keys of the index of each provider's payments by day: that of their money, or else of their begin."""
    if payment.gateway == BANK:
        return {}
    at = payment.completed_at or payment.created_at
    return {"day_pk": f"PAYDAY#{payment.gateway}#{days.of(at)}", "day_sk": f"{at}#{payment.id}"}


def _documents_since(payment: Payment) -> str:
    return f"{payment.completed_at}#{payment.id}"


def _item(payment: Payment) -> Item:
    values = {field.name: getattr(payment, field.name) for field in fields(Payment)}
    return {
        **key_of(payment.id)._asdict(),
        **{name: str(value) if isinstance(value, StrEnum) else value for name, value in values.items()},
        "listing_pk": _listing(payment.tenant),
        "listing_sk": f"{payment.created_at}#{payment.id}",
        **_due(payment),
        **_days(payment),
    }


def of(item: Item) -> Payment:
    """Reads a payment from its item."""
    values = {field.name: item[field.name] for field in fields(Payment) if field.name in item}
    return Payment(**{"package": None, **values, "status": Status(item["status"])})


def read(payment: PaymentId) -> Payment | None:
    """Reads a payment, consistently; for workers, which speak for no tenant."""
    item = tables.get(_table(), key_of(payment))
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
    items = list(tables.query_all(_table(), key_of(payment).pk, consistent=True))
    found = next((of(item) for item in items if item["sk"] == "META"), None)
    if found is None or found.tenant != tenant:
        raise NotFound("There is no such payment.")
    return found, [item for item in items if item["sk"].startswith("H#")]


def page(tenant: TenantId, *, limit: int, start: Item | None) -> Page:
    """Reads a page of a tenant's payments, newest first."""
    return tables.query(_table(), _listing(tenant), index="listing", limit=limit, newest_first=True, start=start)


def due(partition: str, *, items_max: int) -> list[tuple[PaymentId, str]]:
    """Lists (payment, due since) of one partition of `DUE`, longest overdue first."""
    overdue = tables.query(_table(), partition, index="due", between=("0", clock.stamp()), limit=items_max)
    stamps = [(item["pk"], item["due_sk"]) for item in overdue.items]
    return [(PaymentId(pk.removeprefix("PAY#")), sk.partition("#")[0]) for pk, sk in stamps]


@dataclass(frozen=True, slots=True)
class DayPage:
    """Some payments of a provider and day as they stand, and where the day goes on."""

    payments: list[Payment]
    last: Item | None


def of_day(gateway: str, day: str, *, limit: int, start: Item | None) -> DayPage:
    """Reads a page of the payments of a provider whose money came on a day, or that began on it and have none."""
    found = tables.query(_table(), f"PAYDAY#{gateway}#{day}", index="days", limit=limit, start=start)
    places = [(_table(), Key(item["pk"], item["sk"])) for item in found.items]
    standing = tables.read(*places) if places else {}
    return DayPage([of(standing[place]) for place in places if place in standing], found.last)


def history(payment: PaymentId) -> list[Item]:
    """Reads every step that the payment has taken, in order."""
    return list(tables.query_all(_table(), key_of(payment).pk, begins_with="H#", consistent=True))


def create(payment: Payment) -> list[Write]:
    """Writes a new payment and the first line of its history; refuses with PaymentExists."""
    item = {name: value for name, value in _item(payment).items() if value is not None}
    put = writes.put(_table(), item, refused=lambda old: PaymentExists(standing(payment, old)))
    return [put, _history(payment, before=None, trigger="initiated", facts={"user": payment.user})]


def step(
    payment: Payment, event: Event, *, next_check_at: str | None = None, note: str = "", **facts: Any
) -> tuple[Payment, list[Write]]:
    """Takes a payment to its state after an event; the writes refuse with PaymentMoved.

    `facts` become attributes. Ask `transition` first: an event without one is a mistake in the program.
    """
    target = transition(payment.status, event)
    if target is None:
        raise ValueError(f"{event} leads nowhere from {payment.status}")
    after = replace(payment, status=target, version=payment.version + 1, next_check_at=next_check_at, **facts)
    moved = _rewrite(
        payment,
        after,
        condition="#version = :version AND #status = :before AND #amount = :amount AND #currency = :currency "
        + ("AND #credit_txn = :credit_txn" if payment.credit_txn else "AND attribute_not_exists(#credit_txn)"),
        names=("version", "status", "amount", "currency", "credit_txn"),
        values={
            ":version": payment.version,
            ":before": str(payment.status),
            ":amount": payment.amount,
            ":currency": payment.currency,
            **({":credit_txn": payment.credit_txn} if payment.credit_txn else {}),
        },
        refused=lambda old: PaymentMoved(standing(payment, old)),
    )
    known = {name: value for name, value in facts.items() if value is not None}
    return after, [
        moved,
        _history(after, before=payment.status, trigger=event, facts={**known, **({"note": note} if note else {})}),
    ]


def documented(payment: Payment, **numbers: str) -> tuple[Payment, Write]:
    """Notes the numbers of documents that tell of a payment as it stands; refuses with PaymentMoved.

    It is no step of the payment: its history and version stay.
    """
    after = replace(payment, **numbers)  # type: ignore[arg-type] # the names are those of the document numbers
    missing = " AND ".join(f"attribute_not_exists(#{name})" for name in numbers)
    written = _rewrite(
        payment,
        after,
        condition=f"#version = :version AND {missing}",
        names=("version", *numbers),
        values={":version": payment.version},
        refused=lambda old: PaymentMoved(standing(payment, old)),
    )
    return after, written


def unwatched(payment: Payment) -> Write:
    """Ends the watch of a payment that nobody has to look at again; refuses with PaymentMoved. It is no step of it."""
    return _rewrite(
        payment,
        replace(payment, next_check_at=None),
        condition="#version = :version",
        names=("version",),
        values={":version": payment.version},
        refused=lambda old: PaymentMoved(standing(payment, old)),
    )


def waits_no_more(payment: Payment) -> Write:
    """Takes a payment that has its documents off the list of those that wait; refuses with PaymentMoved."""
    return writes.update(
        _table(),
        key_of(payment.id),
        "REMOVE due_pk, due_sk",
        condition="version = :version AND due_pk = :waiting",
        values={":version": payment.version, ":waiting": DOCUMENTS_DUE},
        refused=lambda old: PaymentMoved(standing(payment, old)),
    )


def retried(payment: Payment, after: PaymentId, *, instead_of: PaymentId | None) -> Write:
    """Lets one payment and no other take the place of this one; refuses with RetriedAlready.

    `instead_of` is the one that had it and that nobody was asked for.
    """
    return writes.update(
        _table(),
        key_of(payment.id),
        "SET retried_as = :after",
        condition="#status = :ended AND (attribute_not_exists(retried_as) OR retried_as IN (:after, :over))",
        names={"#status": "status"},
        values={":ended": str(payment.status), ":after": after, ":over": instead_of or after},
        refused=lambda old: _not_again(standing(payment, old)),
    )


def _not_again(payment: Payment) -> RetriedAlready:
    if payment.retried_as:
        return RetriedAlready("Watch that payment, or retry it.", payment_id=payment.retried_as)
    return RetriedAlready(f"It has become {payment.status} meanwhile.", payment_id=payment.id)


def look(payment: Payment, *, next_check_at: str | None, gap_s: float) -> Payment:
    """Takes the turn to ask the provider, and sets the next one; a payment is asked for at most once per `gap_s`.

    Raises LookedAtAlready.
    """
    after = replace(payment, checks=payment.checks + 1, checked_at=clock.stamp(), next_check_at=next_check_at)
    return of(
        writes.commit(
            _rewrite(
                payment,
                after,
                condition="#status = :before AND (attribute_not_exists(#checked_at) OR #checked_at <= :rested)",
                names=("status", "checked_at"),
                values={":before": str(payment.status), ":rested": clock.after(-gap_s)},
                refused=lambda old: LookedAtAlready(standing(payment, old)),
            )
        )
    )


def standing(payment: Payment, item: Item | None) -> Payment:
    """Returns the payment that stood in a write's way."""
    found = of(item) if item else read(payment.id)
    if found is None:
        raise LookupError(f"payment {payment.id} is gone")
    return found


def _history(after: Payment, *, before: Status | None, trigger: str, facts: Item) -> Write:
    item = {
        "pk": key_of(after.id).pk,
        "sk": f"H#{after.version:06d}",
        **({"before": str(before)} if before else {}),
        "after": str(after.status),
        "trigger": str(trigger),
        "at": clock.stamp(),
        **facts,
    }
    return writes.put(_table(), item, refused=lambda _: PaymentMoved(standing(after, None)))


def _rewrite(
    before: Payment,
    after: Payment,
    *,
    condition: str,
    names: tuple[str, ...],
    values: Item,
    refused: writes.Refusal,
) -> Write:
    """Updates what differs between two versions of a payment; what became None is removed."""
    was, now = _item(before), _item(after)
    put = {name: value for name, value in now.items() if value is not None and was.get(name) != value}
    gone = [name for name in was if was[name] is not None and now.get(name) is None]
    changes = ("SET ", [f"#{name} = :new_{name}" for name in put]), ("REMOVE ", [f"#{name}" for name in gone])
    expression = " ".join(verb + ", ".join(parts) for verb, parts in changes if parts)
    return writes.update(
        _table(),
        key_of(before.id),
        expression,
        condition=condition,
        names={f"#{name}": name for name in {*names, *put, *gone}},
        values={**values, **{f":new_{name}": value for name, value in put.items()}},
        refused=refused,
    )
