"""The staff's side of the till: two administrators and one of support, and payments in the states that need them."""

import itertools
from dataclasses import dataclass, replace
from typing import Any

from functions.billing import books, completion, payment_steps
from functions.billing.payment import Payment
from functions.billing.states import Event, Status
from mifumo import clock, ids, ledger, tables, wallets, writes
from mifumo.callers import Principal
from mifumo.ids import PaymentId, TenantId, UserId
from mifumo.permissions import Role
from tests.billing.conftest import TENANT, Till
from tests.builders import token

ADMIN = "/api/admin/billing"
WHY = {"reason": "The operator confirms it.", "evidence": "Ticket 4711, line 3"}
PLATFORM = TenantId("platform")
AMINA = Principal(PLATFORM, UserId("amina"), Role.STAFF)
BARAKA = Principal(PLATFORM, UserId("baraka"), Role.STAFF)
NEEMA = Principal(PLATFORM, UserId("neema"), Role.SUPPORT)
_number = itertools.count()


@dataclass
class Office:
    """Calls the staff's doors as one of them."""

    till: Till

    def __post_init__(self) -> None:
        """Signs the tokens at once: our clock may be put forward, and the one that checks tokens is not."""
        self._tokens = {who.person: token_of(who) for who in (AMINA, BARAKA, NEEMA)}

    def _token(self, who: Principal) -> str:
        return self._tokens[who.person] if who.tenant_id == PLATFORM and who.person in self._tokens else token_of(who)

    def post(self, who: Principal, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        return self.till.call("POST", f"{ADMIN}{path}", body, token=self._token(who), **options)

    def get(self, who: Principal, path: str, **options: Any) -> tuple[int, Any]:
        return self.till.call("GET", f"{ADMIN}{path}", token=self._token(who), **options)

    def approve(self, who: Principal, proposal: str) -> tuple[int, Any]:
        return self.post(who, f"/proposals/{proposal}/approve/", {"reason": "I have looked at it too."})

    def decide(self, payment: Payment, decision: str = "credit", who: Principal = AMINA, **more: Any) -> str:
        """Proposes what to do with a payment under review; returns the proposal's id."""
        status, body = self.post(who, f"/reviews/{payment.id}/decide/", {"decision": decision, **WHY, **more})
        assert status == 201, body
        return str(body["id"])

    def refund(self, payment: Payment, who: Principal = AMINA) -> str:
        """Proposes to refund a payment; returns the proposal's id."""
        status, body = self.post(who, f"/payments/{payment.id}/refund/", WHY)
        assert status == 201, body
        return str(body["id"])


def token_of(who: Principal) -> str:
    assert who.role
    return token(tenant=who.tenant_id, user=who.person, role=who.role.value)


def written(**changes: Any) -> Payment:
    """Writes a pending payment down, as if a push had been accepted."""
    number = next(_number)
    payment = replace(
        Payment(
            id=PaymentId(ids.derived_uuid("office", str(number))),
            tenant=TENANT,
            user="u1",
            package="lite",
            credits=5000,
            amount=150_000,
            currency="TZS",
            gateway="zenopay",
            wallet="vodacom",
            phone="+255754123456",
            fingerprint="f",
            created_at=clock.stamp(),
            expires_at=clock.after(25),
            watched_until=clock.after(300),
            status=Status.PENDING,
        ),
        **changes,
    )
    writes.transact(*payment_steps.create(payment))
    return payment


def reviewed(*, receipt: str | None = None, paid: int = 140_000, **changes: Any) -> Payment:
    """Writes down a payment whose money was not as agreed."""
    payment = written(**changes)
    named = receipt or f"R{payment.id[:8]}".upper()
    after, steps = payment_steps.take(
        payment,
        Event.MISMATCHED,
        receipt=named,
        paid_amount=paid,
        paid_currency="TZS",
        suspended=paid,
        note="another amount",
    )
    writes.transact(*steps, *books.suspend(payment, after))
    return after


def completed(**changes: Any) -> Payment:
    """Writes down a payment that was paid and credited."""
    payment = written(**changes)
    return completion.credit(payment, Event.PAID, receipt=f"R{payment.id[:8]}".upper())


def transfer(amount: int = 150_000, **changes: Any) -> Payment:
    """Writes down a bank transfer that somebody has promised."""
    return written(gateway="bank", amount=amount, expires_at=clock.after(1000), **changes)


def spent(credits_spent: int, tenant: TenantId = TENANT) -> None:
    """Leaves the tenant with fewer credits, as texts do."""
    batch = f"b{next(_number)}"
    ledger.move(wallets.read(tenant), lambda wallet: ledger.hold(wallet, credits_spent, batch=batch))
    held = ledger.read_hold(tenant, batch)
    assert held
    ledger.move(wallets.read(tenant), lambda wallet: ledger.settle(wallet, held, captured=credits_spent))


def actions() -> list[str]:
    """Reads the actions in the tenant's log, oldest first; the platform's log has what staff did among them."""
    entries = tables.query_all("audit", f"T#{TENANT}", consistent=True)
    return [entry["action"] for entry in entries]


def balanced(tenant: TenantId = TENANT) -> None:
    """Asserts that the wallet is what its entries make it, and that each journal record sums to nothing."""
    wallet = wallets.read(tenant)
    entries = list(tables.query_all("ledger", f"W#{tenant}", begins_with="E#", consistent=True))
    assert [entry["seq"] for entry in entries] == list(range(1, wallet.version + 1))
    assert wallet.available == sum(entry["available_delta"] for entry in entries) >= 0
    assert wallet.held == sum(entry["held_delta"] for entry in entries) >= 0
    holds = tables.query_all("ledger", f"W#{tenant}", begins_with="HOLD#", consistent=True)
    assert wallet.held == sum(hold["amount"] for hold in holds if hold["status"] == "open")


def sums(name: str) -> dict[str, int]:
    """Adds up a journal record, by asset."""
    record = tables.get("ledger", tables.Key(f"TXN#{name}", "TXN"))
    assert record
    total: dict[str, int] = {}
    for posting in record["postings"]:
        total[posting["asset"]] = total.get(posting["asset"], 0) + posting["amount"]
    return total
