"""What the templates promise about data: encrypted, restorable, kept where it must be, and indexed as queries need."""

import json

import pytest

from tests.infra.reading import every_stage, properties, resources
from tests.infra.tables import definitions
from tests.infra.templates import template


@every_stage
def test_every_table_is_encrypted_on_demand_and_restorable_to_any_second(stage: str) -> None:
    tables = properties(stage, "AWS::DynamoDB::GlobalTable")
    assert len(tables) == 5
    for table in tables:
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
        (replica,) = table["Replicas"]
        assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True


@pytest.mark.parametrize(("stage", "kept"), [("local", False), ("dev", False), ("prod", True)])
def test_only_production_keeps_its_tables_and_secrets_against_deletion(stage: str, kept: bool) -> None:
    policy = "Retain" if kept else "Delete"
    for kind in ("AWS::DynamoDB::GlobalTable", "AWS::SecretsManager::Secret"):
        for resource in resources(stage, kind).values():
            assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == policy
    for table in properties(stage, "AWS::DynamoDB::GlobalTable"):
        assert table["Replicas"][0]["DeletionProtectionEnabled"] is kept


def test_tables_have_the_indexes_that_queries_are_written_for() -> None:
    found = {
        variable: {
            index["IndexName"]: (
                *(part["AttributeName"] for part in index["KeySchema"]),
                index["Projection"]["ProjectionType"],
            )
            for index in table.get("GlobalSecondaryIndexes", [])
        }
        for variable, table in definitions().items()
    }
    listing = ("listing_pk", "listing_sk", "ALL")
    due = ("due_pk", "due_sk", "KEYS_ONLY")
    assert found == {
        "ACCOUNTS_TABLE": {},
        "ACCESS_TABLE": {"listing": listing},
        "MESSAGING_TABLE": {"listing": listing, "numbers": ("number_pk", "number_sk", "KEYS_ONLY"), "due": due},
        "LEDGER_TABLE": {"listing": listing, "due": due, "days": ("day_pk", "day_sk", "KEYS_ONLY")},
        "AUDIT_TABLE": {"listing": listing},
    }


def test_everything_but_money_may_expire() -> None:
    expiring = {variable: table.get("TimeToLiveSpecification") for variable, table in definitions().items()}
    ttl = {"AttributeName": "ttl", "Enabled": True}
    assert expiring == {
        "ACCOUNTS_TABLE": ttl,
        "ACCESS_TABLE": ttl,
        "MESSAGING_TABLE": ttl,
        "LEDGER_TABLE": None,
        "AUDIT_TABLE": ttl,
    }


@every_stage
def test_keys_that_providers_issue_are_empty_until_somebody_fills_them_in(stage: str) -> None:
    secrets = properties(stage, "AWS::SecretsManager::Secret")
    known = [json.loads(secret["SecretString"]) for secret in secrets if "SecretString" in secret]
    assert known == [{"token": ""}, {"client_id": "", "api_key": "", "checksum_key": ""}]


@every_stage
def test_secrets_are_made_up_by_aws_and_safe_in_a_path(stage: str) -> None:
    secrets = properties(stage, "AWS::SecretsManager::Secret")
    made = [secret["GenerateSecretString"] for secret in secrets if "SecretString" not in secret]
    assert {secret["GenerateStringKey"]: json.loads(secret["SecretStringTemplate"]) for secret in made} == {
        "k1": {"current": "k1"},
        "pepper": {},
        "callback_token": {"api_key": "", "secret_key": ""},
        "token_key": {"api_key": ""},
    }
    for secret in made:
        assert set("/?#%+&=\"'\\ ") - {" "} <= set(secret["ExcludeCharacters"])
        assert secret["PasswordLength"] == 64


@every_stage
def test_nothing_has_a_physical_name(stage: str) -> None:
    naming = ("TableName", "QueueName", "FunctionName", "RoleName", "TopicName", "LogGroupName", "AlarmName")
    for stack in ("data", "service"):
        for name, resource in template(stage, stack)["Resources"].items():
            if resource["Type"] == "AWS::Lambda::Permission" or "::EventInvokeConfig" in resource["Type"]:
                continue  # there FunctionName says which function is meant
            if resource["Type"] == "AWS::Lambda::EventSourceMapping":
                continue
            assert not set(naming) & set(resource.get("Properties", {})), name
