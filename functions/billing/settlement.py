"""Settlement: ask the provider where a payment stands, and bring ours there. The only code that credits for money.

A look at a payment is safe at any time, any number of times, by any number of workers: asking reads only, the next look
is set before the question goes out, and the credit is one transaction that can be made once.
"""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from mifumo import clock, credited, ledger, queue, wallets, writes
from mifumo.aws import Item
from mifumo.circuits import Circuit
from mifumo.ids import PaymentId
from mifumo.observability import count, logger
from mifumo.packages import best
from mifumo.providers.payments import Standing, Statement
from mifumo.settings import Settings
from mifumo.wallets import Wallet
from mifumo.writes import Write

from . import books, circuits, gateway, payments, receipts, schedule
from .desks import BANK
from .payments import LookedAtAlready, Payment, PaymentMoved
from .receipts import ReceiptReused
from .states import ENDED, WAITING, Event, Status, transition

# However many callbacks come for a payment, the provider is asked about it at most this often.
ASK_GAP_S = 2
_RACES_MAX = 5
# Why a payment failed that the staff have dismissed.
DISMISSED = "dismissed"
# Why a payment was cancelled whose push the payer has refused: it is over, as far as the provider knows.
CANCELLED_BY_PAYER = "cancelled_by_payer"

_ENDINGS = {
    Standing.FAILED: (Event.FAILED, "payment_failed"),
    Standing.CANCELLED: (Event.CANCELLED, CANCELLED_BY_PAYER),
}


class LossSettings(Settings):
    """By when a push that arrived is known to a provider that keeps every push."""

    payment_lost_after_s: int


class Finding(StrEnum):
    """What a look at a payment came to."""

    CREDITED = "credited"
    ENDED = "ended"
    REVIEW = "review"
    OPEN = "open"
    SETTLED = "settled"
    """There was nothing to ask: it is completed, or in the hands of the staff."""
    REFUNDING = "refunding"
    """Its money is on the way back: what there is to ask, `refunds` asks."""
    STALE = "stale"
    """The look has been taken by another one meanwhile."""
    LATER = "later"
    """Somebody asked a moment before this was known: it is looked at again in a moment."""
    UNAVAILABLE = "unavailable"
    ORPHAN = "orphan"
    """There is no such payment."""


def check(payment_id: PaymentId, *, due: str | None = None, received_at: str | None = None) -> Finding:
    """Looks at a payment.

    `due` is the moment for which the schedule asked for this look: when it is not the payment's next one any more,
    another look has taken its place. `received_at` is when a callback came in.
    """
    payment = payments.read(payment_id)
    if payment is None:
        logger.error("no such payment", payment_id=payment_id)
        count("PaymentOrphan")
        return Finding.ORPHAN
    if payment.gateway == BANK:
        return _unconfirmed(payment)
    if due and payment.next_check_at != due:
        return Finding.STALE
    if not _asked_about(payment):
        return _settled(payment)
    circuit = circuits.read(payment.gateway)
    for _ in range(_RACES_MAX):
        if not _asked_about(payment):
            return _settled(payment)
        try:
            looked = payments.look(payment, next_check_at=_next_check(payment, circuit), gap_s=ASK_GAP_S)
        except LookedAtAlready as busy:
            if busy.payment.status is payment.status:
                return _too_soon(busy.payment, received_at)
            payment = busy.payment
        else:
            return _asked(looked, circuit)
    return Finding.STALE


def _asked_about(payment: Payment) -> bool:
    """Tells whether there is something to ask: money is awaited or may come again, or the staff know of none yet."""
    if payment.status is Status.REVIEW:
        return payment.receipt is None and payment.paid_amount is None
    return payment.status in WAITING | ENDED | {Status.REFUNDED}


def _settled(payment: Payment) -> Finding:
    return Finding.REFUNDING if payment.status is Status.REFUND_PENDING else Finding.SETTLED


def _unconfirmed(payment: Payment) -> Finding:
    """Ends a bank transfer that nobody has found in the bank's statement in time; it may still be found later."""
    if payment.status is not Status.PENDING or clock.stamp() < payment.expires_at:
        return Finding.SETTLED
    _, steps = payments.step(payment, Event.EXPIRED, failure_code="expired")
    writes.transact(*steps)
    return Finding.ENDED


def _next_check(payment: Payment, circuit: Circuit) -> str | None:
    """Says when the next look is due; not before the circuit of a silent provider has closed.

    There is always one where money is watched for: the watch ends with a look that was carried through, not with one
    that began. The others are asked about when a callback comes, and left alone otherwise.
    """
    if payment.status not in WAITING | ENDED:
        return None
    due = schedule.next_check(
        payment.checks + 1,  # this look is one of them
        expires_at=payment.expires_at,
        waiting=payment.status in WAITING,
    )
    return max(due, circuit.open_until) if circuit.open_until else due


def _too_soon(payment: Payment, received_at: str | None) -> Finding:
    """Tells whether the look that has just been taken could know what this one knows."""
    if received_at is None or (payment.checked_at or "") > received_at:
        return Finding.STALE
    return Finding.LATER


def _asked(payment: Payment, circuit: Circuit) -> Finding:
    """Asks the provider and applies what it says to the payment as it then stands."""
    statement = gateway.fetch_status(payment, circuit)
    for _ in range(_RACES_MAX):
        try:
            after, finding = _applied(payment, statement)
        except PaymentMoved as moved:
            payment = moved.payment
        else:
            schedule.call(after.id, after.next_check_at)
            return finding
    raise PaymentMoved(payment)


def _applied(payment: Payment, statement: Statement) -> tuple[Payment, Finding]:
    if not _asked_about(payment):
        return payment, Finding.SETTLED
    if payment.status not in WAITING | ENDED:
        return _came_anew(payment, statement)
    after, finding = _heard(payment, statement)
    if after is payment and payment.status in ENDED and clock.stamp() >= payment.watched_until:
        return _watched(payment, statement)
    return after, finding


def _heard(payment: Payment, statement: Statement) -> tuple[Payment, Finding]:
    match statement.standing:
        case Standing.UNAVAILABLE:
            logger.warning("provider did not say", payment_id=payment.id, detail=statement.detail)
            count("ProviderUnavailable")
            return payment, Finding.UNAVAILABLE
        case Standing.COMPLETED:
            return _paid(payment, statement)
        case Standing.FAILED | Standing.CANCELLED:
            return _ended(payment, statement)
        case Standing.PENDING:
            return _still_open(payment, found=True)
        case Standing.NOT_FOUND:
            return _never_received(payment) if _had_time(payment) else _still_open(payment, found=False)


def _paid(payment: Payment, statement: Statement) -> tuple[Payment, Finding]:
    if not gateway.settles(payment, statement):
        return _reviewed(payment, statement, "the provider names another amount or currency")
    if payment.credit_txn:
        return _reviewed(payment, statement, "it was credited before, and the money has gone back")
    try:
        return _credited(payment, statement), Finding.CREDITED
    except ReceiptReused:
        # The money is that payment's, and stands in the books as such.
        return _reviewed(payment, statement, "the receipt has paid for another payment", came=False)


def _credited(payment: Payment, statement: Statement) -> Payment:
    kept = max(payment.amount - (statement.amount_tzs or 0), 0)  # by a provider that takes its fee out of the price
    return credit(payment, Event.PAID, receipt=statement.receipt or payment.order_id, fee=kept)


def credit(
    payment: Payment, event: Event, *, receipt: str, more: Sequence[Write] = (), note: str = "", fee: int = 0
) -> Payment:
    """Completes the payment and credits the tenant in one transaction, which can be made once.

    `more` stands in the same transaction: the decision, where people have taken one. `fee` is what the provider keeps
    of the price. Raises what `more` refuses, then PaymentMoved, and ReceiptReused for a receipt that has paid for
    another payment.
    """
    name, late = f"pay:{payment.id}:credit", payment.status in ENDED
    # What an earlier review has noted of the money is not what paid in the end.
    paid = {} if event is Event.CREDIT_APPROVED else {"paid_amount": None, "paid_currency": None}
    completed, steps = payments.step(
        payment,
        event,
        receipt=receipt,
        completed_at=clock.stamp(),
        credit_txn=name,
        late=late,
        failure_code=None,
        suspended=None,
        note=note,
        **paid,
    )

    def build(wallet: Wallet) -> list[Write]:
        return [
            *more,
            *steps,
            receipts.guard(payment, receipt),
            *ledger.credit(
                wallet,
                payment.credits,
                name=name,
                reference=payment.id,
                postings=[*books.resolved(payment), *books.sale(completed, fee=fee)],
                package=best(wallet.package, payment.package),
            ),
        ]

    ledger.move(wallets.read(payment.tenant), build)
    credited.tell(payment.tenant)
    logger.info("payment credited", payment_id=payment.id, tenant_id=payment.tenant, credits=payment.credits, late=late)
    count("PaymentCredited")
    if late:
        count("PaymentCreditedLate")
    return completed


def _reviewed(payment: Payment, statement: Statement, why: str, *, came: bool = True) -> tuple[Payment, Finding]:
    """Money moved, and not as agreed: no credits, and a person decides, once on the same evidence."""
    told = (statement.receipt, statement.amount_tzs, statement.currency)
    if payment.failure_code == DISMISSED and told == (payment.receipt, payment.paid_amount, payment.paid_currency):
        return payment, Finding.ENDED
    after, steps = payments.step(
        payment,
        Event.MISMATCHED,
        note=why,
        receipt=statement.receipt,
        paid_amount=statement.amount_tzs,
        paid_currency=statement.currency,
        suspended=statement.amount_tzs if came else None,
    )
    writes.transact(*steps, *books.suspend(payment, after))
    logger.error("payment needs a review", payment_id=payment.id, tenant_id=payment.tenant, why=why)
    count("PaymentReview")
    return after, Finding.REVIEW


def _came_anew(payment: Payment, statement: Statement) -> tuple[Payment, Finding]:
    """Tells the staff of money that came after a refund or while they look for it: by a receipt not known yet.

    Nobody looks again by themselves, so silence fails the message: it is delivered again.
    """
    if statement.standing is Standing.UNAVAILABLE:
        raise gateway.ProviderUnavailable(statement.detail)
    if statement.standing is not Standing.COMPLETED or statement.receipt in {None, payment.receipt}:
        return payment, Finding.SETTLED
    owner = receipts.owner(payment.gateway, str(statement.receipt))
    if owner == payment.id:
        return payment, Finding.SETTLED
    return _reviewed(payment, statement, "money came after the payment was closed", came=owner is None)


def _ended(payment: Payment, statement: Statement) -> tuple[Payment, Finding]:
    event, failure = _ENDINGS[statement.standing]
    if transition(payment.status, event) is None:
        return payment, Finding.ENDED
    after, steps = payments.step(
        payment, event, next_check_at=payment.next_check_at, note=statement.detail, failure_code=failure
    )
    writes.transact(*steps)
    return after, Finding.ENDED


def _had_time(payment: Payment) -> bool:
    """Tells whether a push whose answer was lost would be known by now, had it arrived."""
    grace_s = LossSettings.load().payment_lost_after_s
    lost = payment.status is Status.PENDING and payment.initiated == Event.UNKNOWN
    return lost and payment.created_at <= clock.after(-grace_s) and gateway.keeps_every_push(payment)


def _never_received(payment: Payment) -> tuple[Payment, Finding]:
    """The provider knows of no such push: nobody is asked for money. It stays watched, should it arrive after all."""
    after, steps = payments.step(
        payment, Event.NEVER_RECEIVED, next_check_at=payment.next_check_at, failure_code="never_received"
    )
    writes.transact(*steps)
    return after, Finding.ENDED


def _still_open(payment: Payment, *, found: bool) -> tuple[Payment, Finding]:
    """Nothing has been paid: the payment waits on, becomes known for what it is, or has waited long enough."""
    event, facts = _waited(payment, found=found)
    if event is None:
        return payment, Finding.OPEN if payment.status in WAITING else Finding.ENDED
    after, steps = payments.step(payment, event, next_check_at=payment.next_check_at, **facts)
    writes.transact(*steps)
    return after, Finding.OPEN if after.status in WAITING else Finding.ENDED


def _waited(payment: Payment, *, found: bool) -> tuple[Event | None, dict[str, str]]:
    if payment.status is Status.PENDING and clock.stamp() >= payment.expires_at:
        return Event.EXPIRED, {"failure_code": "expired"}
    crashed = payment.status is Status.CREATED and clock.after(-schedule.CRASHED_AFTER_S) >= payment.created_at
    if found and (crashed or payment.initiated == Event.UNKNOWN) and payment.status in WAITING:
        return Event.ACCEPTED, {"initiated": str(Event.ACCEPTED)}
    if crashed:
        return Event.UNKNOWN, {"initiated": str(Event.UNKNOWN)}
    return None, {}


def _watched(payment: Payment, statement: Statement) -> tuple[Payment, Finding]:
    """Ends the watch for late money. Where the provider has not said that none moved, people find it out."""
    if transition(payment.status, Event.UNRESOLVED) is None or _none_moved(payment, statement):
        if payment.next_check_at:
            writes.commit(payments.unwatched(payment))
        return replace(payment, next_check_at=None), Finding.ENDED
    why = f"the watch is over, and the provider says {statement.standing}"
    after, steps = payments.step(payment, Event.UNRESOLVED, note=why)
    writes.transact(*steps)
    logger.error("payment needs a review", payment_id=payment.id, tenant_id=payment.tenant, why=why)
    count("PaymentReview")
    return after, Finding.REVIEW


def _none_moved(payment: Payment, statement: Statement) -> bool:
    """Tells whether the provider says that no money has moved, or that the payer refused it."""
    if statement.standing is Standing.NOT_FOUND and gateway.keeps_every_push(payment):
        return True
    return statement.standing in _ENDINGS or payment.failure_code == CANCELLED_BY_PAYER


def look_again(body: Item) -> None:
    """Puts a callback's message back for a moment: the look before it could not know of it."""
    queue.send(schedule.PaymentSettings.load().payments_queue_url, [body], delay_s=ASK_GAP_S)
