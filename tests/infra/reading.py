"""Reading templates: resources by kind, functions by handler, and what leads where."""

from collections.abc import Iterator
from typing import Any

import pytest

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
    appointed = {
        function["Environment"]["Variables"]["SCHEDULES_DEAD"]["Fn::GetAtt"][0]
        for function in properties(stage, "AWS::Lambda::Function")
        if "SCHEDULES_DEAD" in function.get("Environment", {}).get("Variables", {})
    }
    return redriven | scheduled | appointed


def working_queues(stage: str) -> dict[str, Resource]:
    dead = dead_letter_queues(stage)
    return {name: queue for name, queue in resources(stage, "AWS::SQS::Queue").items() if name not in dead}
