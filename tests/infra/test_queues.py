"""Queues and schedules: a consumer, a dead-letter queue, patience, and an alarm."""

from tests.infra.reading import dead_letter_queues, every_stage, properties, resources, working_queues


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
    assert len(queues) == 15
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
def test_sweeps_run_on_time_and_end_before_the_next_one_starts(stage: str) -> None:
    schedules = properties(stage, "AWS::Scheduler::Schedule")
    swept = {schedule["Target"]["Arn"]["Fn::GetAtt"][0] for schedule in schedules}
    found = resources(stage, "AWS::Lambda::Function")
    assert {found[name]["Properties"]["Handler"] for name in swept} == {
        "functions.auth.sweep.handler",
        "functions.sms.checkup.handler",
        "functions.sms.sweep.handler",
        "functions.billing.sweep.handler",
        "functions.billing.nightly.handler",
        "functions.billing.reconciling.handler",
        "functions.billing.invoicing.handler",
        "functions.billing.printing.worker.handler",
        "functions.billing.refresh.handler",
    }
    for schedule in schedules:
        function = found[schedule["Target"]["Arn"]["Fn::GetAtt"][0]]["Properties"]
        minutes = _MINUTES.get(function["Handler"], 1)
        assert _minutes(schedule["ScheduleExpression"]) == minutes
        assert function["Timeout"] < 60 * minutes


# What runs less often than every minute.
_MINUTES = {
    "functions.billing.nightly.handler": 15,
    "functions.billing.reconciling.handler": 30,
    "functions.billing.refresh.handler": 24 * 60,
}


def _minutes(expression: str) -> int:
    count, unit = expression.removeprefix("rate(").removesuffix(")").split(" ")
    return int(count) * (24 * 60 if unit.startswith("day") else 1)
