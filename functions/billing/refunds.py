"""Refund: money goes back to who paid it. The tenant's credits are held first, and taken back when the money has gone.

What was never credited goes back in the same way, without a hold. Where the provider can send money back, it is asked
with an id of ours that is the same for as long as the refund's outcome is open; where it cannot, people do it by hand.
"""

from collections.abc import Callable, Sequence
from typing import Final

from mifumo import clock, ids, ledger, wallets, writes
from mifumo.errors import Conflict
from mifumo.ids import PaymentId
from mifumo.ledger import Hold, InsufficientCredits
from mifumo.observability import count, logger
from mifumo.providers.payments import Initiation, Refund, RefundingProvider, Standing, Statement
from mifumo.wallets import Wallet
from mifumo.writes import Write

from . import books, gateway, payment_marks, payment_steps, payments, receipts, refund_orders, schedule
from .gateway import ProviderUnavailable
from .payment import Payment
from .payment_changes import PaymentMoved
from .payment_marks import LookedAtAlready
from .states import Event, Status
from .unseen import Found

# The provider is asked about one refund at most this often.
ASK_GAP_S = 2
# A provider that knows of no refund, and refuses it, may have the first request of it still on its way.
NEVER_CAME_AFTER_S: Final = 600


class CreditsSpent(Conflict):
    """The wallet has fewer credits available than would be taken: they are spent, or held for texts on their way."""

    code = "credits_spent"
    title = "The credits are not there any more"


def start(
    payment: Payment, *, returned: bool, note: str, more: Sequence[Write] = (), found: Found | None = None
) -> Payment:
    """Starts to send a payment's money back: of a completed one, or with `returned` of one under review.

    `more` stands in the same transaction. `found` is the money of a payment of which the provider has told none: it
    stands in suspense from now on, and its receipt pays for no other. Raises what `more` refuses, then PaymentMoved,
    CreditsSpent, and ReceiptReused.
    """
    manual = gateway.refunding(payment.gateway) is None
    credits_held = 0 if returned else payment.credits
    after, steps = payment_steps.take(
        payment,
        Event.RETURN_APPROVED if returned else Event.REFUND_STARTED,
        next_check_at=None if manual else clock.stamp(),
        refund_id=ids.derived_uuid("refund", payment.id, str(payment.version)),
        refund_amount=found.amount if found else payment.received,
        refund_credits=credits_held,
        refund_manual=manual,
        refund_started_at=clock.stamp(),
        checks=0,
        checked_at=None,
        note=note,
        **_came(found),
    )
    if found:
        more = [*more, receipts.guard(payment, found.receipt), *books.suspend(payment, after)]

    def build(wallet: Wallet) -> list[Write]:
        held = ledger.hold(wallet, credits_held, batch=_hold_name(after), reference=payment.id)
        return [*more, *steps, refund_orders.keep(after), *held]

    if returned:
        writes.transact(*more, *steps, refund_orders.keep(after))
    else:
        _hold(payment, build)
    logger.info("refund started", payment_id=payment.id, tenant_id=payment.tenant, manual=manual)
    count("RefundStarted")
    schedule.call(after.id, after.next_check_at)
    return after


def _came(found: Found | None) -> dict[str, str | int]:
    """Returns what a payment notes of money that people have found."""
    if found is None:
        return {}
    amounts = {"paid_amount": found.amount, "suspended": found.amount}
    return {"receipt": found.receipt, "paid_currency": found.currency, **amounts}


def require_credits(payment: Payment) -> None:
    """Raises CreditsSpent when the tenant has fewer credits available than the payment brought."""
    available = wallets.read(payment.tenant).available
    if available < payment.credits:
        raise CreditsSpent(required=payment.credits, available=available)


def _hold(payment: Payment, build: Callable[[Wallet], list[Write]]) -> None:
    try:
        ledger.move(wallets.read(payment.tenant), build)
    except InsufficientCredits as spent:
        raise CreditsSpent(**spent.extensions) from spent


def _hold_name(payment: Payment) -> str:
    return f"refund:{payment.refund_id}"


def _held(payment: Payment) -> Hold | None:
    """Reads what is held for a refund; None when the money that goes back was never credited."""
    if not payment.refund_credits:
        return None
    held = ledger.read_hold(payment.tenant, _hold_name(payment))
    if held is None:
        raise LookupError(f"nothing is held for the refund of payment {payment.id}")
    return held


def check(payment_id: PaymentId, *, received_at: str | None = None) -> bool:
    """Looks at a refund that the provider has to make: asks for it if nobody has, and brings ours to where it stands.

    Safe at any time and any number of times: the next look is set before anything goes out. `received_at` is when a
    callback came in; returns whether the refund was looked at since, so that nothing that it tells is missed.
    """
    payment = payments.read(payment_id)
    if payment is None or payment.status is not Status.REFUND_PENDING or payment.refund_manual:
        return True
    next_check_at = schedule.next_check(payment.checks + 1, expires_at="", waiting=True)
    try:
        looked = payment_marks.look(payment, next_check_at=next_check_at, gap_s=ASK_GAP_S)
    except LookedAtAlready as busy:
        ended = busy.payment.status is not Status.REFUND_PENDING
        return ended or received_at is None or (busy.payment.checked_at or "") > received_at
    try:
        after = _asked(looked)
    except PaymentMoved:
        return True
    schedule.call(after.id, after.next_check_at)
    return True


def _asked(payment: Payment) -> Payment:
    try:
        provider = gateway.refunding(payment.gateway)
    except ProviderUnavailable:
        provider = None
    if provider is None:
        logger.error("provider does not refund any more", payment_id=payment.id, gateway=payment.gateway)
        count("RefundStuck")
        return payment
    order = Refund(ids.as_uuid(payment.refund_id or ""), payment.order_id, payment.refund_amount or 0)
    statement = provider.fetch_refund(order.refund_id)
    match statement.standing:
        case Standing.NOT_FOUND:
            return _sent(payment, provider, order)
        case Standing.COMPLETED:
            return _gone(payment, statement)
        case Standing.FAILED | Standing.CANCELLED:
            return failed(payment, note=f"{statement.code or ''} {statement.detail}".strip())
        case Standing.PENDING | Standing.UNAVAILABLE:
            return payment


def _sent(payment: Payment, provider: RefundingProvider, order: Refund) -> Payment:
    """Asks for the refund, again with the same id where nobody knows what became of the first request.

    A refusal is the end of it only if no earlier request can be on its way.
    """
    first = payment.checks == 1
    if not first and not provider.capabilities.repeatable:
        count("RefundStuck")
        return payment
    answer = provider.refund(order)
    waited = (payment.refund_started_at or "") <= clock.after(-NEVER_CAME_AFTER_S)
    if answer.initiation is Initiation.REJECTED and (first or waited):
        return failed(payment, note=answer.detail)
    return payment


def _gone(payment: Payment, statement: Statement) -> Payment:
    if statement.amount_tzs != payment.refund_amount or statement.currency != payment.currency:
        logger.error("another amount went back", payment_id=payment.id, amount=statement.amount_tzs)
        count("RefundMismatch")
        return payment
    return completed(payment, note=f"receipt {statement.receipt}" if statement.receipt else "")


def completed(payment: Payment, *, note: str, more: Sequence[Write] = ()) -> Payment:
    """Ends a refund whose money has gone: the credits that were held are taken back.

    Raises what `more` refuses, and PaymentMoved.
    """
    held = _held(payment)
    facts = {} if held else {"suspended": None}
    after, steps = payment_steps.take(payment, Event.REFUND_COMPLETED, note=note, **facts)

    def build(wallet: Wallet) -> list[Write]:
        if held is None:
            return [*more, *steps, *books.give_back(payment, after)]
        back = ledger.reverse(wallet, held, reference=payment.id, postings=books.refund(payment))
        return [*more, *steps, *back]

    _ended(payment, build)
    count("RefundCompleted")
    return after


def failed(payment: Payment, *, note: str, more: Sequence[Write] = ()) -> Payment:
    """Ends a refund whose money has not gone: the credits are the tenant's again, or the staff's to decide upon."""
    event = Event.REFUND_FAILED if payment.refund_credits else Event.RETURN_FAILED
    after, steps = payment_steps.take(payment, event, note=note)
    held = _held(payment)

    def build(wallet: Wallet) -> list[Write]:
        released = ledger.settle(wallet, held, captured=0, reference=payment.id) if held else []
        return [*more, *steps, *released]

    _ended(payment, build)
    count("RefundFailed")
    return after


def _ended(payment: Payment, build: Callable[[Wallet], list[Write]]) -> None:
    ledger.move(wallets.read(payment.tenant), build)
    logger.info("refund ended", payment_id=payment.id, tenant_id=payment.tenant)
