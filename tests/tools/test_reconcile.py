"""Reconcile: every wallet is recomputed, and what is wrong is told and nothing else done."""

import os

import pytest

from mifumo import aws, ledger, wallets
from mifumo.ids import TenantId
from sandbox.places import Place
from tests.wire import Wire
from tools import reconcile as module
from tools import stacks
from tools.reconcile import main


@pytest.fixture(autouse=True)
def stage(aws_tables: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage of three wallets."""
    outputs = {"LedgerTable": os.environ["LEDGER_TABLE"]}
    monkeypatch.setenv("LEDGER_TABLE", outputs["LedgerTable"])
    monkeypatch.setattr(stacks, "outputs", lambda _: outputs)
    monkeypatch.setattr(module, "_PAGE", 2)
    for tenant in ("t1", "t2", "t3"):
        given(TenantId(tenant))


def given(tenant: TenantId) -> None:
    """Gives a tenant a wallet."""
    grant = {"name": f"adj:{tenant}", "reference": tenant, "reason": "A test", "actor": "u1"}
    ledger.move(wallets.read(tenant), lambda wallet: ledger.adjust(wallet, 10, **grant))


def test_sound_wallets_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--stage", "dev"]) == 0
    assert capsys.readouterr().out == "3 wallets were recomputed: all of them add up.\n"


def test_a_wallet_that_is_wrong_is_named_and_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    key = wallets.key(TenantId("t3"))._asdict()
    aws.dynamodb().update_item(
        TableName="ledger",
        Key=aws.marshal(key),
        UpdateExpression="SET available = :wrong",
        ExpressionAttributeValues=aws.marshal({":wrong": 11}),
    )
    assert main(["--stage", "dev"]) == 1
    told = capsys.readouterr().out
    assert told.startswith("t3  I2: ")
    assert told.endswith("3 wallets were recomputed: 1 of them do not add up.\n")
    assert wallets.read(TenantId("t3")).frozen_because is None


def test_a_local_cloud_that_is_not_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Place, "stack", lambda _: {})
    with pytest.raises(SystemExit, match="make up"):
        main([])
