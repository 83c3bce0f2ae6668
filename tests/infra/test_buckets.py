"""Buckets in the templates: private, encrypted, over TLS, and forgetting; and who may do what with an export."""

import json

import pytest

from functions.auth.exports import KEPT_S
from tests.infra.reading import AWS_STAGES, as_list, every_stage, functions, properties, resources, statements


@every_stage
def test_exports_are_private_encrypted_and_gone_after_as_long_as_people_are_told(stage: str) -> None:
    (bucket,) = properties(stage, "AWS::S3::Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    (encrypted,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encrypted["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert "VersioningConfiguration" not in bucket, "a version would outlive its object"
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"] * 24 * 3600) == ("Enabled", KEPT_S)
    assert "Prefix" not in rule


@pytest.mark.parametrize("stage", AWS_STAGES)
def test_exports_are_spoken_to_over_tls_only(stage: str) -> None:
    (policy,) = properties(stage, "AWS::S3::BucketPolicy")
    (denied,) = policy["PolicyDocument"]["Statement"]
    assert (denied["Effect"], denied["Action"], denied["Principal"]) == ("Deny", "s3:*", {"AWS": "*"})
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@every_stage
def test_slices_may_write_files_the_auth_door_may_read_them_and_nobody_may_list_or_delete(stage: str) -> None:
    roles = {
        function["Role"]["Fn::GetAtt"][0]: handler.removesuffix(".handler").removeprefix("functions.")
        for handler, function in functions(stage).items()
    }
    policies = resources(stage, "AWS::IAM::Policy")
    granted: dict[str, set[str]] = {}
    for name, statement in statements(stage):
        actions = {action for action in as_list(statement["Action"]) if action.startswith("s3:")}
        if actions:
            (role,) = policies[name]["Properties"]["Roles"]
            granted.setdefault(roles[role["Ref"]], set()).update(actions)
    assert granted == {
        "auth.api": {"s3:GetObject"},
        "auth.privacy": {"s3:PutObject"},
        "sms.privacy": {"s3:PutObject"},
        "billing.privacy": {"s3:PutObject"},
    }, json.dumps({name: sorted(actions) for name, actions in granted.items()})
