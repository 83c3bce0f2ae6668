"""The ledger under anything in any order: stale wallets, replays and crashes, against a model and its invariants."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from unittest import mock

import boto3
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from moto import mock_aws

from mifumo import aws, clock, ledger, wallets, writes
from mifumo import settings as environment
from mifumo.ids import TenantId
from mifumo.ledger import AlreadyRecorded, Hold, HoldSettled, InsufficientCredits, WalletMoved
from mifumo.wallets import Wallet
from mifumo.writes import Write
from tests.infra.tables import create_tables
from tests.kernel.ledger_model import Account, check_journal, check_wallet, kept, stored
from tests.wire import Crash, Wire

EXAMPLES = int(os.environ.get("MIFUMO_EXAMPLES", "50"))
TENANTS = st.sampled_from([TenantId("t1"), TenantId("t2")])
AMOUNTS = st.integers(1, 1000)
# Where the process dies: not at all, before the transaction leaves, or after it was carried out.
CRASHES = st.sampled_from([None, None, "before", "after"])


@dataclass(frozen=True)
class Move:
    """A move that can be made again: what it writes, what it does to the model, what it needs available."""

    tenant: TenantId
    name: str
    build: Callable[[Wallet], list[Write]]
    apply: Callable[[Account], None]
    needs: int = 0


class LedgerMachine(RuleBasedStateMachine):
    """Two tenants on one ledger."""

    made: Bundle[Move] = Bundle("made")
    open_holds: Bundle[tuple[TenantId, str]] = Bundle("open_holds")

    def __init__(self) -> None:
        super().__init__()
        self.mock = mock_aws()
        self.mock.start()
        environment.forget()
        aws.forget()
        names = create_tables(boto3.client("dynamodb"))
        self.table = names["LEDGER_TABLE"]
        self.patches = [mock.patch.dict(os.environ, names), mock.patch.object(clock, "pause")]
        for patch in self.patches:
            patch.start()
        self.wire = Wire()
        self.wire.attach()
        self.model = {TenantId("t1"): Account(), TenantId("t2"): Account()}
        self.seen = {tenant: [Wallet(tenant)] for tenant in self.model}
        self.names = 0

    def teardown(self) -> None:
        for patch in self.patches:
            patch.stop()
        self.mock.stop()
        environment.forget()
        aws.forget()

    @rule(target=made, tenant=TENANTS, amount=AMOUNTS, price=AMOUNTS, crash=CRASHES)
    def credit(self, tenant: TenantId, amount: int, price: int, crash: str | None) -> Move:
        name = self._name("pay")
        postings = [
            {"account": "contra:cash", "asset": "TZS", "amount": price},
            {"account": "contra:sales", "asset": "TZS", "amount": -price},
        ]
        return self._first(
            Move(
                tenant,
                name,
                lambda wallet: ledger.credit(wallet, amount, name=name, reference=name, postings=postings),
                lambda account: account.add(amount),
            ),
            crash,
        )

    @rule(target=made, tenant=TENANTS, amount=st.integers(-500, 500).filter(bool), crash=CRASHES)
    def adjust(self, tenant: TenantId, amount: int, crash: str | None) -> Move:
        name = self._name("adj")
        return self._first(
            Move(
                tenant,
                name,
                lambda wallet: ledger.adjust(wallet, amount, name=name, reference=name, reason="test", actor="staff"),
                lambda account: account.add(amount),
                needs=max(0, -amount),
            ),
            crash,
        )

    @rule(targets=(made, open_holds), tenant=TENANTS, amount=AMOUNTS, crash=CRASHES)
    def hold(self, tenant: TenantId, amount: int, crash: str | None) -> object:
        raise NotImplementedError
