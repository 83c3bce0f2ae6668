"""Completion: a payment is paid for, and its tenant credited. The only code that credits for money.

One transaction, which can be made once: whoever comes second finds the payment completed.
"""

from collections.abc import Sequence

from mifumo import clock, credited, ledger, wallets
from mifumo.observability import count, logger
from mifumo.packages import best
from mifumo.wallets import Wallet
from mifumo.writes import Write

from . import books, payment_steps, receipts
from .payment import Payment
from .states import ENDED, Event


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
    completed, steps = payment_steps.take(
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
