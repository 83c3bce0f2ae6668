"""Patience: nobody waits as long as the message is hidden that it works on, so that no second copy of it begins."""

from itertools import pairwise

from functions.sms import sweep
from functions.sms.delivery import handover
from mifumo import backoff, queue
from tests.infra.reading import Resource, every_stage, functions, properties, resources

# What mifumo.backoff waits between all its attempts at one write, and boto3 for one answer.
_BACKOFF_S = sum(min(backoff._PAUSE_MAX_S, backoff._PAUSE_S * 2**n) for n in range(backoff.TRIES))


def environment(stage: str, handler: str) -> dict[str, str]:
    found: dict[str, str] = functions(stage)[handler]["Environment"]["Variables"]
    return found


def consumers(stage: str) -> list[tuple[Resource, Resource]]:
    """Each queue with the function that it feeds."""
    queues, found = resources(stage, "AWS::SQS::Queue"), resources(stage, "AWS::Lambda::Function")
    return [
        (
            queues[mapping["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"],
            found[mapping["FunctionName"]["Ref"]]["Properties"],
        )
        for mapping in properties(stage, "AWS::Lambda::EventSourceMapping")
    ]


@every_stage
def test_every_wait_within_an_invocation_ends_before_its_message_is_seen_again(stage: str) -> None:
    for waiting, function in consumers(stage):
        settings = function["Environment"]["Variables"]
        hidden_s, timeout_s = waiting["VisibilityTimeout"], function["Timeout"]
        for name in ("PROVIDER_TIMEOUT_S", "HOOK_TIMEOUT_S"):
            assert float(settings.get(name, 0)) + _BACKOFF_S < timeout_s, (function["Handler"], name)
        assert timeout_s < hidden_s


@every_stage
def test_a_claim_outlives_its_worker_and_the_sweep_knows_it(stage: str) -> None:
    worker = functions(stage)["functions.sms.worker.handler"]
    lease_s = float(worker["Environment"]["Variables"]["CLAIM_LEASE_S"])
    assert worker["Timeout"] < lease_s
    assert lease_s == float(environment(stage, "functions.sms.sweep.handler")["CLAIM_LEASE_S"])


@every_stage
def test_every_delay_that_is_asked_of_a_queue_is_one_that_it_keeps(stage: str) -> None:
    worker = environment(stage, "functions.sms.worker.handler")
    assert handover._RETRY_MAX_S <= queue.DELAY_MAX_S
    assert float(worker["REPORT_PULL_AFTER_S"]) <= queue.DELAY_MAX_S
    assert float(worker["SEND_RETRY_BASE_S"]) < handover._RETRY_MAX_S
    for waiting, _ in consumers(stage):
        assert waiting.get("DelaySeconds", 0) == 0  # every message says its own


@every_stage
def test_whoever_is_told_later_than_a_queue_can_wait_is_told_by_the_sweep(stage: str) -> None:
    gaps = [float(gap) for gap in environment(stage, "functions.sms.hooks_worker.handler")["HOOK_RETRIES_S"].split(",")]
    assert all(earlier <= later for earlier, later in pairwise(gaps))
    timeout_s = functions(stage)["functions.sms.sweep.handler"]["Timeout"]
    assert sweep._MARGIN_MS / 1_000 < timeout_s < 60


@every_stage
def test_an_alarm_rings_when_the_oldest_open_text_is_not_moved_on(stage: str) -> None:
    (alarm,) = [
        alarm
        for alarm in properties(stage, "AWS::CloudWatch::Alarm")
        if alarm["MetricName"] == "OldestChunkLateSeconds"
    ]
    assert alarm["Statistic"] == "Maximum"
    assert alarm["AlarmActions"]
    # Some sweeps after its moment, and long before anybody has waited for three days.
    assert 5 * 60 <= alarm["Threshold"] <= 3_600


@every_stage
def test_an_alarm_rings_when_a_text_is_put_off_again_and_again_for_hours(stage: str) -> None:
    (alarm,) = [
        alarm for alarm in properties(stage, "AWS::CloudWatch::Alarm") if alarm["MetricName"] == "TextsWaitedSeconds"
    ]
    assert alarm["Statistic"] == "Maximum"
    assert alarm["Period"] >= queue.DELAY_MAX_S, "what waits is looked at once in it at least"
    assert alarm["AlarmActions"]
    # Ten million segments take two hours at a tenant's rate on AWS; nobody should wait for half a day.
    assert 2 * 3_600 < alarm["Threshold"] <= 12 * 3_600
