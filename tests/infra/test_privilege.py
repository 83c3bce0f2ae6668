"""Least privilege: no wildcard, no managed policy, nothing that only the emulator needs on AWS."""

import json
import re

import pytest

from tests.infra.reading import AWS_STAGES, as_list, every_stage, functions, properties, resources, statements
from tests.infra.templates import template

# The emulator takes every schedule for one of the default group.
_GROUPS = {False: "[^*]*Appointments[^*]*", True: "(default|[^*]*Appointments[^*]*)"}


@every_stage
def test_no_grant_has_a_wildcard_but_tracing(stage: str) -> None:
    for name, statement in statements(stage):
        actions = as_list(statement["Action"])
        assert not [action for action in actions if "*" in action], name
        if set(actions) == {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}:
            continue  # X-Ray's write actions know no resources
        if set(actions) <= {"s3:PutObject", "s3:GetObject"}:
            (bucket, objects) = statement["Resource"]["Fn::Join"][1]  # every object of one bucket, and of no other
            assert objects == "/*", name
            (named,) = bucket.values()  # by this stack, or by the one it is imported from
            assert {"Bucket", "Arn"} <= set(re.findall("Bucket|Arn", json.dumps(named))), name
            continue
        if all(action.startswith("scheduler:") for action in actions):
            for schedules in map(json.dumps, as_list(statement["Resource"])):  # every schedule of one group
                group = (
                    "(default|[A-Za-z-]*Appointments-Group-[0-9A-F]+)" if stage == "local" else "[^*]*Appointments[^*]*"
                )
                assert re.search(rf":schedule/{group}/\*[^*]*$", schedules), name
            continue
        assert "*" not in json.dumps(statement["Resource"]), name


@every_stage
def test_no_role_uses_a_managed_policy(stage: str) -> None:
    for role in properties(stage, "AWS::IAM::Role"):
        assert "ManagedPolicyArns" not in role


@every_stage
def test_nobody_may_scan_and_nobody_may_delete_money(stage: str) -> None:
    for name, statement in statements(stage):
        actions = as_list(statement["Action"])
        assert "dynamodb:Scan" not in actions, name
        if "Ledger" in json.dumps(statement["Resource"]):
            # A batch write knows no conditions, and its requests may be deletions.
            assert not {"dynamodb:DeleteItem", "dynamodb:BatchWriteItem"} & set(actions), name


@every_stage
def test_nobody_may_change_or_delete_an_audit_entry_and_one_slice_may_read_them(stage: str) -> None:
    readers = set()
    for name, statement in statements(stage):
        if "Audit" not in json.dumps(statement["Resource"]):
            continue
        actions = set(as_list(statement["Action"]))
        assert actions <= {"dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}, name
        if actions - {"dynamodb:PutItem"}:
            readers.add(name)
    assert len(readers) == 2
    assert all(reader.startswith(("AuthApiRole", "AuthPrivacyWorkerRole")) for reader in readers)


@every_stage
def test_the_public_door_can_only_write_an_event_down_and_wake_a_worker(stage: str) -> None:
    role = functions(stage)["functions.webhooks.api.handler"]["Role"]["Fn::GetAtt"][0]
    policies = resources(stage, "AWS::IAM::Policy").values()
    (policy,) = [one["Properties"] for one in policies if {"Ref": role} in one["Properties"]["Roles"]]
    actions = {action for one in policy["PolicyDocument"]["Statement"] for action in as_list(one["Action"])}
    assert {action for action in actions if action.startswith("dynamodb:")} == {"dynamodb:PutItem"}
    assert "sqs:ReceiveMessage" not in actions


@pytest.mark.parametrize("stage", AWS_STAGES)
def test_what_only_the_emulator_needs_is_not_deployed_to_aws(stage: str) -> None:
    text = json.dumps(template(stage, "service"))
    assert "MessageBatch" not in text
    assert "VisibilityBatch" not in text
    assert "ms-custom-id" not in text
    assert "127.0.0.1" not in text


@pytest.mark.parametrize("stage", AWS_STAGES)
def test_queues_and_alerts_are_spoken_to_over_tls_only(stage: str) -> None:
    guarded = {
        policy["Queues"][0]["Ref"]
        for policy in properties(stage, "AWS::SQS::QueuePolicy")
        if '"aws:SecureTransport": "false"' in json.dumps(policy)
    }
    assert guarded == set(resources(stage, "AWS::SQS::Queue"))
    (topic,) = properties(stage, "AWS::SNS::TopicPolicy")
    effects = {statement["Effect"]: statement for statement in topic["PolicyDocument"]["Statement"]}
    assert effects["Deny"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert effects["Allow"]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}


@every_stage
def test_doors_that_make_no_callers_may_count_them_and_change_nothing_of_them(stage: str) -> None:
    """Keys and tenants stand in the same table: who writes there may write counters alone."""
    for handler in ("functions.sms.api.handler", "functions.billing.api.handler"):
        role = functions(stage)[handler]["Role"]["Fn::GetAtt"][0]
        policies = resources(stage, "AWS::IAM::Policy").values()
        (policy,) = [one["Properties"] for one in policies if {"Ref": role} in one["Properties"]["Roles"]]
        writing = [
            one
            for one in policy["PolicyDocument"]["Statement"]
            if "Access" in json.dumps(one["Resource"])
            and not set(as_list(one["Action"])) <= {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}
        ]
        assert [as_list(one["Action"]) for one in writing] == [["dynamodb:UpdateItem"]], handler
        (condition,) = [one["Condition"] for one in writing]
        assert condition == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["RATE#*", "USED#*"]}}


@every_stage
def test_who_prints_may_read_and_mark_documents_and_change_no_money(stage: str) -> None:
    role = functions(stage)["functions.billing.printing.worker.handler"]["Role"]["Fn::GetAtt"][0]
    policies = resources(stage, "AWS::IAM::Policy").values()
    (policy,) = [one["Properties"] for one in policies if {"Ref": role} in one["Properties"]["Roles"]]
    granted = {
        action: one.get("Condition")
        for one in policy["PolicyDocument"]["Statement"]
        for action in as_list(one["Action"])
        if action.startswith("dynamodb:")
    }
    documents = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["DOC#*"]}}
    assert granted == {
        "dynamodb:GetItem": documents,
        "dynamodb:BatchGetItem": documents,
        "dynamodb:UpdateItem": documents,
        "dynamodb:Query": None,
    }


@every_stage
def test_one_function_may_list_tenants_and_the_others_need_to_know_of_whom_they_ask(stage: str) -> None:
    """A door that could query the table of keys and tenants could list them all."""
    askers = {
        name
        for name, statement in statements(stage)
        if "Access" in json.dumps(statement["Resource"])
        and "dynamodb:Query" in as_list(statement["Action"])
        and "Condition" not in statement  # which names the partitions that may be asked for
    }
    assert len(askers) == 1
    assert askers.pop().startswith("AuthApiRole")


@every_stage
def test_who_forgets_numbers_may_mark_requests_and_change_what_is_theirs_and_no_more(stage: str) -> None:
    """Keys and tenants stand beside the requests; money is changed, and neither made nor deleted."""
    own = {"sms": ("Messaging", {"DeleteItem"}), "billing": ("Ledger", set())}
    for slice_name, (table, more) in own.items():
        role = functions(stage)[f"functions.{slice_name}.privacy.handler"]["Role"]["Fn::GetAtt"][0]
        policies = resources(stage, "AWS::IAM::Policy").values()
        (policy,) = [one["Properties"] for one in policies if {"Ref": role} in one["Properties"]["Roles"]]
        granted: dict[str, set[str]] = {}
        for one in policy["PolicyDocument"]["Statement"]:
            actions = {name.partition(":")[2] for name in as_list(one["Action"]) if name.startswith("dynamodb:")}
            where = json.dumps(one["Resource"])
            for name in ("Accounts", "Access", "Messaging", "Ledger", "Audit"):
                if actions and name in where:
                    granted.setdefault(name, set()).update(actions)
            if actions and "Access" in where:
                assert one["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["PRIVACY#*"]}}
        assert granted == {
            "Access": {"GetItem", "BatchGetItem", "UpdateItem"},
            table: {"GetItem", "BatchGetItem", "Query", "UpdateItem", *more},
        }
