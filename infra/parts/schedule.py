"""A schedule: invokes a function every so many minutes or every day, under a role that can do nothing else."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from infra.parts.house import House
from infra.parts.queue import DeadLetters

# An invocation that could not be delivered for so long is the next one's work.
_AGE_MAX = Duration.minutes(1)


class _Every(Construct):
    def __init__(
        self, scope: Construct, name: str, *, function: lambda_.Function, house: House, gap: Duration, words: str
    ) -> None:
        super().__init__(scope, name)
        dead = DeadLetters(
            self, "Dead", stage=house.stage, alerts=house.alerts, meaning=f"{name}: invocations were not delivered"
        )
        role = scheduler_role(self)
        # Written by hand, because the target's own grant covers every version and alias of the function.
        function_arn, dead_arn = function.function_arn, dead.queue.queue_arn
        role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function_arn]))
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[dead_arn]))
        scheduler.Schedule(
            self,
            "Schedule",
            description=f"{name}, {words}",
            schedule=scheduler.ScheduleExpression.rate(gap),
            time_window=scheduler.TimeWindow.off(),
            target=targets.LambdaInvoke(
                function,
                role=role.without_policy_updates(),
                dead_letter_queue=dead.queue,
                max_event_age=_AGE_MAX,
                retry_attempts=2,
            ),
        )
        # What a run has left undone is the next one's: it is not repeated.
        function.configure_async_invoke(retry_attempts=0, max_event_age=_AGE_MAX)


def scheduler_role(scope: Construct) -> iam.Role:
    """A role that the scheduler alone may take, and only for this account."""
    return iam.Role(
        scope,
        "Role",
        assumed_by=iam.ServicePrincipal(
            "scheduler.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}},
        ),
    )


class EveryMinute(_Every):
    """Every minute, or every so many `minutes` for work that may wait."""

    def __init__(
        self, scope: Construct, name: str, *, function: lambda_.Function, house: House, minutes: int = 1
    ) -> None:
        words = "every minute" if minutes == 1 else f"every {minutes} minutes"
        super().__init__(scope, name, function=function, house=house, gap=Duration.minutes(minutes), words=words)


class EveryDay(_Every):
    def __init__(self, scope: Construct, name: str, *, function: lambda_.Function, house: House) -> None:
        super().__init__(scope, name, function=function, house=house, gap=Duration.days(1), words="every day")
