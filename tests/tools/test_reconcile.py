"""Reconcile: every wallet is recomputed, and what is wrong is told and nothing else done."""

import json
import os

import boto3
import pytest
from moto.core.config import default_user_config

from functions.billing import reconcile, reconciliation_rows, reconciliations, verdicts
from functions.billing.reconciliations import Stage
from mifumo import aws, ledger, wallets
from mifumo.ids import TenantId
from mifumo.providers.payments import Standing, Statement
from sandbox.places import Place
from tests.wire import Wire
from tools import reconcile as module
from tools import stacks
from tools.reconcile import main


@pytest.fixture(autouse=True)
def stage(aws_tables: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage of three wallets."""
    outputs = {"LedgerTable": os.environ["LEDGER_TABLE"], "BillingReconcilingFunction": "reconciling"}
    monkeypatch.setenv("LEDGER_TABLE", outputs["LedgerTable"])
    monkeypatch.setattr(stacks, "outputs", lambda *_: outputs)
    # A function that only answers: moto runs none without Docker.
    monkeypatch.setitem(default_user_config, "lambda", {"use_docker": False})
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    boto3.client("lambda").create_function(
        FunctionName="reconciling", Runtime="python3.13", Handler="h.h", Role=role, Code={"ZipFile": b"nothing"}
    )
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


def test_days_are_told_and_a_difference_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = reconcile.due()[-2:]
    over = reconciliations.begin("pawapay", first, lists=True)
    money = Statement(Standing.COMPLETED, 7_000, "TZS")
    reconciliation_rows.judge(over, "somebodys", verdicts.NOT_OURS, payment=None, statement=money, at="")
    reconciliations.end(reconciliation_rows.counted(over))
    assert reconciliations.begin("zenopay", second, lists=False).stage is Stage.OURS
    assert main(["--stage", "dev"]) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        f"{first}  pawapay: 0 matched, 0 ours only, 1 theirs only, 0 mismatch.",
        f"{second}  zenopay: not over yet: it goes on by itself.",
    ]


def test_a_local_cloud_that_is_not_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Place, "stack", lambda _: {})
    with pytest.raises(SystemExit, match="make up"):
        main([])
