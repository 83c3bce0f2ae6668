"""A function: least privilege, its own logs, traced, and with an alarm on its errors."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.nag import acknowledge
from infra.parts import bundle
from infra.parts.house import House
from infra.parts.layer import architecture, code, runtime
from infra.parts.logs import LogGroup

DOOR_TIMEOUT_S = 29  # the gateway hangs up after 30 s


class Function(lambda_.Function):
    """The handler's name says the slice: `functions.sms.api.handler` runs from the code of `functions/sms/`.

    It names the part of the slice as well where that has libraries of its own.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        handler: str,
        house: House,
        environment: Mapping[str, str],
        memory_mb: int = 512,
        timeout_s: int = DOOR_TIMEOUT_S,
        traced: bool = True,
    ) -> None:
        stage = house.stage
        slice_name = handler.split(".")[1]
        # AWS's managed policy for logs would allow every log group of the account.
        role = iam.Role(scope, f"{name}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group = LogGroup(scope, f"{name}Logs", stage=stage)
        log_group.grant_write(role)
        super().__init__(
            scope,
            name,
            handler=handler,
            code=code(scope, bundle.function(stage, slice_name, bundle.part_of(handler))),
            layers=[house.layer],
            runtime=runtime(stage),
            architecture=architecture(stage),
            memory_size=memory_mb,
            timeout=Duration.seconds(timeout_s),
            role=role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            # Start and report lines of the platform would cost more than all of ours.
            system_log_level_v2=lambda_.SystemLogLevel.WARN,
            tracing=lambda_.Tracing.ACTIVE if traced else lambda_.Tracing.DISABLED,
            environment={
                "STAGE": stage.name,
                "POWERTOOLS_SERVICE_NAME": slice_name,
                "POWERTOOLS_METRICS_NAMESPACE": "Mifumo",
                "POWERTOOLS_LOG_LEVEL": "INFO",
                **environment,
            },
        )
        house.alerts.on(
            self.metric_errors(period=Duration.minutes(1)), scope=self, above=0, meaning=f"{handler} has failed"
        )
        if traced:
            acknowledge(
                role,
                "AwsSolutions-IAM5[Resource::*]",
                "Active tracing writes to X-Ray, whose write actions know no resources to narrow them to.",
            )
        acknowledge(
            self,
            "AwsSolutions-L1",
            "The Python version is one value per stage: the newest that the libraries are tested with on AWS, and "
            "the machine's own on the local stage, because the emulator runs functions as its processes.",
        )
