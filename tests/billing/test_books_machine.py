"""The books in any order: whatever happens to payments, holds and refunds, and wherever a process dies, they add up."""

import contextlib
import itertools
import os
from dataclasses import dataclass, field

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from functions.billing import (
    books,
    completion,
    documents,
    failures,
    invariants,
    issuing,
    payment_steps,
    payments,
    receipts,
    refunds,
)
from functions.billing.documents import Kind
from functions.billing.payment import Payment
from functions.billing.payment_changes import PaymentMoved
from functions.billing.refunds import CreditsSpent
from functions.billing.states import ENDED, WAITING, Event, Status
from mifumo import clock, ledger, tables, tenants, wallets, writes
from mifumo.aws import Item
from mifumo.ids import PaymentId, TenantId
from mifumo.ledger import AlreadyRecorded, HoldSettled, InsufficientCredits
from tests.billing.conftest import Till
from tests.billing.office import written
from tests.infra import quick
from tests.wire import Crash

_number = itertools.count()
_REFUSED = (CreditsSpent, InsufficientCredits, AlreadyRecorded, HoldSettled, PaymentMoved, receipts.ReceiptReused)

Happening = tuple[str, int]
MONEY = ("pay", "mismatch", "approve", "return", "dismiss", "refund", "gone", "stuck")
HAPPENINGS: st.SearchStrategy[list[Happening]] = st.lists(
    st.tuples(
        st.sampled_from([*MONEY, "buy", "hold", "settle", "adjust", "issue", "die before", "die after"]),
        st.integers(0, 6),
    ),
    min_size=4,
    max_size=14,
)


@dataclass
class Business:
    """A tenant, and what it has begun."""

    tenant: TenantId
    bought: list[PaymentId] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)

    def one(self, value: int) -> Payment | None:
        """Picks one of its payments, as it stands."""
        return payments.read(self.bought[value % len(self.bought)]) if self.bought else None


def story_of(words: str) -> list[Happening]:
    return [(word, 0) for word in words.split()]


@given(story=HAPPENINGS)
@example(story=story_of("buy pay refund gone mismatch return gone"))
@example(story=story_of("buy pay refund gone mismatch dismiss"))
@example(story=story_of("buy mismatch return stuck approve issue refund gone"))
@example(story=story_of("buy mismatch dismiss mismatch approve refund stuck refund gone"))
@settings(
    max_examples=int(os.environ.get("MIFUMO_EXAMPLES", "500")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_books_add_up_whatever_happens(till: Till, story: list[Happening]) -> None:
    quick.empty()
    business = Business(TenantId(f"b{next(_number)}"))
    writes.commit(tenants.put(business.tenant, "A business", verified=True))
    for what, value in story:
        with contextlib.suppress(Crash, *_REFUSED):
            happen(till, business, what, value)
        if not what.startswith("die"):
            till.wire.mend()  # at most one call dies of each wound
    till.wire.mend()
    balanced(business)
    numbered(business)


def happen(till: Till, business: Business, what: str, value: int) -> None:
    payment = business.one(value)
    match what:
        case "buy":
            made = written(tenant=business.tenant, next_check_at=clock.after(60))
            business.bought.append(made.id)
        case "hold":
            batch = f"{business.tenant}-{value}"
            business.batches.append(batch)
            ledger.move(wallets.read(business.tenant), lambda wallet: ledger.hold(wallet, 700 * value + 1, batch=batch))
        case "settle":
            settle(business, value)
        case "adjust":
            name = f"adj:{business.tenant}:{value}"
            grant = {"name": name, "reference": name, "reason": "A test", "actor": "u1"}
            ledger.move(
                wallets.read(business.tenant), lambda wallet: ledger.adjust(wallet, 1000 - 400 * value, **grant)
            )
        case "die before" | "die after":
            till.wire.cut(value, after=what == "die after")
        case _:
            if payment:
                move(payment, what, value)


def settle(business: Business, value: int) -> None:
    if not business.batches:
        return
    held = ledger.read_hold(business.tenant, business.batches[value % len(business.batches)])
    if held:
        captured = held.amount * value // 6
        ledger.move(wallets.read(business.tenant), lambda wallet: ledger.settle(wallet, held, captured=captured))


def move(payment: Payment, what: str, value: int) -> None:
    open_to_money = payment.status in WAITING | ENDED and payment.credit_txn is None
    match what, payment.status:
        case "pay", _ if open_to_money:
            completion.credit(payment, Event.PAID, receipt=f"R{payment.id}", fee=100 * value)
        case "mismatch", _ if payment.status in WAITING | ENDED | {Status.REFUNDED}:
            mismatch(payment, value)
        case "approve", Status.REVIEW if payment.credit_txn is None:
            completion.credit(payment, Event.CREDIT_APPROVED, receipt=f"R{payment.id}")
        case "return", Status.REVIEW:
            refunds.start(payment, returned=True, note="a test")
        case "dismiss", Status.REVIEW:
            dismiss(payment)
        case "refund", Status.COMPLETED:
            refunds.start(payment, returned=False, note="a test")
        case "gone", Status.REFUND_PENDING:
            refunds.completed(payment, note="a test")
        case "stuck", Status.REFUND_PENDING:
            refunds.failed(payment, note="a test")
        case "issue", _:
            issuing.issue(payment.id)
        case _:
            """It has no such move where it stands."""


def mismatch(payment: Payment, value: int) -> None:
    paid = 1_000 * value + 1
    facts: Item = {"receipt": f"M{payment.id}", "paid_amount": paid, "paid_currency": "TZS", "suspended": paid}
    after, steps = payment_steps.take(payment, Event.MISMATCHED, note="a test", **facts)
    writes.transact(*steps, *books.suspend(payment, after))


def dismiss(payment: Payment) -> None:
    after, steps = payment_steps.take(payment, Event.DISMISSED, failure_code=failures.DISMISSED, suspended=None)
    writes.transact(*steps, *books.unsuspend(payment, after))


def balanced(business: Business) -> None:
    """Asserts every invariant, and that each account of the money stands at what the payments make it."""
    assert invariants.check(business.tenant) == []
    accounts = dict[str, int]()
    for payment_id in business.bought:
        payment = payments.read(payment_id)
        assert payment
        for posting in postings(payment):
            account = posting["account"]
            accounts[account] = accounts.get(account, 0) + posting["amount"]
    made = [one for payment_id in business.bought if (one := payments.read(payment_id))]
    assert accounts.get(books.SUSPENSE, 0) == -sum(one.suspended or 0 for one in made)
    sold = [one for one in made if one.credit_txn and not credit_went_back(one)]
    owed = accounts.get(books.DEFERRED, 0) + accounts.get(books.VAT, 0)
    assert owed == -sum(price_of(one) for one in sold)
    assert accounts.get(books.VAT, 0) == -sum(books.split(one, price_of(one)).vat for one in sold)


def credit_went_back(payment: Payment) -> bool:
    return any(line["trigger"] == "refund_completed" and line["before"] == "refund_pending" for line in told(payment))


def told(payment: Payment) -> list[dict[str, str]]:
    """Reads the steps that a credited payment has taken since."""
    return [line for line in payments.history(payment.id) if "before" in line and payment.credit_txn]


def price_of(payment: Payment) -> int:
    """Reads what a payment was credited for, whatever came after."""
    record = tables.get("ledger", tables.Key(f"TXN#{payment.credit_txn}", "TXN"))
    assert record
    return -sum(int(p["amount"]) for p in record["postings"] if p["account"] in {books.DEFERRED, books.VAT})


def postings(payment: Payment) -> list[Item]:
    """Reads every posting that names the payment: of its versions, and of its refunds."""
    names = [f"pay:{payment.id}:credit", *refund_records(payment)]
    for version in range(1, payment.version + 1):
        names += [f"pay:{payment.id}:{what}:{version}" for what in ("suspense", "dismissed", "returned")]
    places = [("ledger", tables.Key(f"TXN#{name}", "TXN")) for name in names]
    return [posting for item in tables.read(*places).values() for posting in item["postings"]]


def refund_records(payment: Payment) -> list[str]:
    ids = {line["refund_id"] for line in payments.history(payment.id) if "refund_id" in line}
    return [f"hold:refund:{refund}:settle" for refund in ids]


def numbered(business: Business) -> None:
    """Issues what is missing; asserts one invoice for each credit, and no gap in all the numbers given out."""
    for payment_id in business.bought:
        issuing.issue(payment_id)
    for payment_id in business.bought:
        payment = payments.read(payment_id)
        assert payment
        if payment.status in {Status.COMPLETED, Status.REFUNDED}:
            assert (payment.invoice is None) == (payment.credit_txn is None)
    for kind in Kind:
        rows = list(tables.query_all("ledger", f"NUMBERS#{kind.value}", consistent=True))
        given_out = sum(row["last"] for row in rows)
        found = [documents.of(item) for item in documents.page(business.tenant, limit=250, start=None).items]
        assert given_out == sum(1 for document in found if document.kind is kind)
