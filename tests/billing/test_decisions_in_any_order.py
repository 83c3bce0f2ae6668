"""Any order of decisions and late news: credited once at most, held and available add up, and no refund goes twice."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from functions.billing import (
    decisions,
    manual_refunds,
    payment_steps,
    payments,
    proposals,
    receipts,
    refunds,
    reviews,
    settlement,
)
from functions.billing.confirmations import Line, confirm
from functions.billing.payment import Payment
from functions.billing.payment_changes import PaymentMoved
from functions.billing.proposals import Decision
from functions.billing.states import Event, Status, transition
from mifumo import ids, tables, wallets, writes
from mifumo.callers import Principal
from mifumo.errors import AppError
from mifumo.ids import TenantId
from mifumo.permissions import Action
from mifumo.providers.payments import Standing, Statement
from mifumo.tables import Key
from tests.billing.conftest import Till
from tests.billing.office import AMINA, BARAKA, NEEMA, balanced, completed, reviewed, spent, transfer, written
from tests.wire import Crash

PEOPLE = [AMINA, BARAKA, NEEMA]


@dataclass
class Story:
    """One payment of the till, and what people and the provider do to it."""

    till: Till
    payment: Payment
    who: Principal = AMINA
    sent: int = 0
    known: list[str] = field(default_factory=list)

    @property
    def now(self) -> Payment:
        return self.till.payment(self.payment.id)

    def decide(self, decision: Decision) -> None:
        made = reviews.propose(self.who, self.payment.id, decision, reason="why", evidence="where", receipt=None)
        self.known.append(made.id)

    def refund(self) -> None:
        self.known.append(decisions.propose_refund(self.who, self.payment.id, reason="why", evidence="where").id)

    def confirm(self) -> None:
        line = Line(f"FT{self.payment.id[:10]}", self.payment.amount, "It is this one.", "p. 4")
        _, proposal = confirm(self.who, self.payment.id, line)
        self.known += [proposal.id] if proposal else []

    def approve(self, which: int) -> None:
        self.who.require(Action.MONEY_DECIDE)
        if self.known:
            decisions.approve(self.who, self.known[which % len(self.known)], note="yes")

    def agree(self, propose: Callable[[], None]) -> None:
        """Has one propose and another approve."""
        self.who = AMINA
        propose()
        self.who = BARAKA
        self.approve(-1)

    def reject(self) -> None:
        self.who.require(Action.MONEY_DECIDE)
        if self.known:
            decisions.reject(self.who, self.known[-1], note="no")

    def complete(self) -> None:
        self.sent += 1
        manual_refunds.complete(
            self.who, self.payment.id, reference=f"OUT{self.payment.id[:8]}{self.sent}", evidence="statement"
        )

    def fail(self) -> None:
        manual_refunds.fail(self.who, self.payment.id, reason="the number is closed")

    def hear(self, amount: int) -> None:
        """Applies what the provider says of the money now, as the worker does after it has asked."""
        receipt = f"R{self.payment.id[:8]}"
        statement = Statement(Standing.COMPLETED, amount_tzs=amount, currency="TZS", receipt=receipt)
        settlement._applied(self.now, statement)

    def send(self, texts: int) -> None:
        tenant = self.payment.tenant
        spent(min(texts, wallets.read(tenant).available), tenant)

    def evidence(self) -> None:
        """Has evidence against the payment come up, whatever its state."""
        now = self.now
        if transition(now.status, Event.MISMATCHED):
            _, steps = payment_steps.take(now, Event.MISMATCHED, receipt="other", paid_amount=7, paid_currency="TZS")
            writes.transact(*steps)


DEEDS: dict[str, Callable[[Story, int], object]] = {
    "propose a credit": lambda story, _: story.decide(Decision.CREDIT),
    "propose a return": lambda story, _: story.decide(Decision.RETURN),
    "propose to dismiss": lambda story, _: story.decide(Decision.DISMISS),
    "propose a refund": lambda story, _: story.refund(),
    "two agree on a credit": lambda story, _: story.agree(lambda: story.decide(Decision.CREDIT)),
    "two agree on a return": lambda story, _: story.agree(lambda: story.decide(Decision.RETURN)),
    "two agree on a refund": lambda story, _: story.agree(story.refund),
    "confirm the transfer": lambda story, _: story.confirm(),
    "approve": lambda story, number: story.approve(number),
    "approve the last": lambda story, _: story.approve(-1),
    "reject": lambda story, _: story.reject(),
    "complete the refund": lambda story, _: story.complete(),
    "fail the refund": lambda story, _: story.fail(),
    "the provider says paid": lambda story, _: story.hear(story.payment.amount),
    "the provider names another amount": lambda story, number: story.hear(1 + number),
    "evidence comes": lambda story, _: story.evidence(),
    "texts are sent": lambda story, number: story.send(1 + number),
    "time passes": lambda story, number: story.till.travel.forward(100 * number),
    "the worker looks": lambda story, _: refunds.check(story.payment.id),
}
# What is reached by few orders only is tried more often.
FAR = ["two agree on a refund", "two agree on a return", "complete the refund", "fail the refund", "evidence comes"]
STORY = st.lists(
    st.tuples(
        st.sampled_from(PEOPLE),
        st.sampled_from([*sorted(DEEDS), *FAR * 3]),
        st.integers(0, 8),
        st.one_of(*[st.none()] * 3, st.tuples(st.integers(0, 6), st.booleans())),
    ),
    min_size=4,
    max_size=24,
)


@given(story=STORY, begin=st.sampled_from(["reviewed", "completed", "pending", "transfer", "large transfer"]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_decided_in_whatever_order_credits_at_most_once(
    till: Till, story: list[tuple[Principal, str, int, tuple[int, bool] | None]], begin: str
) -> None:
    tenant = TenantId(ids.new())  # a wallet of its own for each example
    beginnings: dict[str, Callable[[], Payment]] = {
        "reviewed": lambda: reviewed(tenant=tenant),
        "completed": lambda: completed(tenant=tenant),
        "pending": lambda: written(tenant=tenant),
        "transfer": lambda: transfer(tenant=tenant),
        "large transfer": lambda: transfer(900_000, tenant=tenant),
    }
    told = Story(till, beginnings[begin]())
    for who, deed, number, wound in story:
        told.who = who
        if wound:
            till.wire.cut(wound[0], after=wound[1])
        with contextlib.suppress(AppError, PaymentMoved, Crash):
            DEEDS[deed](told, number)
        till.wire.mend()
        holds(told)
        event(told.now.status.value)


def holds(story: Story) -> None:
    """Asserts what is true at every moment."""
    payment = story.now
    balanced(payment.tenant)
    mine = [one for one in story.till.items(f"W#{payment.tenant}", "E#") if one["reference"] == payment.id]
    kinds = [one["kind"] for one in mine]
    assert kinds.count("credit") == bool(payment.credit_txn) <= 1
    record = tables.get("ledger", Key(f"TXN#pay:{payment.id}:credit", "TXN"))
    assert (record is not None) == bool(payment.credit_txn)
    assert kinds.count("reversal") <= kinds.count("credit")
    assert kinds.count("hold") == kinds.count("reversal") + kinds.count("release") + is_held(payment)
    if payment.status is Status.COMPLETED:
        assert payment.credit_txn
        assert receipts.owner(payment.gateway, payment.receipt or "") == payment.id
    approved = [one for one in proposals.of_subject(payment.id) if one.status is proposals.Status.APPROVED]
    alone = {Decision.TRANSFER} if payment.amount <= 200_000 else set()
    assert all(one.decided_by != one.proposed_by for one in approved if one.decision not in alone)
    assert all(one.decided_by != "neema" for one in approved)
    assert [one["sk"] for one in payments.history(payment.id)] == [f"H#{n:06d}" for n in range(1, payment.version + 1)]


def is_held(payment: Payment) -> bool:
    return payment.status is Status.REFUND_PENDING and bool(payment.refund_credits)
