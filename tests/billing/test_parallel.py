"""Parallel: fifty workers on one payment, and one request many times at once."""

from concurrent.futures import ThreadPoolExecutor

from functions.billing import orders, purchase, settlement
from functions.billing.catalogue import WALLETS
from functions.billing.findings import Finding
from functions.billing.payment import Payment
from mifumo.callers import Principal
from mifumo.ids import UserId
from mifumo.packages import PACKAGES
from mifumo.permissions import Role
from mifumo.phone import Msisdn, Operator
from tests.billing.conftest import TENANT, Till

OWNER = Principal(TENANT, UserId("u1"), Role.OWNER)
ORDER = orders.of_package(PACKAGES["lite"], WALLETS[Operator.VODACOM], Msisdn("+255754123229"))


def test_fifty_identical_callbacks_and_their_workers_credit_once(till: Till) -> None:
    till.simulator.simulator.pay_delay_s = 0
    payment = till.bought("229")
    till.paid(payment)
    for _ in range(50):
        assert till.call_back(payment) == (200, {"status": "received"})
    messages = [body for body in till.queued() if "event" in body]
    assert len(messages) == 50
    assert len(till.items(f"PEV#zenopay#{payment.order_id}")) == 1
    till.wire.take_turns()

    def look(message: dict[str, str]) -> Finding:
        return settlement.check(payment.id, received_at=message["received_at"])

    with ThreadPoolExecutor(16) as pool:
        findings = list(pool.map(look, messages))
    assert findings.count(Finding.CREDITED) == 1
    assert set(findings) <= {Finding.CREDITED, Finding.SETTLED, Finding.STALE, Finding.LATER}
    till.credited(payment)


def test_many_payments_of_one_tenant_settle_at_once_and_all_add_up(till: Till) -> None:
    payments = [till.bought("229", key=str(number)) for number in range(12)]
    for payment in payments:
        till.paid(payment)
    till.wire.take_turns()
    with ThreadPoolExecutor(12) as pool:
        findings = list(pool.map(lambda payment: settlement.check(payment.id), payments))
    assert findings == [Finding.CREDITED] * 12
    for payment in payments:
        till.credited(payment)


def test_one_request_many_times_at_once_pushes_once(till: Till) -> None:
    till.wire.take_turns()

    def start(_: int) -> tuple[Payment, bool]:
        return purchase.start(OWNER, "the-key", ORDER)

    with ThreadPoolExecutor(8) as pool:
        started = list(pool.map(start, range(8)))
    assert len({payment.id for payment, _ in started}) == 1
    assert [replayed for _, replayed in started].count(False) == 1
    assert len(till.simulator.log()["orders"]) == 1
