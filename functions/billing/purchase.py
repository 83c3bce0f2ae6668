"""Purchase: start a payment. Written down first, then pushed outside any transaction, then the outcome recorded.

A push is made once per payment, whatever comes back. Where nothing can have reached the provider, the same request may
simply come again: it gets a new attempt, with an order of its own, under the same Idempotency-Key.
"""

from dataclasses import dataclass

from mifumo import audit, clock, ids, tenants, writes
from mifumo.callers import Principal
from mifumo.errors import IdempotencyKeyReused
from mifumo.ids import PaymentId
from mifumo.packages import Package
from mifumo.phone import Msisdn
from mifumo.providers.payments import Initiation
from mifumo.writes import Write

from . import catalogue, payments, schedule, ways
from .catalogue import Wallet
from .gateway import ProviderUnavailable
from .payments import Payment, PaymentExists, PaymentMoved
from .schedule import PaymentSettings
from .states import Event, transition

_ROUTE = "payments/initiate"
# Attempts under one Idempotency-Key that each found nobody at the provider's.
_ATTEMPTS_MAX = 10
# Steps that a worker may take on a payment while its push is being answered.
_RACES_MAX = 5

_EVENTS = {
    Initiation.ACCEPTED: Event.ACCEPTED,
    Initiation.UNKNOWN: Event.UNKNOWN,
    Initiation.REJECTED: Event.REFUSED,
    Initiation.NOT_SENT: Event.REFUSED,
}
_FAILURES = {Initiation.REJECTED: "provider_rejected", Initiation.NOT_SENT: ProviderUnavailable.code}


@dataclass(frozen=True, slots=True)
class Order:
    """What a tenant wants to buy, from which wallet, paid by whom."""

    package: Package
    wallet: Wallet
    phone: Msisdn

    @property
    def fingerprint(self) -> str:
        """Tells two orders apart that come with the same Idempotency-Key."""
        return ids.fingerprint(self.package.id, self.wallet.code, self.phone)


def start(caller: Principal, key: str, order: Order) -> tuple[Payment, bool]:
    """Starts a payment; returns it and whether an earlier request with this key had started it.

    The providers behind the wallet are tried in their order, as long as none of them can have heard of it. Raises
    AmountOutsideLimits, TenantSuspended, ContactUnverified, IdempotencyKeyReused, ProviderUnavailable, and
    ValidationFailed for a number that is not of the wallet.
    """
    catalogue.require_payable(order.package, order.wallet)
    tenant = tenants.require_able(tenants.get(caller.tenant_id))
    attempt, started = _before(caller, key, order)
    if started and not _unheard(started):
        return started, True
    for way in ways.to(order.wallet.code, order.package.price_tzs):
        payment = _payment(caller, key, order, attempt, way.provider.name)
        if attempt == _ATTEMPTS_MAX or not ways.willing(way, payment, buyer=tenant.name):
            continue
        attempt += 1  # numbers without gaps: a later request finds each attempt by the one before
        try:
            writes.transact(*payments.create(payment), _told(caller, payment))
        except PaymentExists as exists:
            started = _same(exists.payment, order)
            if not _unheard(started):
                return started, True
            continue
        initiated = ways.initiate(way, payment, buyer=tenant.name)
        started = _record(payment, initiated.initiation, initiated.detail)
        if not _unheard(started):
            schedule.call(started.id, started.next_check_at)
            return started, False
    raise _unavailable(attempt, started)


def _before(caller: Principal, key: str, order: Order) -> tuple[int, Payment | None]:
    """Finds what earlier requests with this key have come to: the attempt that is next, and the last one's payment."""
    last = None
    for attempt in range(_ATTEMPTS_MAX):
        found = payments.read(_id(caller, key, attempt))
        if found is None:
            return attempt, last
        last = _same(found, order)
        if not _unheard(last):
            return attempt, last
    return _ATTEMPTS_MAX, last


def _same(payment: Payment, order: Order) -> Payment:
    if payment.fingerprint != order.fingerprint:
        raise IdempotencyKeyReused
    return payment


def _unheard(payment: Payment) -> bool:
    """Tells whether the payment's push never came to be, so that another one may."""
    return payment.failure_code == ProviderUnavailable.code


def _unavailable(attempt: int, last: Payment | None) -> ProviderUnavailable:
    if attempt >= _ATTEMPTS_MAX:
        return ProviderUnavailable("Nobody was asked for money. Try again later, with a new Idempotency-Key.")
    again = "Nobody was asked for money; try again."
    if last is None:
        return ProviderUnavailable(again, retry_after_s=5)
    return ProviderUnavailable(again, retry_after_s=5, payment_id=last.id)


def _told(caller: Principal, payment: Payment) -> Write:
    bought = {"package": payment.package, "credits": payment.credits, "amount": payment.amount}
    return audit.entry(caller, "payment.initiated", target=payment.id, after={**bought, "wallet": payment.wallet})


def _id(caller: Principal, key: str, attempt: int) -> PaymentId:
    """Makes the id of an attempt: it follows from tenant, route, key and attempt, so each exists once."""
    return PaymentId(ids.derived_uuid(caller.tenant_id, _ROUTE, key, str(attempt)))


def _payment(caller: Principal, key: str, order: Order, attempt: int, provider: str) -> Payment:
    settings, now = PaymentSettings.load(), clock.now()
    return Payment(
        id=_id(caller, key, attempt),
        tenant=caller.tenant_id,
        user=caller.actor,
        package=order.package.id,
        credits=order.package.credits,
        amount=order.package.price_tzs,
        currency="TZS",
        gateway=provider,
        wallet=order.wallet.code,
        phone=order.phone,
        fingerprint=order.fingerprint,
        created_at=clock.stamp(now),
        expires_at=clock.after(settings.payment_expiry_s, now),
        watched_until=clock.after(settings.payment_watch_s, now),
        next_check_at=clock.after(schedule.CRASHED_AFTER_S, now),
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
