"""Appointments: schedules that functions make, each of which puts a message on one queue once, at its moment."""

from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.nag import acknowledge
from infra.parts.emulator import schedule_groups
from infra.parts.house import House
from infra.parts.queue import DeadLetters, Queue
from infra.parts.schedule import scheduler_role


class Appointments(Construct):
    """A group of schedules that fire once and put a message on one queue, under a role that can do nothing else."""

    def __init__(self, scope: Construct, name: str, *, queue: Queue, house: House) -> None:
        super().__init__(scope, name)
        self._stage = house.stage
        self.dead = DeadLetters(
            self, "Dead", stage=house.stage, alerts=house.alerts, meaning=f"{name}: a schedule could not be delivered"
        )
        self.role = scheduler_role(self)
        for arn in (queue.arn, self.dead.queue.queue_arn):
            self.role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[arn]))
        self.group = scheduler.ScheduleGroup(self, "Group")
        self.environment = {
            "SCHEDULES_GROUP": self.group.schedule_group_name,
            "SCHEDULES_ROLE": self.role.role_arn,
            "SCHEDULES_DEAD": self.dead.queue.queue_arn,
            "STARTS_QUEUE_ARN": queue.arn,
        }

    def grant(self, function: lambda_.Function) -> None:
        """Lets a function make, move and drop schedules of this group, each of which acts under the group's role."""
        stack = Stack.of(self)
        schedules = [
            stack.format_arn(service="scheduler", resource="schedule", resource_name=f"{group}/*")
            for group in schedule_groups(self._stage, self.group.schedule_group_name)
        ]
        iam.Grant.add_to_principal(
            grantee=function,
            actions=["scheduler:CreateSchedule", "scheduler:UpdateSchedule", "scheduler:DeleteSchedule"],
            resource_arns=schedules,
        )
        for arn in schedules:
            acknowledge(
                function.role or function,
                f"AwsSolutions-IAM5[Resource::{_as_nag_says(stack.resolve(arn))}]",
                "Every schedule of this one group: each is named after the batch that it starts.",
            )
        self.role.grant_pass_role(function.grant_principal)


def _as_nag_says(arn: Any) -> str:
    """Writes an ARN as cdk-nag does."""
    if isinstance(arn, str):
        return arn
    return "".join(part if isinstance(part, str) else f"<{part['Ref']}>" for part in arn["Fn::Join"][1])
