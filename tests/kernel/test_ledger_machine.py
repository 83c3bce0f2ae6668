"""The ledger under anything in any order: stale wallets, replays and crashes, against a model and its invariants."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, invariant, multiple, precondition, rule
from moto import mock_aws

from mifumo import clock, ledger, wallets, writes
from mifumo import settings as environment
from mifumo.errors import Busy
from mifumo.ids import TenantId
from mifumo.ledger import AlreadyRecorded, Hold, HoldSettled, InsufficientCredits
from mifumo.wallets import Wallet, WalletMoved
from mifumo.writes import Write
from tests.cloud import Cloud
from tests.kernel.ledger_model import Account, as_modelled, check_journal, check_wallet, stored
from tests.wire import Crash, Wire

EXAMPLES = int(os.environ.get("MIFUMO_EXAMPLES", "40"))
CLOUD = Cloud()
TENANTS = (TenantId("t1"), TenantId("t2"))
SOME_TENANT = st.sampled_from(TENANTS)
AMOUNTS = st.integers(1, 1000)
# Where the process dies: not at all, before the transaction leaves, or after it was carried out.
DEATHS = st.sampled_from(["none", "none", "before", "after"])


@dataclass(frozen=True)
class Move:
    """A move that can be made again: what it writes, what it does to the model, what it needs available."""

    tenant: TenantId
    name: str
    build: Callable[[Wallet], list[Write]]
    apply: Callable[[Account], None]
    needs: int = 0


Made = Move | MultipleResults[Move]


class LedgerMachine(RuleBasedStateMachine):
    """Two tenants on one ledger."""

    made: Bundle[Move] = Bundle("made")

    def __init__(self) -> None:
        super().__init__()
        self.mock = mock_aws()
        self.mock.start()
        environment.forget()
        names = CLOUD.open()
        self.table = names["LEDGER_TABLE"]
        self.patches: list[Any] = [mock.patch.dict(os.environ, names), mock.patch.object(clock, "pause")]
        for patch in self.patches:
            patch.start()
        self.wire = Wire()
        self.wire.attach()
        self.model = {tenant: Account() for tenant in TENANTS}
        self.past = {tenant: [Wallet(tenant)] for tenant in TENANTS}
        self.named = 0

    def teardown(self) -> None:
        for patch in self.patches:
            patch.stop()
        CLOUD.renew_clients()
        self.mock.stop()
        environment.forget()

    @rule(target=made, tenant=SOME_TENANT, amount=AMOUNTS, price=AMOUNTS, death=DEATHS)
    def credit(self, tenant: TenantId, amount: int, price: int, death: str) -> Made:
        name = self._name("pay")
        postings = [
            {"account": "contra:cash", "asset": "TZS", "amount": price},
            {"account": "contra:sales", "asset": "TZS", "amount": -price},
        ]
        return self._make(
            Move(
                tenant,
                name,
                lambda wallet: ledger.credit(wallet, amount, name=name, reference=name, postings=postings),
                lambda account: account.add(amount),
            ),
            death,
        )

    @rule(target=made, tenant=SOME_TENANT, amount=st.integers(-500, 500).filter(bool), death=DEATHS)
    def adjust(self, tenant: TenantId, amount: int, death: str) -> Made:
        name = self._name("adj")
        return self._make(
            Move(
                tenant,
                name,
                lambda wallet: ledger.adjust(wallet, amount, name=name, reference=name, reason="test", actor="staff"),
                lambda account: account.add(amount),
                needs=max(0, -amount),
            ),
            death,
        )

    @rule(target=made, tenant=SOME_TENANT, amount=AMOUNTS, death=DEATHS)
    def hold(self, tenant: TenantId, amount: int, death: str) -> Made:
        return self._make(self._holding(tenant, amount), death)

    @rule(target=made, tenant=SOME_TENANT, data=st.data(), death=DEATHS)
    def hold_what_there_is(self, tenant: TenantId, data: st.DataObject, death: str) -> Made:
        if not self.model[tenant].available:
            return multiple()
        return self._make(self._holding(tenant, data.draw(st.integers(1, self.model[tenant].available))), death)

    @precondition(lambda self: any(account.open for account in self.model.values()))
    @rule(target=made, data=st.data(), death=DEATHS)
    def settle(self, data: st.DataObject, death: str) -> Made:
        tenant, name = data.draw(st.sampled_from([(t, hold) for t in TENANTS for hold in self.model[t].open]))
        held = ledger.read_hold(tenant, name)
        assert held == Hold(name, self.model[tenant].holds[name].amount, 0, 0, settled=False)
        captured = data.draw(st.just(0) | st.just(held.amount) | st.integers(0, held.amount))
        return self._make(
            Move(
                tenant,
                f"hold:{name}:settle",
                lambda wallet: ledger.settle(wallet, held, captured=captured),
                lambda account: account.settle(name, captured),
            ),
            death,
        )

    @rule(move=made)
    def replay(self, move: Move) -> None:
        """The same move under the same name meets its own record, whatever has happened since."""
        lacks = self.model[move.tenant].available < move.needs
        with pytest.raises(InsufficientCredits if lacks else AlreadyRecorded):
            ledger.move(wallets.read(move.tenant), move.build)

    @rule(tenant=SOME_TENANT, amount=AMOUNTS, captured=st.integers(0, 1000))
    def settle_what_is_not_there(self, tenant: TenantId, amount: int, captured: int) -> None:
        absent = Hold(self._name("none"), amount, 0, 0, settled=False)
        refusal: type[Exception] = HoldSettled if captured <= amount else ValueError
        with pytest.raises(refusal):
            ledger.move(wallets.read(tenant), lambda wallet: ledger.settle(wallet, absent, captured=captured))

    @precondition(lambda self: any(hold.status == "settled" for a in self.model.values() for hold in a.holds.values()))
    @rule(data=st.data())
    def settle_again_otherwise(self, data: st.DataObject) -> None:
        """A second settlement is refused, also when it would divide the hold in another way."""
        ended = [(t, name) for t in TENANTS for name, hold in self.model[t].holds.items() if hold.status == "settled"]
        tenant, name = data.draw(st.sampled_from(ended))
        held = ledger.read_hold(tenant, name)
        assert held
        assert held.settled
        captured = data.draw(st.integers(0, held.amount))
        with pytest.raises(AlreadyRecorded):
            ledger.move(wallets.read(tenant), lambda wallet: ledger.settle(wallet, held, captured=captured))

    @precondition(lambda self: any(len(past) > 1 for past in self.past.values()))
    @rule(target=made, data=st.data(), amount=AMOUNTS, holds=st.booleans())
    def move_from_a_stale_wallet(self, data: st.DataObject, amount: int, holds: bool) -> Made:
        """What was built from an old wallet changes nothing; `move` builds it again from the wallet as it stands."""
        stale = data.draw(st.sampled_from([old for past in self.past.values() for old in past[:-1]]))
        name = self._name("stale")
        move = Move(
            stale.tenant,
            name,
            lambda wallet: ledger.credit(wallet, amount, name=name, reference=name, postings=[]),
            lambda account: account.add(amount),
        )
        if holds:
            move = self._holding(stale.tenant, amount)
        if stale.available < move.needs:
            with pytest.raises(InsufficientCredits):
                ledger.move(stale, move.build)
            return multiple()
        with pytest.raises(WalletMoved):
            writes.transact(*move.build(stale))
        self.items_agree_with_the_model()
        return self._outcome(move, lambda: ledger.move(stale, move.build))

    @invariant()
    def items_agree_with_the_model(self) -> None:
        items = stored(self.table)
        check_journal(items)
        for tenant, account in self.model.items():
            check_wallet(items, tenant)
            assert as_modelled(items, tenant) == account

    def _holding(self, tenant: TenantId, amount: int) -> Move:
        name = self._name("batch")
        return Move(
            tenant,
            f"hold:{name}",
            lambda wallet: ledger.hold(wallet, amount, batch=name),
            lambda account: account.hold(name, amount),
            needs=amount,
        )

    def _make(self, move: Move, death: str) -> Made:
        """Makes a move; where the process dies on the way, the next one makes it again."""
        known = wallets.read(move.tenant)
        if death == "none" or known.available < move.needs:
            return self._outcome(move, lambda: ledger.move(known, move.build))
        self.wire.cut(0, after=death == "after")
        with pytest.raises(Crash):
            ledger.move(known, move.build)
        self.wire.mend()
        if death == "before":
            self.items_agree_with_the_model()
            return self._outcome(move, lambda: ledger.move(known, move.build))
        self._made(move)
        self.items_agree_with_the_model()
        lacks = self.model[move.tenant].available < move.needs
        with pytest.raises(InsufficientCredits if lacks else AlreadyRecorded):
            ledger.move(wallets.read(move.tenant), move.build)
        return move

    def _outcome(self, move: Move, make: Callable[[], object]) -> Made:
        account = self.model[move.tenant]
        if account.available < move.needs:
            with pytest.raises(InsufficientCredits) as refused:
                make()
            assert refused.value.extensions["shortfall"] == move.needs - account.available
            return multiple()
        make()
        self._made(move)
        return move

    def _made(self, move: Move) -> None:
        move.apply(self.model[move.tenant])
        self.past[move.tenant].append(wallets.read(move.tenant))

    def _name(self, kind: str) -> str:
        self.named += 1
        return f"{kind}-{self.named}"


LedgerMachine.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.timeout(60 + 5 * EXAMPLES)
class TestLedger(LedgerMachine.TestCase):  # type: ignore[valid-type,misc]
    """Runs the machine."""


def credited(tenant: TenantId, amount: int) -> Wallet:
    ledger.move(Wallet(tenant), lambda w: ledger.credit(w, amount, name="pay", reference="pay", postings=[]))
    return wallets.read(tenant)


def test_twenty_parallel_holds_of_one_with_credit_for_seven_are_seven(aws_tables: Wire) -> None:
    tenant = TenantId("t1")
    aws_tables.take_turns()
    known = credited(tenant, 7)

    def hold(number: int) -> bool:
        try:
            ledger.move(known, lambda wallet: ledger.hold(wallet, 1, batch=f"b{number}"))
        except InsufficientCredits:
            return False
        return True

    with ThreadPoolExecutor(20) as threads:
        assert sorted(threads.map(hold, range(20))) == [False] * 13 + [True] * 7
    assert (wallets.read(tenant).available, wallets.read(tenant).held) == (0, 7)
    check_wallet(stored("ledger"), tenant)


def test_one_hold_settled_by_eight_at_once_is_settled_once(aws_tables: Wire) -> None:
    tenant = TenantId("t1")
    aws_tables.take_turns()
    known = credited(tenant, 10)
    ledger.move(known, lambda wallet: ledger.hold(wallet, 10, batch="b"))
    held = ledger.read_hold(tenant, "b")
    assert held

    def settle(captured: int) -> int | None:
        try:
            ledger.move(known, lambda wallet: ledger.settle(wallet, held, captured=captured))
        except AlreadyRecorded:
            return None
        return captured

    with ThreadPoolExecutor(8) as threads:
        captured = [done for done in threads.map(settle, range(8)) if done is not None]
    assert len(captured) == 1
    assert (wallets.read(tenant).available, wallets.read(tenant).held) == (10 - captured[0], 0)
    check_wallet(stored("ledger"), tenant)


def test_a_wallet_that_never_comes_to_rest_is_busy_and_unchanged(
    aws_tables: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "pause", lambda _: None)
    tenant = TenantId("t1")
    before = credited(tenant, 5)
    stale = replace(before, version=99)
    monkeypatch.setattr(wallets, "of", lambda *_: stale)
    with pytest.raises(Busy) as busy:
        ledger.move(stale, lambda wallet: ledger.hold(wallet, 1, batch="b"))
    monkeypatch.undo()
    assert busy.value.retry_after_s == 1
    assert [i for i in stored("ledger") if i["sk"] == "HOLD#b"] == []
