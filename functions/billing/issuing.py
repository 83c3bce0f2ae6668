"""Issuing: gives each credited payment its invoice, and each refunded one a credit note besides.

Payments wait on a list of their own from the transaction that credits or refunds them to the one that documents them:
a worker that dies in between finds them again, and no number is lost with it.
"""

from typing import Final

from mifumo import backoff, clock, tables, tenants, writes
from mifumo.errors import Busy
from mifumo.ids import PaymentId
from mifumo.observability import count, logger
from mifumo.settings import Settings
from mifumo.wallets import LedgerSettings

from . import books, documents, payment_items, payment_marks, payments
from .documents import Document, IssuedBefore, Kind, NumberTaken
from .payment import Payment
from .payment_changes import PaymentMoved

# Writers of one row of numbers meet on one item; each round lets one through.
_TRIES: Final = 40
_PAUSE_MAX_S: Final = 0.2
# Of the payments that wait, a minute; what is left over is the oldest in the next one.
_PAYMENTS_MAX: Final = 200


class SellerSettings(Settings):
    """Who sells, as documents name it."""

    seller_name: str
    seller_tin: str
    seller_vrn: str


def due() -> list[PaymentId]:
    """Lists payments that wait for a document, the oldest first."""
    table = LedgerSettings.load().ledger_table
    waiting = tables.query(table, payment_items.DOCUMENTS_DUE, index="due", limit=_PAYMENTS_MAX)
    return [PaymentId(item["pk"].removeprefix("PAY#")) for item in waiting.items]


def issue(payment_id: PaymentId) -> None:
    """Issues what a payment lacks; safe any number of times and beside others. Raises Busy, with no number used."""
    for _ in backoff.attempts(_TRIES, pause_max_s=_PAUSE_MAX_S):
        payment = payments.read(payment_id)
        if payment is None or payment.next_check_at:
            return
        try:
            if not payment.undocumented:
                writes.commit(payment_marks.waits_no_more(payment))
                return
            _issued(payment, Kind.INVOICE if payment.invoice is None else Kind.CREDIT_NOTE)
        except (NumberTaken, IssuedBefore):
            continue  # the payment as it stands now says what is left to do
        except PaymentMoved as moved:
            if not moved.payment.undocumented:
                return
    raise Busy


def _issued(payment: Payment, kind: Kind) -> None:
    number, taken = documents.number(kind)
    document = _document(payment, kind, number)
    name = "invoice" if kind is Kind.INVOICE else "credit_note"
    _, noted = payment_marks.documented(payment, **{name: number})
    writes.transact(noted, documents.put(document), taken)
    logger.info("document issued", payment_id=payment.id, tenant_id=payment.tenant, number=number)
    count("DocumentIssued")


def _document(payment: Payment, kind: Kind, number: str) -> Document:
    back = kind is Kind.CREDIT_NOTE
    sold = books.split(payment, (payment.refund_amount if back else None) or payment.received)
    tenant = tenants.get(payment.tenant)
    settings = SellerSettings.load()
    return Document(
        id=documents.id_of(kind, payment.id),
        number=number,
        kind=kind,
        tenant=payment.tenant,
        payment=payment.id,
        issued_at=clock.stamp(),
        supplied_at=(None if back else payment.completed_at) or clock.stamp(),
        seller={"name": settings.seller_name, "tin": settings.seller_tin, "vrn": settings.seller_vrn},
        buyer=tenant.name if tenant else payment.tenant,
        description=f"{payment.credits:,} SMS credits",
        credits=payment.credits,
        net=sold.net,
        vat=sold.vat,
        vat_rate=sold.basis_points,
        total=sold.total,
        currency=payment.currency,
        takes_back=payment.invoice if back else None,
    )
