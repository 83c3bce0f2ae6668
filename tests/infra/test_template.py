"""What the templates of every stage promise: safe data, least privilege, and somebody told when it breaks."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.infra.tables import definitions
from tests.infra.templates import STAGES, template

Resource = dict[str, Any]
every_stage = pytest.mark.parametrize("stage", STAGES)
AWS_STAGES = [stage for stage in STAGES if stage != "local"]


def resources(stage: str, kind: str) -> dict[str, Resource]:
    return {
        name: resource
        for stack in ("data", "service")
        for name, resource in template(stage, stack)["Resources"].items()
        if resource["Type"] == kind
    }


def properties(stage: str, kind: str) -> list[Resource]:
    found = [resource["Properties"] for resource in resources(stage, kind).values()]
    assert found, f"no {kind} in {stage}"
    return found


def functions(stage: str) -> dict[str, Resource]:
    """Each function's properties by its handler."""
    return {function["Handler"]: function for function in properties(stage, "AWS::Lambda::Function")}


def statements(stage: str) -> Iterator[tuple[str, Resource]]:
    """Every statement that allows something to a role of ours."""
    for name, policy in resources(stage, "AWS::IAM::Policy").items():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            yield name, statement


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def dead_letter_queues(stage: str) -> set[str]:
    """The queues that a queue or a schedule gives up into."""
    redriven = {
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in properties(stage, "AWS::SQS::Queue")
        if "RedrivePolicy" in queue
    }
    scheduled = {
        schedule["Target"]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]
        for schedule in properties(stage, "AWS::Scheduler::Schedule")
    }
    return redriven | scheduled


def working_queues(stage: str) -> dict[str, Resource]:
    dead = dead_letter_queues(stage)
    return {name: queue for name, queue in resources(stage, "AWS::SQS::Queue").items() if name not in dead}


# --- data ---------------------------------------------------------------------------------------------------


@every_stage
def test_every_table_is_encrypted_on_demand_and_restorable_to_any_second(stage: str) -> None:
    tables = properties(stage, "AWS::DynamoDB::GlobalTable")
    assert len(tables) == 4
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
        "ACCESS_TABLE": {},
        "MESSAGING_TABLE": {"listing": listing, "numbers": ("number_pk", "number_sk", "KEYS_ONLY"), "due": due},
        "LEDGER_TABLE": {"listing": listing, "due": due},
    }


def test_everything_but_money_may_expire() -> None:
    expiring = {variable: table.get("TimeToLiveSpecification") for variable, table in definitions().items()}
    ttl = {"AttributeName": "ttl", "Enabled": True}
    assert expiring == {
        "ACCOUNTS_TABLE": ttl,
        "ACCESS_TABLE": ttl,
        "MESSAGING_TABLE": ttl,
        "LEDGER_TABLE": None,
    }


@every_stage
def test_secrets_are_made_up_by_aws_and_safe_in_a_path(stage: str) -> None:
    made = [secret["GenerateSecretString"] for secret in properties(stage, "AWS::SecretsManager::Secret")]
    assert {secret["GenerateStringKey"]: json.loads(secret["SecretStringTemplate"]) for secret in made} == {
        "k1": {"current": "k1"},
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


# --- privilege ----------------------------------------------------------------------------------------------


@every_stage
def test_no_grant_has_a_wildcard_but_tracing(stage: str) -> None:
    for name, statement in statements(stage):
        actions = as_list(statement["Action"])
        assert not [action for action in actions if "*" in action], name
        if set(actions) == {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}:
            continue  # X-Ray's write actions know no resources
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


# --- functions ----------------------------------------------------------------------------------------------


@every_stage
def test_functions_run_what_the_stage_says_and_are_traced(stage: str) -> None:
    local = stage == "local"
    for function in functions(stage).values():
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert len(function["Layers"]) == 1
        assert function["Environment"]["Variables"]["STAGE"] == stage
        if not local:
            assert function["Runtime"] == "python3.13"
            assert function["Architectures"] == ["arm64"]


def test_each_function_has_the_memory_its_work_needs() -> None:
    memory = {handler: function["MemorySize"] for handler, function in functions("prod").items()}
    assert memory.pop("functions.auth.api.handler") == 1024
    assert memory.pop("functions.webhooks.api.handler") == 256
    assert set(memory.values()) == {512}


@pytest.mark.parametrize(("stage", "days"), [("local", 7), ("dev", 30), ("prod", 365)])
def test_every_function_logs_into_a_group_that_forgets(stage: str, days: int) -> None:
    groups = resources(stage, "AWS::Logs::LogGroup")
    assert {group["Properties"]["RetentionInDays"] for group in groups.values()} == {days}
    used = [function["LoggingConfig"]["LogGroup"]["Ref"] for function in functions(stage).values()]
    assert len(set(used)) == len(used)
    assert set(used) < set(groups)  # the rest is the API's access log


@every_stage
def test_a_door_gives_up_before_the_gateway_does(stage: str) -> None:
    for handler, function in functions(stage).items():
        if handler.endswith(".api.handler"):
            assert function["Timeout"] < 30
            wait_s = int(function["Environment"]["Variables"].get("PROVIDER_TIMEOUT_S", "0"))
            assert wait_s <= function["Timeout"] - 5  # time to write down that the outcome is unknown


@every_stage
def test_a_worker_outlives_a_call_to_its_provider(stage: str) -> None:
    for handler in ("functions.sms.worker.handler", "functions.billing.worker.handler"):
        function = functions(stage)[handler]
        assert int(function["Environment"]["Variables"]["PROVIDER_TIMEOUT_S"]) * 2 <= function["Timeout"]


@every_stage
def test_every_function_has_an_alarm_on_its_errors(stage: str) -> None:
    watched = {
        alarm["Dimensions"][0]["Value"]["Ref"]
        for alarm in properties(stage, "AWS::CloudWatch::Alarm")
        if alarm["MetricName"] == "Errors"
    }
    assert watched == set(resources(stage, "AWS::Lambda::Function"))


@every_stage
def test_every_alarm_tells_somebody_and_takes_silence_for_health(stage: str) -> None:
    (topic,) = resources(stage, "AWS::SNS::Topic")
    for alarm in properties(stage, "AWS::CloudWatch::Alarm"):
        assert alarm["AlarmActions"] == [{"Ref": topic}]
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
        assert alarm["TreatMissingData"] == "notBreaching"


# --- queues and schedules -----------------------------------------------------------------------------------


@every_stage
def test_every_queue_has_a_dead_letter_queue_a_consumer_and_patience(stage: str) -> None:
    timeouts = {
        name: function["Properties"]["Timeout"] for name, function in resources(stage, "AWS::Lambda::Function").items()
    }
    consumers = {
        mapping["EventSourceArn"]["Fn::GetAtt"][0]: mapping
        for mapping in properties(stage, "AWS::Lambda::EventSourceMapping")
    }
    queues = working_queues(stage)
    assert len(queues) == 4
    assert set(consumers) == set(queues)
    for name, queue in queues.items():
        assert queue["Properties"]["RedrivePolicy"]["maxReceiveCount"] == 5
        assert consumers[name]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        timeout = timeouts[consumers[name]["FunctionName"]["Ref"]]
        assert queue["Properties"]["VisibilityTimeout"] >= 6 * timeout


@every_stage
def test_dead_letters_are_kept_for_two_weeks_and_ring_an_alarm(stage: str) -> None:
    dead = dead_letter_queues(stage)
    watched = {
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for alarm in properties(stage, "AWS::CloudWatch::Alarm")
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
    }
    assert watched == dead
    queues = resources(stage, "AWS::SQS::Queue")
    for name in dead:
        assert queues[name]["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600


@every_stage
def test_every_queue_is_encrypted(stage: str) -> None:
    for queue in properties(stage, "AWS::SQS::Queue"):
        assert queue["SqsManagedSseEnabled"] is True


@every_stage
def test_both_lanes_feed_one_worker_which_takes_a_chunk_at_a_time(stage: str) -> None:
    (worker,) = [
        name
        for name, function in resources(stage, "AWS::Lambda::Function").items()
        if function["Properties"]["Handler"] == "functions.sms.worker.handler"
    ]
    lanes = [
        mapping
        for mapping in properties(stage, "AWS::Lambda::EventSourceMapping")
        if mapping["FunctionName"] == {"Ref": worker}
    ]
    assert len(lanes) == 2
    for lane in lanes:
        assert lane["BatchSize"] == 1
        assert lane["ScalingConfig"]["MaximumConcurrency"] >= 2


@every_stage
def test_sweeps_run_every_minute_and_end_before_the_next_one_starts(stage: str) -> None:
    schedules = properties(stage, "AWS::Scheduler::Schedule")
    swept = {schedule["Target"]["Arn"]["Fn::GetAtt"][0] for schedule in schedules}
    found = resources(stage, "AWS::Lambda::Function")
    assert {found[name]["Properties"]["Handler"] for name in swept} == {
        "functions.sms.sweep.handler",
        "functions.billing.sweep.handler",
    }
    assert {schedule["ScheduleExpression"] for schedule in schedules} == {"rate(1 minute)"}
    assert all(found[name]["Properties"]["Timeout"] < 60 for name in swept)


# --- the API ------------------------------------------------------------------------------------------------


@every_stage
def test_every_path_leads_to_its_slice(stage: str) -> None:
    integrations = resources(stage, "AWS::ApiGatewayV2::Integration")
    found = resources(stage, "AWS::Lambda::Function")
    led = {}
    for route in properties(stage, "AWS::ApiGatewayV2::Route"):
        integration = integrations[route["Target"]["Fn::Join"][1][1]["Ref"]]["Properties"]
        assert integration["PayloadFormatVersion"] == "2.0"
        led[route["RouteKey"]] = found[integration["IntegrationUri"]["Fn::GetAtt"][0]]["Properties"]["Handler"]
    assert led == {
        "$default": "functions.auth.api.handler",
        "ANY /api/admin/auth/{proxy+}": "functions.auth.api.handler",
        "ANY /api/admin/billing/{proxy+}": "functions.billing.api.handler",
        "ANY /api/admin/sms/{proxy+}": "functions.sms.api.handler",
        "ANY /api/auth/{proxy+}": "functions.auth.api.handler",
        "ANY /api/billing/{proxy+}": "functions.billing.api.handler",
        "ANY /api/docs": "functions.auth.api.handler",
        "ANY /api/docs/{proxy+}": "functions.auth.api.handler",
        "ANY /api/sms/{proxy+}": "functions.sms.api.handler",
        "ANY /api/tenant/{proxy+}": "functions.auth.api.handler",
        "ANY /api/webhooks/{proxy+}": "functions.webhooks.api.handler",
    }


@every_stage
def test_the_api_is_throttled_and_its_log_holds_no_path(stage: str) -> None:
    (live,) = properties(stage, "AWS::ApiGatewayV2::Stage")
    assert live["StageName"] == "$default"
    assert live["AutoDeploy"] is True
    assert live["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0
    assert live["DefaultRouteSettings"]["ThrottlingBurstLimit"] > 0
    logged = set(json.loads(live["AccessLogSettings"]["Format"]).values())
    assert "$context.routeKey" in logged
    assert "$context.path" not in logged  # a callback's path holds its token


@every_stage
def test_browsers_are_let_in_from_the_configured_origins_only(stage: str) -> None:
    (api,) = properties(stage, "AWS::ApiGatewayV2::Api")
    cors = api["CorsConfiguration"]
    assert cors["AllowOrigins"]
    assert "*" not in cors["AllowOrigins"]
    assert set(cors["AllowHeaders"]) == {"Authorization", "Content-Type", "Idempotency-Key", "X-Request-Id"}
    assert {"Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id", "Idempotent-Replayed"} <= set(
        cors["ExposeHeaders"]
    )
    for handler, function in functions(stage).items():
        if handler.endswith(".api.handler"):
            assert function["Environment"]["Variables"]["CORS_ORIGINS"].split(",") == cors["AllowOrigins"]


def test_the_local_api_has_an_id_that_stays() -> None:
    (api,) = properties("local", "AWS::ApiGatewayV2::Api")
    assert len(api["Tags"]["ms-custom-id"]) == 8
    assert int(api["Tags"]["ms-custom-id"], 16)


def test_on_aws_providers_call_back_the_api_itself_unless_an_origin_is_named() -> None:
    api = next(iter(resources("prod", "AWS::ApiGatewayV2::Api")))
    variables = functions("prod")["functions.billing.worker.handler"]["Environment"]["Variables"]
    assert variables["PUBLIC_URL"] == {"Fn::GetAtt": [api, "ApiEndpoint"]}
    local = functions("local")["functions.billing.worker.handler"]["Environment"]["Variables"]
    assert local["PUBLIC_URL"] == "http://127.0.0.1:8080"
