"""Purchase: start a payment. Written down first, then pushed outside any transaction, then the outcome recorded.

A push is made once per payment, whatever comes back. Where nothing can have reached the provider, the same request may
simply come again: it gets a new attempt, with an order of its own, under the same Idempotency-Key.
"""

from collections.abc import Iterator

from mifumo import audit, clock, freezes, tables, tenants, wallets, writes
from mifumo.callers import Principal
from mifumo.errors import IdempotencyKeyReused
from mifumo.providers.payments import Initiation
from mifumo.tenants import Tenant
from mifumo.writes import Write

from . import catalogue, gateway, orders, payments, schedule
from .gateway import ProviderUnavailable
from .orders import Order
from .payments import Payment, PaymentExists, PaymentMoved
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

    Raises AmountOutsideLimits, TenantSuspended, ContactUnverified, WalletFrozen, IdempotencyKeyReused,
    ProviderUnavailable, and what the order's claims refuse.
    """
    catalogue.require_payable(order.offer.amount, order.wallet)
    provider = gateway.provider()
    tenant = _buyer(caller)
    for payment in _attempts(caller, key, order, provider.name):
        try:
            writes.transact(*payments.create(payment), *order.claims(payment), _told(caller, payment))
        except PaymentExists as exists:
            if exists.payment.fingerprint != order.fingerprint:
                raise IdempotencyKeyReused from exists
            if exists.payment.failure_code == ProviderUnavailable.code:
                continue
            return exists.payment, True
        initiated = provider.initiate(gateway.push(payment, buyer=tenant.name))
        started = _record(payment, initiated.initiation, initiated.detail)
        if started.failure_code == ProviderUnavailable.code:
            raise ProviderUnavailable("Nobody was asked for money; try again.", retry_after_s=5, payment_id=started.id)
        schedule.call(started.id, started.next_check_at)
        return started, False
    raise ProviderUnavailable("Nobody was asked for money. Try again later, with a new Idempotency-Key.")


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


def _attempts(caller: Principal, key: str, order: Order, provider: str) -> Iterator[Payment]:
    """Makes the payment of each attempt."""
    settings, now = PaymentSettings.load(), clock.now()
    for payment_id in orders.attempts(caller, key, order.route):
        yield Payment(
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
            next_check_at = schedule.next_check(
                payment.checks, expires_at=payment.expires_at, watched_until=payment.watched_until, waiting=True
            )
        facts = {"failure_code": failure} if failure else {"initiated": str(initiation)}
        after, steps = payments.step(payment, event, next_check_at=next_check_at, note=detail, **facts)
        try:
            writes.transact(*steps)
        except PaymentMoved as moved:
            payment = moved.payment
        else:
            return after
    return payment
