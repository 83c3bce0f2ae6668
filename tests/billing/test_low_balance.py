"""Low balance: owners are told once for each time that the available credits fall below what they have set."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from functions.billing import sweep, thresholds
from mifumo import ledger, tables, wallets, writes
from mifumo.callers import Principal
from mifumo.ids import BatchId, TenantId, UserId
from mifumo.permissions import Role
from mifumo.wallets import NotLow
from tests.billing.conftest import TENANT, Till
from tests.builders import CONTEXT, token
from tests.queues import taken
from tests.wire import Crash, Wire

OWNER = Principal(TENANT, UserId("u1"), Role.OWNER)
SETTINGS = "/api/billing/settings/"


def credit(amount: int, name: str, tenant: TenantId = TENANT) -> None:
    ledger.move(
        wallets.read(tenant), lambda wallet: ledger.credit(wallet, amount, name=name, reference=name, postings=[])
    )


def hold(amount: int, batch: str, tenant: TenantId = TENANT) -> None:
    ledger.move(wallets.read(tenant), lambda wallet: ledger.hold(wallet, amount, batch=BatchId(batch)))


def release(batch: str, tenant: TenantId = TENANT) -> None:
    held = ledger.read_hold(tenant, batch)
    assert held
    ledger.move(wallets.read(tenant), lambda wallet: ledger.settle(wallet, held, captured=0))


def announced() -> list[dict[str, Any]]:
    """Runs the sweep and takes what it announces."""
    sweep.handler({}, CONTEXT)
    return taken("ANNOUNCEMENTS")


def threshold(till: Till, credits_: int, **options: Any) -> tuple[int, Any]:
    return till.call("PATCH", SETTINGS, {"low_balance_threshold": credits_}, **options)


def test_a_fall_is_told_once_and_a_rise_arms_it_again(till: Till) -> None:
    credit(1_000, "c1")
    assert threshold(till, 500) == (200, {"low_balance_threshold": 500, "low": False})
    hold(400, "b1")
    assert announced() == []
    hold(200, "b2")
    assert announced() == [{"tenant": TENANT, "subject": "balance.low", "occasion": "3", "credits": 400}]
    hold(100, "b3")
    assert announced() == []
    credit(1_000, "c2")
    assert till.call("GET", SETTINGS)[1] == {"low_balance_threshold": 500, "low": False}
    hold(900, "b4")
    assert [body["occasion"] for body in announced()] == ["6"]
    assert till.call("GET", SETTINGS)[1]["low"] is True


def test_nobody_is_told_without_a_threshold_or_exactly_at_it(till: Till) -> None:
    credit(1_000, "c1")
    hold(1_000, "b1")
    assert announced() == []
    release("b1")
    threshold(till, 500)
    hold(500, "b2")
    assert announced() == []


def test_credits_that_came_before_the_sweep_leave_nothing_to_tell(till: Till) -> None:
    credit(1_000, "c1")
    threshold(till, 500)
    hold(600, "b1")
    credit(1_000, "c2")
    assert announced() == []


def test_a_threshold_above_what_there_is_waits_for_the_next_fall(till: Till) -> None:
    assert threshold(till, 500) == (200, {"low_balance_threshold": 500, "low": True})
    assert announced() == []
    credit(100, "c1")
    assert announced() == []
    credit(900, "c2")
    hold(501, "b1")
    assert len(announced()) == 1
    assert threshold(till, 0)[1] == {"low_balance_threshold": 0, "low": False}
    release("b1")
    hold(1_000, "b2")
    assert announced() == []


def test_a_move_that_falls_costs_no_further_call(till: Till) -> None:
    credit(1_000, "c1")
    threshold(till, 500)
    till.wire.clear()
    hold(600, "b1")
    assert till.wire.calls == ["GetItem", "TransactWriteItems"]


def test_strangers_agents_and_other_tenants_set_nothing_here(till: Till) -> None:
    assert threshold(till, 5, token=None)[1]["code"] == "unauthenticated"
    assert till.call("GET", SETTINGS, token=None)[1]["code"] == "unauthenticated"
    assert threshold(till, 5, token=token(role="agent"))[1]["code"] == "forbidden"
    assert threshold(till, 5, token=token(tenant="t2"))[0] == 200
    assert till.call("GET", SETTINGS)[1]["low_balance_threshold"] == 0


@pytest.mark.parametrize(
    "body",
    [{}, {"low_balance_threshold": -1}, {"low_balance_threshold": "5"}, {"low_balance_threshold": 10**8}, {"other": 1}],
)
def test_an_invalid_threshold_changes_nothing(till: Till, body: dict[str, Any]) -> None:
    till.wire.clear()
    status, problem = till.call("PATCH", SETTINGS, body)
    assert (status, problem["code"], till.wire.calls) == (422, "validation_failed", [])


def test_a_change_is_in_the_audit_log_once(till: Till) -> None:
    threshold(till, 500)
    threshold(till, 500)
    (entry,) = tables.query("audit", f"T#{TENANT}", consistent=True).items
    assert (entry["action"], entry["before"], entry["after"]) == (
        "billing.settings_changed",
        {"low_balance_threshold": 0},
        {"low_balance_threshold": 500},
    )


def test_a_threshold_is_set_while_credits_move(till: Till) -> None:
    credit(1_000, "c1")
    till.wire.take_turns()
    with ThreadPoolExecutor(4) as pool:
        setting = pool.submit(thresholds.put, OWNER, 500)
        list(pool.map(lambda number: hold(10, f"b{number}"), range(8)))
        assert setting.result().threshold == 500
    assert (wallets.read(TENANT).threshold, wallets.read(TENANT).available) == (500, 920)


@pytest.mark.parametrize("after", [False, True])
def test_a_sweep_that_dies_anywhere_tells_every_fall_under_one_name(till: Till, *, after: bool) -> None:
    threshold(till, 500)
    for number in range(20):
        credit(1_000, f"c{number}")
        hold(wallets.read(TENANT).available - 100, f"b{number}")
        till.wire.cut(number, after=after)
        crashed = False
        try:
            sweep.handler({}, CONTEXT)
        except Crash:
            crashed = True
        till.wire.mend()
        assert {body["occasion"] for body in announced()} == {str(wallets.read(TENANT).low_seq)}
        assert announced() == []
        if not crashed:
            assert number >= 8
            return
    pytest.fail("the sweep makes more calls than anybody thought")


def test_a_fall_that_is_over_is_not_noted_as_told(till: Till) -> None:
    credit(1_000, "c1")
    threshold(till, 500)
    hold(600, "b1")
    low = wallets.read(TENANT)
    release("b1")
    hold(700, "b2")
    with pytest.raises(NotLow):
        writes.commit(wallets.told(low))
    assert [body["occasion"] for body in announced()] == ["4"]


@examples(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(["credit", "hold"]), st.integers(1, 300)), max_size=8), st.integers(1, 600))
def test_there_are_as_many_occasions_as_falls(aws_tables: Wire, moves: list[tuple[str, int]], limit: int) -> None:
    tenant, available, falls, occasions = TenantId(os.urandom(8).hex()), 600, 0, set()
    credit(available, f"{tenant} first", tenant)
    writes.commit(wallets.watch(wallets.read(tenant), limit))
    for number, (kind, amount) in enumerate(moves):
        before = available
        if kind == "credit":
            credit(amount, f"{tenant} {number}", tenant)
            available += amount
        elif amount <= available:
            hold(amount, f"{tenant} {number}", tenant)
            available -= amount
        falls += available < limit <= before
        occasions.add(wallets.read(tenant).low_seq)
        assert (wallets.read(tenant).low_seq > 0) == (available < limit)
    assert len(occasions - {0}) == falls
