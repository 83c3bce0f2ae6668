"""Invariants: each kind of damage is found and freezes the wallet; sound books are left alone."""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.billing import checkup, invariants, nightly
from functions.billing.payment import Payment
from mifumo import aws, clock, freezes, ledger, tables, wallets, writes
from mifumo.freezes import WalletFrozen
from mifumo.ids import TenantId
from mifumo.tables import Key
from tests.billing.conftest import TENANT, Till
from tests.billing.office import AMINA, NEEMA, WHY, Office, actions, completed, reviewed, spent, transfer, written
from tests.builders import CONTEXT
from tests.wire import Crash

LIFT = {"reason": "Looked into: it was restored."}


@pytest.fixture
def office(till: Till) -> Office:
    return Office(till)


def damage(key: Key, **changes: Any) -> None:
    """Writes over what stands there, as nobody may."""
    item = tables.get("ledger", key)
    assert item
    after = {name: value for name, value in {**item, **changes}.items() if value is not None}
    aws.dynamodb().put_item(TableName="ledger", Item=aws.marshal(after))


def vanish(key: Key) -> None:
    aws.dynamodb().delete_item(TableName="ledger", Key=aws.marshal(key._asdict()))


def record(payment: Payment) -> Key:
    return Key(f"TXN#pay:{payment.id}:credit", "TXN")


def entry(seq: int) -> Key:
    return Key(f"W#{TENANT}", f"E#{seq:012d}")


def meta(payment: Payment) -> Key:
    return Key(f"PAY#{payment.id}", "META")


def hold(batch: str = "b") -> None:
    ledger.move(wallets.read(TENANT), lambda wallet: ledger.hold(wallet, 100, batch=batch))


def postings(amount: int) -> list[dict[str, Any]]:
    return [{"account": f"tenant:{TENANT}:wallet", "asset": "CREDIT", "amount": amount}]


def test_sound_books_have_no_breach(office: Office) -> None:
    completed()
    reviewed()
    written(next_check_at=clock.after(60))
    transfer()
    spent(300)
    hold()
    assert invariants.check(TENANT) == []
    assert checkup.look(TENANT) == []
    assert wallets.read(TENANT).frozen_because is None


DAMAGES: list[tuple[str, Callable[[Payment], None]]] = [
    ("I1", lambda payment: vanish(record(payment))),
    ("I1", lambda payment: damage(record(payment), postings=postings(5000))),
    ("I1", lambda payment: damage(record(payment), postings=[])),
    ("I2", lambda _: damage(entry(1), seq=2)),
    ("I2", lambda _: damage(entry(1), available_delta=4999)),
    ("I2", lambda _: damage(entry(1), available_after=4999)),
    ("I2", lambda _: damage(wallets.key(TENANT), available=5001)),
    ("I2", lambda _: vanish(entry(2))),
    ("I3", lambda _: damage(entry(1), available_delta=-5000)),
    ("I4", lambda _: damage(Key(f"W#{TENANT}", "HOLD#b"), amount=99)),
    ("I5", lambda _: damage(Key(f"W#{TENANT}", "HOLD#b"), status="settled", captured=1, released=1)),
    ("I6", lambda payment: damage(meta(payment), status="failed")),
    ("I6", lambda payment: damage(meta(payment), credit_txn=None)),
    ("I6", lambda payment: damage(meta(payment), credits=1)),
    ("I6", lambda payment: damage(record(payment), reference="another")),
    ("I6", lambda payment: damage(Key(f"PTXN#zenopay#{payment.receipt}", "META"), payment_id="another")),
]


@pytest.mark.parametrize(("rule", "strike"), DAMAGES, ids=[f"{n}-{d[0]}" for n, d in enumerate(DAMAGES)])
def test_damage_is_found_and_freezes(till: Till, rule: str, strike: Callable[[Payment], None]) -> None:
    payment = completed()
    hold()
    strike(payment)
    assert rule in {breach.rule for breach in checkup.look(TENANT)}
    assert wallets.read(TENANT).frozen_because


def test_a_payment_that_nobody_looks_at_is_told_and_freezes_nothing(till: Till) -> None:
    completed()
    written()
    assert [breach.rule for breach in checkup.look(TENANT)] == ["I9"]
    assert wallets.read(TENANT).frozen_because is None


def test_an_event_that_nobody_looked_into_is_told_and_freezes_nothing(till: Till) -> None:
    payment = till.bought("456")
    till.paid(payment)
    till.call_back(payment)
    assert invariants.check(TENANT) == []
    till.travel.forward(invariants.EVENT_WITHIN_S + 60)
    assert {breach.rule for breach in invariants.check(TENANT)} == {"I10"}


def test_a_frozen_wallet_neither_spends_nor_buys_and_still_gets_its_money(office: Office) -> None:
    began = office.till.bought("456")
    office.till.paid(began)
    completed()
    hold("on its way")
    writes.commit(freezes.freeze(TENANT, because="I2: a test"))
    with pytest.raises(WalletFrozen):
        hold("new")
    status, body = office.till.buy("456", key="another")
    assert (status, body["code"]) == (409, "wallet_frozen")
    assert len(office.till.simulator.log()["orders"]) == 1
    office.till.look(began)
    office.till.credited(began)
    held = ledger.read_hold(TENANT, "on its way")
    assert held
    ledger.move(wallets.read(TENANT), lambda wallet: ledger.settle(wallet, held, captured=100))
    assert wallets.read(TENANT).held == 0


def test_a_freeze_between_the_read_and_the_hold_is_in_time(till: Till) -> None:
    completed()
    before = wallets.read(TENANT)
    writes.commit(freezes.freeze(TENANT, because="I2: a test"))
    with pytest.raises(WalletFrozen):
        ledger.move(before, lambda wallet: ledger.hold(wallet, 1, batch="b"))


def test_staff_see_a_freeze_and_lift_it_with_a_reason(office: Office) -> None:
    completed()
    damage(wallets.key(TENANT), available=5001)
    path = f"/wallets/{TENANT}/"
    assert office.post(NEEMA, f"{path}check/")[0] == 403
    status, found = office.post(AMINA, f"{path}check/")
    assert status == 200
    assert found["breaches"][0].startswith("I2")
    assert office.get(NEEMA, path)[1]["frozen_because"].startswith("I2")
    assert office.post(AMINA, f"{path}unfreeze/", {"reason": "short"})[0] == 422
    assert office.post(NEEMA, f"{path}unfreeze/", LIFT)[0] == 403
    status, lifted = office.post(AMINA, f"{path}unfreeze/", LIFT)
    assert (status, lifted["frozen_because"]) == (200, None)
    assert actions()[-1] == "wallet.unfrozen"
    status, body = office.post(AMINA, f"{path}unfreeze/", LIFT)
    assert (status, body["code"]) == (409, "wallet_not_frozen")
    hold()


@pytest.mark.parametrize("name", ["nobody", "x" * 65])
def test_a_wallet_that_is_not_there_is_not_found(office: Office, name: str) -> None:
    assert office.get(AMINA, f"/wallets/{name}/")[0] == 404
    assert office.post(AMINA, f"/wallets/{name}/check/")[0] == 404
    assert office.post(AMINA, f"/wallets/{name}/unfreeze/", LIFT)[0] == 404


def test_tenants_and_strangers_do_not_see_the_staffs_wallets(office: Office) -> None:
    completed()
    path = f"/api/admin/billing/wallets/{TENANT}/"
    assert office.till.call("GET", path)[0] == 403
    assert office.till.call("GET", path, token=None)[0] == 401
    assert office.till.call("POST", f"{path}unfreeze/", {**WHY})[0] == 403


def credited(tenant: str) -> None:
    """Gives a tenant a wallet."""
    grant = {"name": f"adj:{tenant}", "reference": tenant, "reason": "A test", "actor": "u1"}
    ledger.move(wallets.read(TenantId(tenant)), lambda wallet: ledger.adjust(wallet, 10, **grant))


def test_a_round_goes_on_where_the_last_run_stopped(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_WALLETS_PER_STEP", 2)
    for number in range(5):
        credited(f"t{number}")
    time = iter([True, True, False])
    first = checkup.go_on(time_left=lambda: next(time))
    assert (first.wallets, first.over) == (4, False)
    damage(wallets.key(TenantId("t4")), available=11)
    second = checkup.go_on(time_left=lambda: True)
    assert (second.wallets, second.breaches, second.over) == (5, 1, True)
    assert wallets.read(TenantId("t4")).frozen_because
    till.wire.clear()
    assert checkup.go_on(time_left=lambda: True) == second
    assert till.wire.count() == 1


def test_a_run_that_dies_anywhere_is_gone_on_with(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_WALLETS_PER_STEP", 1)
    credited("t1")
    credited("t2")
    damage(wallets.key(TenantId("t2")), available=11)
    for at in range(40):
        till.wire.cut(at, after=bool(at % 2))
        with contextlib.suppress(Crash):
            checkup.go_on(time_left=lambda: True)
        till.wire.mend()
    assert checkup.go_on(time_left=lambda: True).over
    assert wallets.read(TenantId("t1")).frozen_because is None
    assert wallets.read(TenantId("t2")).frozen_because


def test_runs_beside_each_other_leave_one_round(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_WALLETS_PER_STEP", 1)
    for number in range(4):
        credited(f"t{number}")
    till.wire.take_turns()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: checkup.go_on(time_left=lambda: True), range(4)))
    now = checkup.go_on(time_left=lambda: True)
    assert (now.wallets, now.over) == (4, True)


def test_a_wallet_that_cannot_be_read_holds_nobody_up(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nightly, "_SPARE_MS", 0)
    credited("t1")
    credited("t2")
    damage(wallets.key(TenantId("t1")), available=None)
    damage(wallets.key(TenantId("t2")), available=11)
    nightly.handler({}, CONTEXT)
    assert wallets.read(TenantId("t2")).frozen_because
