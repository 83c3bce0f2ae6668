"""Transfer: a payment by bank, for what no wallet moves in one push.

It is a payment that nobody pushes: the tenant gets a reference and the account to pay into, and the staff find the
money in the bank's statement.

| pk | sk | what |
|---|---|---|
| `BANKREF#<reference>` | `META` | which payment a reference is of: no two have the same |
"""

from collections.abc import Iterator
from typing import Final

from mifumo import audit, clock, ids, quotes, tables, tenants, writes
from mifumo.aws import Item
from mifumo.callers import Principal
from mifumo.errors import Conflict, IdempotencyKeyReused, NotFound
from mifumo.ids import PaymentId, TenantId
from mifumo.settings import Settings
from mifumo.tables import Key, Page
from mifumo.wallets import LedgerSettings
from mifumo.writes import Write

from . import bank, offers, outcomes, payment_steps, payments, references
from .desks import BANK
from .offers import Offer
from .payment import Payment
from .payment_steps import PaymentExists
from .states import WAITING, Event, Status

_ROUTE: Final = "transfers"
# References of eight characters that are taken already: two in a row would be news.
_ATTEMPTS_MAX: Final = 3
# What waits at once: each is a line that somebody looks for in the bank's statement.
OPEN_MAX: Final = 20


class TransferSettings(Settings):
    """For how long a transfer is awaited."""

    transfer_expiry_s: int


class TooManyTransfers(Conflict):
    """So many transfers of the tenant are awaited that no more are taken."""

    code = "too_many_transfers"
    title = "Too many bank transfers are awaited"


class ReferenceTaken(Exception):
    """Another payment has the same reference."""


def ask(caller: Principal, key: str, quote_id: str) -> tuple[Payment, bool]:
    """Begins a transfer of what was quoted; returns it and whether an earlier request with this key had begun it.

    Raises NotFound, QuoteExpired, QuoteUsed, OutcomeOpen, NotRepeatable, TooManyTransfers, TenantSuspended,
    ContactUnverified, IdempotencyKeyReused and TransfersUnavailable.
    """
    bank.account()
    tenants.require_able(tenants.get(caller.tenant_id))
    offer = offers.quoted(caller.tenant_id, quote_id)
    holder = offer.quote.payment_id if offer.quote else None
    made = [PaymentId(ids.derived(caller.tenant_id, _ROUTE, key, str(attempt))) for attempt in range(_ATTEMPTS_MAX)]
    if holder not in made:
        if holder:
            outcomes.require_none(holder)
        _require_few(caller.tenant_id)
    for payment_id in made:
        payment = _transfer(caller, payment_id, offer)
        try:
            writes.transact(*payment_steps.create(payment), *_claims(payment, offer, holder), _told(caller, payment))
        except PaymentExists as exists:
            if exists.payment.fingerprint != payment.fingerprint:
                raise IdempotencyKeyReused from exists
            return exists.payment, True
        except ReferenceTaken:
            continue
        return payment, False
    raise Conflict("Try again with a new Idempotency-Key.")


def find(tenant: TenantId, payment_id: str) -> Payment:
    """Reads a tenant's transfer; raises NotFound for one that is not there or is another tenant's."""
    payment = payments.find(tenant, payment_id)
    if payment.gateway != BANK:
        raise NotFound("There is no such transfer.")
    return payment


def by_reference(text: str) -> Payment | None:
    """Finds the transfer of any tenant that a reference is of; for the staff. None for a mistyped or unknown one."""
    reference = references.read(text)
    item = tables.get(_table(), _key(reference)) if reference else None
    return payments.read(PaymentId(item["payment_id"])) if item else None


def page(tenant: TenantId, *, limit: int, start: Item | None) -> Page:
    """Reads a page of the tenant's transfers, newest first; it may be shorter than `limit`."""
    found = payments.page(tenant, limit=limit, start=start)
    return Page([item for item in found.items if item["gateway"] == BANK], found.last)


def _require_few(tenant: TenantId) -> None:
    """Raises TooManyTransfers for a tenant that has many awaited among its latest payments."""
    waiting = {str(status) for status in WAITING}
    latest = page(tenant, limit=5 * OPEN_MAX, start=None).items
    if sum(item["status"] in waiting for item in latest) >= OPEN_MAX:
        raise TooManyTransfers(f"{OPEN_MAX} are: cancel those that you will not pay.")


def _transfer(caller: Principal, payment_id: PaymentId, offer: Offer) -> Payment:
    now = clock.now()
    expires_at = clock.after(TransferSettings.load().transfer_expiry_s, now)
    return Payment(
        id=payment_id,
        tenant=caller.tenant_id,
        user=caller.actor,
        package=offer.package,
        credits=offer.credits,
        amount=offer.amount,
        currency="TZS",
        gateway=BANK,
        wallet=BANK,
        phone="",
        fingerprint=ids.fingerprint(offer.asked),
        created_at=clock.stamp(now),
        expires_at=expires_at,
        watched_until=expires_at,
        status=Status.PENDING,
        initiated=str(Event.ACCEPTED),
        quote=offer.quote.id if offer.quote else None,
        net=offer.net,
        vat=offer.vat,
        vat_rate=offer.vat_rate,
        reference=references.of(payment_id),
    )


def _claims(payment: Payment, offer: Offer, holder: PaymentId | None) -> Iterator[Write]:
    """Gives the payment its reference and the quote, and nobody else."""
    item = {**_key(str(payment.reference))._asdict(), "payment_id": payment.id, "created_at": payment.created_at}
    yield writes.put(_table(), item, refused=lambda _: ReferenceTaken(payment.reference))
    if offer.quote:
        yield quotes.take(offer.quote, payment.id, instead_of=holder)


def _told(caller: Principal, payment: Payment) -> Write:
    bought = {"package": payment.package, "credits": payment.credits, "amount": payment.amount}
    return audit.entry(caller, "payment.initiated", target=payment.id, after={**bought, "wallet": BANK})


def _table() -> str:
    return LedgerSettings.load().ledger_table


def _key(reference: str) -> Key:
    return Key(f"BANKREF#{reference}", "META")
