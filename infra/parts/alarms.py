"""Alerts: one topic that people subscribe to, and the alarms that write to it."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.nag import acknowledge
from infra.parts.emulator import enforce_ssl
from infra.stage import Stage


class Alerts(Construct):
    def __init__(self, scope: Construct, name: str, *, stage: Stage) -> None:
        super().__init__(scope, name)
        self.topic = sns.Topic(self, "Topic", enforce_ssl=enforce_ssl(stage))
        if not enforce_ssl(stage):
            acknowledge(
                self.topic, "AwsSolutions-SNS3", "The emulator is reached over http on the loopback interface only."
            )
        # A topic with a policy of its own loses the default one, which is what lets alarms publish.
        self.topic.grant_publish(
            iam.ServicePrincipal(
                "cloudwatch.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )

    def on(self, metric: cloudwatch.Metric, *, scope: Construct, above: int, meaning: str) -> None:
        """Tells people when the metric exceeds `above`; no data is good news."""
        alarm = cloudwatch.Alarm(
            scope,
            "Alarm",
            metric=metric,
            threshold=above,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=meaning,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))

    def ring(self, *, scope: Construct, service: str, meanings: dict[str, str]) -> None:
        """Tells people whenever the service counts one of these metrics, and what it means."""
        for name, meaning in meanings.items():
            metric = cloudwatch.Metric(
                namespace="Mifumo",
                metric_name=name,
                dimensions_map={"service": service},
                statistic="Sum",
                period=Duration.minutes(5),
            )
            self.on(metric, scope=Construct(scope, name), above=0, meaning=meaning)
