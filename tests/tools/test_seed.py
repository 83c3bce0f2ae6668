"""The seed: everything once, however often it runs."""

import json
import os
from typing import Any

import boto3
import pytest

from functions.auth.api import handler
from mifumo import aws, ids, ledger, notices, tenants, wallets
from mifumo.tenants import require_able
from tests.builders import CONTEXT, answer, request
from tests.wire import Crash, Wire
from tools import seed as module
from tools.seed import NOTICE_CREDITS, OPENING_CREDITS, TENANT, SeedError, seed

_CONTEXT: Any = CONTEXT
ROLES = {"owner", "admin", "agent", "staff"}


@pytest.fixture
def outputs(aws_tables: Wire) -> dict[str, str]:
    return {
        "AccountsTable": os.environ["ACCOUNTS_TABLE"],
        "AccessTable": os.environ["ACCESS_TABLE"],
        "MessagingTable": os.environ["MESSAGING_TABLE"],
        "LedgerTable": os.environ["LEDGER_TABLE"],
        "AuditTable": os.environ["AUDIT_TABLE"],
        "SigningKeysSecret": os.environ["SIGNING_KEYS_SECRET"],
    }


def _login(login: dict[str, str]) -> tuple[int, Any]:
    return answer(handler(request("POST", "/api/auth/login/", login), _CONTEXT))


def test_four_users_of_mifumo_labs_can_sign_in_each_in_their_role(outputs: dict[str, str]) -> None:
    logins = seed(outputs)
    assert logins.keys() == ROLES
    for role, login in logins.items():
        status, body = _login(login)
        assert status == 200
        assert body["user"]["role"] == role
        assert body["tenant"] == {"id": TENANT, "name": "Mifumo Labs", "status": "active", "verified": True}
    assert len({login["password"] for login in logins.values()}) == 4


def test_the_opening_credits_are_an_entry_of_the_ledger(outputs: dict[str, str]) -> None:
    seed(outputs)
    wallet = wallets.read(TENANT)
    assert (wallet.available, wallet.held, wallet.version) == (OPENING_CREDITS, 0, 1) == (1_000, 0, 1)
    (entry,) = wallets.entries(TENANT, limit=10).items
    assert (entry["kind"], entry["amount"]) == (ledger.Kind.ADJUST, 1_000)


def test_the_platform_has_an_account_for_codes_with_a_budget_and_without_people(outputs: dict[str, str]) -> None:
    seed(outputs)
    assert require_able(tenants.get(notices.PLATFORM)).name == "Mifumo notices"
    assert wallets.read(notices.PLATFORM).available == NOTICE_CREDITS == 10_000
    assert not aws.dynamodb().query(
        TableName=outputs["AccountsTable"],
        KeyConditionExpression="pk = :tenant",
        ExpressionAttributeValues={":tenant": {"S": f"T#{notices.PLATFORM}"}},
    )["Items"]
    seed(outputs)
    assert wallets.read(notices.PLATFORM).available == NOTICE_CREDITS


def test_a_number_of_a_seeded_user_opens_no_account_by_a_reset(outputs: dict[str, str]) -> None:
    """They are invented, and may be somebody's: whoever holds one must not get at the platform's own people."""
    seed(outputs)
    people = [
        aws.unmarshal(item)
        for item in aws.dynamodb().scan(TableName=outputs["AccountsTable"])["Items"]
        if item["sk"]["S"] == "USER"
    ]
    assert len(people) == 4
    assert not [person for person in people if "recovery_phone_at" in person]


def test_a_second_run_changes_nothing_and_tells_no_password(outputs: dict[str, str]) -> None:
    first = seed(outputs)
    before = _everything(outputs)
    second = seed(outputs)
    assert _everything(outputs) == before
    assert {role: login["password"] for role, login in second.items()} == dict.fromkeys(ROLES, "")
    assert [login["email"] for login in second.values()] == [login["email"] for login in first.values()]
    assert _login(first["owner"])[0] == 200


def test_credits_that_were_spent_are_not_given_again(outputs: dict[str, str]) -> None:
    seed(outputs)
    ledger.move(wallets.read(TENANT), lambda wallet: ledger.hold(wallet, 400, batch=ids.new()))
    seed(outputs)
    assert wallets.read(TENANT).available == 600


def test_new_passwords_are_made_when_asked_for_and_the_old_ones_end(outputs: dict[str, str]) -> None:
    old = seed(outputs)
    new = seed(outputs, reset_passwords=True)
    for role in ROLES:
        assert _login(old[role])[0] == 401
        assert _login(new[role])[0] == 200


def test_a_run_that_was_cut_short_is_completed_by_the_next(
    outputs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, "_credit", _die)
        with pytest.raises(Crash):
            seed(outputs)
    assert wallets.read(TENANT).available == 0
    seed(outputs)
    assert wallets.read(TENANT).available == OPENING_CREDITS


def _die(*_: object, **__: object) -> None:
    raise Crash


def test_an_address_that_a_stranger_registered_is_not_taken_over(outputs: dict[str, str]) -> None:
    stranger = {
        "email": "staff@mifumolabs.example",
        "password": "mbuyu tatu za asali",
        "first_name": "A",
        "last_name": "B",
        "phone": "0712345678",
        "business_name": "C",
    }
    assert handler(request("POST", "/api/auth/register/", stranger), _CONTEXT)["statusCode"] == 201
    with pytest.raises(SeedError, match=r"staff@mifumolabs\.example was registered by somebody else"):
        seed(outputs)


def test_a_stage_without_tables_is_refused_by_name(outputs: dict[str, str]) -> None:
    del outputs["LedgerTable"]
    with pytest.raises(SeedError, match="no output LedgerTable"):
        seed(outputs)


def test_the_process_gets_its_environment_back(outputs: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("LEDGER_TABLE", "mine")
    before = dict(os.environ)
    seed(outputs)
    assert dict(os.environ) == before


def test_the_command_line_shows_passwords_once(
    outputs: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    boto3.client("cloudformation").create_stack(StackName="mifumo-dev-data", TemplateBody=json.dumps(template))
    module.main(["--stage", "dev"])
    shown = [line.split() for line in capsys.readouterr().out.splitlines()[:4]]
    assert {role: _login({"email": email, "password": password})[0] for role, email, password in shown} == (
        dict.fromkeys(ROLES, 200)
    )
    module.main(["--stage", "dev"])
    assert all("--reset-passwords" in line for line in capsys.readouterr().out.splitlines()[:4])


@pytest.mark.usefixtures("outputs")
def test_a_stage_that_is_not_deployed_ends_with_a_sentence() -> None:
    with pytest.raises(SystemExit, match="The stack mifumo-dev-data cannot be read"):
        module.main(["--stage", "dev"])


def _everything(outputs: dict[str, str]) -> dict[str, Any]:
    return {
        table: sorted(
            (aws.unmarshal(item) for item in aws.dynamodb().scan(TableName=table)["Items"]),
            key=lambda item: (item["pk"], item["sk"]),
        )
        for table in (outputs["AccountsTable"], outputs["AccessTable"], outputs["LedgerTable"])
    }
