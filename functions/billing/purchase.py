"""Purchase: start a payment. Written down first, then pushed outside any transaction, then the outcome recorded.

A push is made once per payment, whatever comes back. Where nothing can have reached the provider, the same request may
simply come again: it gets a new attempt, with an order of its own, under the same Idempotency-Key.
"""

from collections.abc import Sequence

from mifumo import audit, clock, freezes, tables, tenants, wallets, writes
from mifumo.callers import Principal
from mifumo.errors import IdempotencyKeyReused
from mifumo.ids import PaymentId
from mifumo.providers.payments import Initiation
from mifumo.tenants import Tenant
from mifumo.writes import Write

from . import catalogue, orders, payment_steps, payments, schedule, ways
from .gateway import ProviderUnavailable
from .orders import Order
from .payment import Payment
from .payment_changes import PaymentMoved
from .payment_steps import PaymentExists
from .schedule import PaymentSettings
from .states import Event, transition

# Steps that a worker may take on a payment while its push is being answered.
_RACES_MAX = 5

_EVENTS = {
    Initiation.ACCEPTED: Event.ACCEPTED,
    Initiation.UNKNOWN: Event.UNKNOWN,
    Initiation.REJECTED: Event.REFUSED,
    Initiation.NOT_SENT: Event.REFUSED,
}
_FAILURES = {Initiation.REJECTED: "provider_rejected", Initiation.NOT_SENT: ProviderUnavailable.code}


def start(caller: Principal, key: str, order: Order) -> tuple[Payment, bool]:
    """Starts a payment; returns it and whether an earlier request with this key had started it.

    The providers behind the wallet are tried in their order, as long as none of them can have heard of it. Raises
    AmountOutsideLimits, TenantSuspended, ContactUnverified, WalletFrozen, IdempotencyKeyReused, ProviderUnavailable,
    ValidationFailed for a number that is not of the wallet, and what the order's claims refuse.
    """
    catalogue.require_payable(order.offer.amount, order.wallet)
    tenant = _buyer(caller)
    attempts, freed = orders.attempts(caller, key, order.route), order.freed
    made, started = _before(attempts, order)
    if started and not _unheard(started):
        return started, True
    for way in ways.to(order.wallet.code, order.offer.amount):
        if made == len(attempts):
            break
        # An attempt is one that was written down: a provider that declines beforehand uses none up.
        payment = _payment(caller, attempts[made], order, way.provider.name)
        if not ways.willing(way, payment, buyer=tenant.name):
            continue
        made += 1
        try:
            writes.transact(*payment_steps.create(payment), *order.claims(payment, freed), _told(caller, payment))
        except PaymentExists as exists:
            started = _same(exists.payment, order)
            if not _unheard(started):
                return started, True
        else:
            initiated = ways.initiate(way, payment, buyer=tenant.name)
            started = _record(payment, initiated.initiation, initiated.detail)
            if not _unheard(started):
                schedule.call(started.id, started.next_check_at)
                return started, False
        freed = started.id
    raise _unavailable(started, last=made == len(attempts))


def _before(attempts: Sequence[PaymentId], order: Order) -> tuple[int, Payment | None]:
    """Finds what earlier requests with this key have come to: how many attempts were made, and the last one."""
    last = None
    for made, attempt in enumerate(attempts):
        found = payments.read(attempt)
        if found is None:
            return made, last
        last = _same(found, order)
        if not _unheard(last):
            return made, last
    return len(attempts), last


def _same(payment: Payment, order: Order) -> Payment:
    if payment.fingerprint != order.fingerprint:
        raise IdempotencyKeyReused
    return payment


def _unheard(payment: Payment) -> bool:
    """Tells whether the payment's push never came to be, so that another one may."""
    return payment.failure_code == ProviderUnavailable.code


def _unavailable(attempt: Payment | None, *, last: bool) -> ProviderUnavailable:
    if last:
        return ProviderUnavailable("Nobody was asked for money. Try again later, with a new Idempotency-Key.")
    again = "Nobody was asked for money; try again."
    if attempt is None:
        return ProviderUnavailable(again, retry_after_s=5)
    return ProviderUnavailable(again, retry_after_s=5, payment_id=attempt.id)


def _buyer(caller: Principal) -> Tenant:
    """Reads the tenant and its wallet in one call; raises TenantSuspended, ContactUnverified and WalletFrozen."""
    there, here = tenants.place(caller.tenant_id), wallets.place(caller.tenant_id)
    found = tables.read(there, here, consistent=False)
    tenant = tenants.require_able(tenants.of(found[there]) if there in found else None)
    freezes.require_open(wallets.of(caller.tenant_id, found.get(here)))
    return tenant


def _told(caller: Principal, payment: Payment) -> Write:
    bought = {"package": payment.package, "credits": payment.credits, "amount": payment.amount}
    return audit.entry(caller, "payment.initiated", target=payment.id, after={**bought, "wallet": payment.wallet})


def _payment(caller: Principal, payment_id: PaymentId, order: Order, provider: str) -> Payment:
    settings, now = PaymentSettings.load(), clock.now()
    return Payment(
        id=payment_id,
        tenant=caller.tenant_id,
        user=caller.actor,
        package=order.offer.package,
        credits=order.offer.credits,
        amount=order.offer.amount,
        currency="TZS",
        gateway=provider,
        wallet=order.wallet.code,
        phone=order.phone,
        fingerprint=order.fingerprint,
        created_at=clock.stamp(now),
        expires_at=clock.after(settings.payment_expiry_s, now),
        watched_until=clock.after(settings.payment_watch_s, now),
        next_check_at=clock.after(schedule.CRASHED_AFTER_S, now),
        quote=order.offer.quote.id if order.offer.quote else None,
        net=order.offer.net,
        vat=order.offer.vat,
        vat_rate=order.offer.vat_rate,
        retry_of=order.retry_of.id if order.retry_of else None,
    )


def _record(payment: Payment, initiation: Initiation, detail: str) -> Payment:
    """Records the outcome of a push; what a worker has found out meanwhile stays.

    A payment that was never pushed, or refused, is over at once: no money can move, so nobody watches it.
    """
    event, failure = _EVENTS[initiation], _FAILURES.get(initiation)
    for _ in range(_RACES_MAX):
        if transition(payment.status, event) is None or payment.initiated:
            return payment
        next_check_at = None
        if failure is None:
            next_check_at = schedule.next_check(payment.checks, expires_at=payment.expires_at, waiting=True)
        facts = {"failure_code": failure} if failure else {"initiated": str(initiation)}
        after, steps = payment_steps.take(payment, event, next_check_at=next_check_at, note=detail, **facts)
        try:
            writes.transact(*steps)
        except PaymentMoved as moved:
            payment = moved.payment
        else:
            return after
    return payment
