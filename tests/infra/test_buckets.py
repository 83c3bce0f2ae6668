"""Buckets in the templates: private, encrypted, over TLS, forgetting or not; and who may do what with an object."""

import json

import pytest

from functions.auth.exports import KEPT_S
from tests.infra.reading import AWS_STAGES, as_list, every_stage, functions, properties, resources, statements

_DAY_S = 24 * 3600


@every_stage
@pytest.mark.parametrize(("name", "kept_s"), [("Exports", KEPT_S), ("Campaigns", 9 * _DAY_S), ("Documents", None)])
def test_objects_are_private_encrypted_and_gone_after_as_long_as_people_are_told_or_stay(
    name: str, kept_s: int | None, stage: str
) -> None:
    buckets = resources(stage, "AWS::S3::Bucket")
    assert len(buckets) == 3
    (bucket,) = [found["Properties"] for resource, found in buckets.items() if resource.startswith(name)]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    (encrypted,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encrypted["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert "VersioningConfiguration" not in bucket, "a version would outlive its object"
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule.get("ExpirationInDays") == (kept_s and kept_s // _DAY_S)
    assert "Prefix" not in rule


def test_papers_outlive_the_deletion_of_their_stack_in_production() -> None:
    (papers,) = [one for name, one in resources("prod", "AWS::S3::Bucket").items() if name.startswith("Documents")]
    assert (papers["DeletionPolicy"], papers["UpdateReplacePolicy"]) == ("Retain", "Retain")


@pytest.mark.parametrize("stage", AWS_STAGES)
def test_buckets_are_spoken_to_over_tls_only(stage: str) -> None:
    policies = properties(stage, "AWS::S3::BucketPolicy")
    assert len(policies) == len(resources(stage, "AWS::S3::Bucket"))
    for policy in policies:
        (denied,) = policy["PolicyDocument"]["Statement"]
        assert (denied["Effect"], denied["Action"], denied["Principal"]) == ("Deny", "s3:*", {"AWS": "*"})
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@every_stage
def test_slices_may_write_objects_few_may_read_them_and_nobody_may_list_or_delete(stage: str) -> None:
    roles = {
        function["Role"]["Fn::GetAtt"][0]: handler.removesuffix(".handler").removeprefix("functions.")
        for handler, function in functions(stage).items()
    }
    policies = resources(stage, "AWS::IAM::Policy")
    granted: dict[str, dict[str, set[str]]] = {"Exports": {}, "Campaigns": {}, "Documents": {}}
    for name, statement in statements(stage):
        actions = {action for action in as_list(statement["Action"]) if action.startswith("s3:")}
        if actions:
            (role,) = policies[name]["Properties"]["Roles"]
            (bucket,) = [one for one in granted if f"{one}Bucket" in json.dumps(statement["Resource"])]
            granted[bucket].setdefault(roles[role["Ref"]], set()).update(actions)
    assert granted == {
        "Exports": {
            "auth.api": {"s3:GetObject"},
            "auth.privacy": {"s3:PutObject"},
            "sms.privacy": {"s3:PutObject"},
            "billing.privacy": {"s3:PutObject"},
        },
        "Campaigns": {
            "sms.api": {"s3:GetObject", "s3:PutObject"},
            "sms.layer": {"s3:GetObject"},
            "sms.scribe": {"s3:GetObject", "s3:PutObject"},
            "sms.splitter": {"s3:GetObject", "s3:PutObject"},
            "sms.unpark": {"s3:PutObject"},
        },
        "Documents": {"billing.api": {"s3:GetObject"}, "billing.printing.worker": {"s3:PutObject"}},
    }


@every_stage
def test_files_that_come_are_told_to_a_queue_which_no_other_account_reaches(stage: str) -> None:
    (name, bucket) = next(one for one in resources(stage, "AWS::S3::Bucket").items() if one[0].startswith("Campaigns"))
    (told,) = bucket["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    assert (told["Event"], told["Filter"]["S3Key"]["Rules"]) == (
        "s3:ObjectCreated:*",
        [{"Name": "prefix", "Value": "uploads/"}],
    )
    (policy, admitted) = next(
        (policy, statement)
        for policy, one in resources(stage, "AWS::SQS::QueuePolicy").items()
        for statement in one["Properties"]["PolicyDocument"]["Statement"]
        if statement.get("Principal") == {"Service": "s3.amazonaws.com"}
    )
    assert (admitted["Effect"], admitted["Action"], admitted["Resource"]) == ("Allow", "sqs:SendMessage", told["Queue"])
    assert set(admitted["Condition"]["StringEquals"]) == {"aws:SourceAccount"}
    assert policy in bucket["DependsOn"], f"S3 tries the queue out when {name} is made"
