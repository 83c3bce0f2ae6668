"""A log group: named by CloudFormation, kept as long as the stage says, and never for ever."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.stage import Stage

_RETENTION = {7: logs.RetentionDays.ONE_WEEK, 30: logs.RetentionDays.ONE_MONTH, 365: logs.RetentionDays.ONE_YEAR}


class LogGroup(logs.LogGroup):
    def __init__(self, scope: Construct, name: str, *, stage: Stage) -> None:
        super().__init__(
            scope,
            name,
            retention=_RETENTION[stage.log_days],
            removal_policy=RemovalPolicy.RETAIN if stage.retained else RemovalPolicy.DESTROY,
        )
