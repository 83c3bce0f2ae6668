"""Reconcile: compares a day's money with each provider's own account of it, and tells people where they differ.

What is listed is never believed: an order that was paid there and not here is given to the worker, which asks the
provider and takes the one way to a credit. The list says whom to ask about; the answer about the order itself decides.
A run goes on where the last one stopped, page by page, for as long as its time lasts.
"""

from collections.abc import Callable, Iterator
from typing import Final, cast

from mifumo import clock, ids, queue, tables
from mifumo.aws import Item
from mifumo.ids import PaymentId
from mifumo.observability import count, logger
from mifumo.providers.payments import (
    Listed,
    ListingProvider,
    PaymentProvider,
    Period,
    ProviderUnavailableError,
    Standing,
    Statement,
)
from mifumo.settings import Settings
from mifumo.wallets import LedgerSettings

from . import accounts, days, payment_items, payments, reconciliation_rows, reconciliations, verdicts
from .accounts import AccountMissing
from .payment import Payment
from .reconciliations import Reconciliation, ReconciliationMoved, Stage
from .verdicts import Bucket, Verdict

# A day is compared once its last payments have ended, and pawaPay's statements, an hour behind, tell of them.
_SETTLED_AFTER_S: Final = 2 * 3600
# What was not compared in time is still compared on the days that follow.
_DAYS_BACK: Final = 3
# A comparison that began so long ago is stuck, and people have to ask the provider why.
_LATE_AFTER_S: Final = 20 * 3600
# Between two saves: what a run that dies asks again. Each may be a question to the provider.
_PAYMENTS_TOGETHER: Final = 25
_PAWAPAY_TOLD_AT: Final = "/api/webhooks/payments/pawapay/statements/"


class ReconcileSettings(Settings):
    """Where the worker is told whom to ask about, and the origin that providers call back."""

    payments_queue_url: str
    public_url: str


def go_on(*, time_left: Callable[[], bool]) -> list[Reconciliation]:
    """Goes on with every comparison that is due, the oldest day first; returns how each of them stands."""
    return [
        found
        for day in due()
        for provider in accounts.PROVIDERS
        if (found := _compared(provider, day, time_left)) is not None
    ]


def due() -> list[str]:
    """Returns the days that can be compared now, oldest first."""
    last = days.before(days.of(clock.after(-_SETTLED_AFTER_S)))
    return [days.before(last, back) for back in reversed(range(_DAYS_BACK))]


def _compared(provider: str, day: str, time_left: Callable[[], bool]) -> Reconciliation | None:
    """Goes on with one comparison; one that its provider holds up is left to the next run."""
    now = reconciliations.read(provider, day)
    if now is not None and now.stage is Stage.OVER:
        return now
    try:
        client = accounts.client(provider)
    except AccountMissing:
        return now
    try:
        now = now or reconciliations.begin(provider, day, lists=client.capabilities.lists)
        _tell_if_late(now)
        for step in _steps(now, client):
            now = step
            if not time_left():
                break
    except ProviderUnavailableError as error:
        logger.warning("provider does not tell its payments", provider=provider, day=day, detail=str(error))
        count("ReconciliationHeldUp")
    except ReconciliationMoved:
        return reconciliations.read(provider, day)
    return now


def _tell_if_late(now: Reconciliation) -> None:
    if now.started_at < clock.after(-_LATE_AFTER_S):
        logger.error("reconciliation does not end", provider=now.provider, day=now.day, since=now.started_at)
        count("ReconciliationLate")


def _steps(now: Reconciliation, client: PaymentProvider) -> Iterator[Reconciliation]:
    """Takes one step after another until the comparison is over, or waits for its provider."""
    while now.stage is not Stage.OVER:
        after = _read_theirs(now, cast("ListingProvider", client)) if now.stage is Stage.THEIRS else _ask(now, client)
        if after is None:
            return
        now = after
        yield now


def _read_theirs(now: Reconciliation, client: ListingProvider) -> Reconciliation | None:
    """Judges a page of the provider's list; None while there is none yet."""
    start, end = days.bounds(now.day)
    told_at = f"{ReconcileSettings.load().public_url}{_PAWAPAY_TOLD_AT}"
    page = client.list_payments(Period(start, end, told_at), cast("str | None", now.place))
    ours = _payments_of(page.lines)
    for line in page.lines:
        payment = ours.get(line.order_id)
        if payment is not None and payment.gateway != now.provider:
            payment = None
        _judge_line(now, client, line, payment)
    if page.ready:
        return reconciliations.go_on(now, Stage.THEIRS if page.next else Stage.OURS, page.next)
    if page.next != now.place:
        reconciliations.go_on(now, Stage.THEIRS, page.next)
    return None


def _judge_line(now: Reconciliation, client: PaymentProvider, line: Listed, payment: Payment | None) -> None:
    if payment is None:
        _judge(now, line.order_id, verdicts.NOT_OURS, None, line.statement, line.at)
        return
    statement = line.statement
    if statement.amount_tzs is None:  # a list may write amounts in a way of its own; the order's own status does not
        statement = _told(client, payment)
    verdict = verdicts.of(payment, statement)
    if verdict is None:
        verdict = Verdict(Bucket.MISMATCH, f"listed as paid, and by its own status {statement.standing}")
    _judge(now, payment.order_id, verdict, payment, statement, line.at)


def _ask(now: Reconciliation, client: PaymentProvider) -> Reconciliation:
    """Asks the provider about each of some payments of ours that its list, if it has one, did not tell."""
    found = payments.of_day(now.provider, now.day, limit=_PAYMENTS_TOGETHER, start=cast("Item | None", now.place))
    ours = {payment.order_id: payment for payment in found.payments}
    known = reconciliation_rows.judged(now, list(ours)) if ours else set()
    for order, payment in ours.items():
        # Of what neither our books nor the list hold, a list that is whole has said all there is to say.
        if order in known or (now.lists and not verdicts.paid(payment)):
            continue
        statement = _told(client, payment)
        if verdict := verdicts.of(payment, statement):
            _judge(now, order, verdict, payment, statement, payment.completed_at or payment.created_at)
    if found.last:
        return reconciliations.go_on(now, Stage.OURS, found.last)
    over = reconciliation_rows.counted(now)
    _tell(over)
    reconciliations.end(over)
    return over


def _told(client: PaymentProvider, payment: Payment) -> Statement:
    """Asks the provider about an order; raises ProviderUnavailableError when it does not say."""
    statement = client.fetch_status(payment.order_id)
    if statement.standing is Standing.UNAVAILABLE:
        raise ProviderUnavailableError(statement.detail)
    return statement


def _judge(
    now: Reconciliation, order: str, verdict: Verdict, payment: Payment | None, statement: Statement, at: str
) -> None:
    """Keeps a verdict, and has the worker ask about money that our books do not know of."""
    first = reconciliation_rows.judge(now, order, verdict, payment=payment, statement=statement, at=at)
    if first and verdict.bucket is not Bucket.MATCHED:
        logger.error("provider and books differ", provider=now.provider, day=now.day, order=order, why=verdict.why)
    if verdict is verdicts.NOT_PAID_HERE and payment is not None:
        look = {"payment_id": payment.id, "received_at": clock.stamp()}  # a look before it does not count for it
        queue.send(ReconcileSettings.load().payments_queue_url, [look])


def _payments_of(lines: object) -> dict[str, Payment]:
    """Reads the payments that some lines of a list speak of, by the order that each names."""
    table, wanted = LedgerSettings.load().ledger_table, {}
    for line in cast("list[Listed]", lines):
        try:
            wanted[line.order_id] = (table, payment_items.key_of(PaymentId(ids.of_uuid(line.order_id))))
        except ValueError:
            continue  # an order that was made by other means than ours
    found = tables.read(*wanted.values()) if wanted else {}
    return {order: payments.of(found[place]) for order, place in wanted.items() if place in found}


def _tell(over: Reconciliation) -> None:
    """Tells what was found before it is saved: twice rather than never."""
    logger.info("reconciled", provider=over.provider, day=over.day, counts=dict(over.counts))
    count("Reconciled")
    if over.differences:
        count("ReconciliationDifference", over.differences)
