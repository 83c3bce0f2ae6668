"""Functions in the templates: what they run on, how long they wait, and who hears of their errors."""

import pytest

from tests.infra.reading import every_stage, functions, properties, resources


@every_stage
def test_functions_run_what_the_stage_says_and_are_traced(stage: str) -> None:
    local = stage == "local"
    for handler, function in functions(stage).items():
        traced = handler != "functions.webhooks.api.handler"  # one call a text
        assert ("TracingConfig" in function) is traced
        assert function.get("TracingConfig", {"Mode": "Active"}) == {"Mode": "Active"}
        assert function["LoggingConfig"]["SystemLogLevel"] == "WARN"
        assert len(function["Layers"]) == 1
        assert function["Environment"]["Variables"]["STAGE"] == stage
        if not local:
            assert function["Runtime"] == "python3.13"
            assert function["Architectures"] == ["arm64"]


def test_each_function_has_the_memory_its_work_needs() -> None:
    memory = {handler: function["MemorySize"] for handler, function in functions("prod").items()}
    assert memory.pop("functions.auth.api.handler") == 1024
    assert memory.pop("functions.webhooks.api.handler") == 256
    # it waits for customers most of the time
    assert memory.pop("functions.sms.hooks_worker.handler") == 256
    # it reads files row by row, and gets a whole CPU for it
    assert memory.pop("functions.sms.splitter.handler") == 1769
    # it writes files of a million rows
    assert memory.pop("functions.sms.scribe.handler") == 1769
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


_WAITS = {"OldestChunkLateSeconds": 900, "TextsWaitedSeconds": 21_600}


@every_stage
def test_every_alarm_tells_somebody_and_takes_silence_for_health(stage: str) -> None:
    (topic,) = resources(stage, "AWS::SNS::Topic")
    for alarm in properties(stage, "AWS::CloudWatch::Alarm"):
        assert alarm["AlarmActions"] == [{"Ref": topic}]
        # Whatever is counted rings at the first; what waits rings when it has waited for long.
        threshold = _WAITS.get(alarm["MetricName"], 0)
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (threshold, "GreaterThanThreshold")
        assert alarm["TreatMissingData"] == "notBreaching"
