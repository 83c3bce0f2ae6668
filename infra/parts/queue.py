"""A queue: standard, encrypted, with a dead-letter queue that rings an alarm."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IDependable

from infra.nag import acknowledge
from infra.parts.alarms import Alerts
from infra.parts.emulator import consume_actions, enforce_ssl, send_actions
from infra.parts.house import House
from infra.stage import Stage

_ATTEMPTS_MAX = 5
_VISIBILITY_TIMEOUTS = 6  # AWS's advice: a throttled consumer must not see its message come back early


class Queue(Construct):
    def __init__(self, scope: Construct, name: str, *, house: House, consumer_timeout_s: int) -> None:
        super().__init__(scope, name)
        self._stage = house.stage
        dead = DeadLetters(self, "Dead", stage=house.stage, alerts=house.alerts, meaning=f"{name}: messages gave up")
        self._queue = _encrypted(
            self,
            "Queue",
            stage=house.stage,
            visibility_timeout=Duration.seconds(_VISIBILITY_TIMEOUTS * consumer_timeout_s),
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead.queue, max_receive_count=_ATTEMPTS_MAX),
        )
        self.dead_url = dead.queue.queue_url

    @property
    def url(self) -> str:
        return self._queue.queue_url

    @property
    def arn(self) -> str:
        return self._queue.queue_arn

    def open_to_s3(self) -> IDependable:
        """Lets buckets of this account send; returns what has to stand before one is told to."""
        self._queue.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self._queue.queue_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}},
            )
        )
        return self._queue

    def grant_send(self, grantee: iam.IGrantable) -> None:
        self._queue.grant(grantee, *send_actions(self._stage))

    def feed(
        self, function: lambda_.Function, *, batch_size: int, window_s: int = 0, concurrency: int | None = None
    ) -> None:
        """Invokes the function with up to `batch_size` messages; it answers with those that failed."""
        function.add_event_source(
            event_sources.SqsEventSource(
                self._queue,
                batch_size=batch_size,
                max_batching_window=Duration.seconds(window_s) if window_s else None,
                max_concurrency=concurrency,
                report_batch_item_failures=True,
            )
        )
        if extras := consume_actions(self._stage):
            self._queue.grant(function, *extras)


class DeadLetters(Construct):
    """Where a message goes that nobody could use: kept for 14 days, and somebody is told."""

    def __init__(self, scope: Construct, name: str, *, stage: Stage, alerts: Alerts, meaning: str) -> None:
        super().__init__(scope, name)
        self.queue = _encrypted(self, "Queue", stage=stage, retention_period=Duration.days(14))
        acknowledge(
            self.queue,
            "AwsSolutions-SQS3",
            "This is itself a dead-letter queue, and its alarm calls a person.",
        )
        alerts.on(
            self.queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="Maximum"),
            scope=self,
            above=0,
            meaning=meaning,
        )


def _encrypted(
    scope: Construct,
    name: str,
    *,
    stage: Stage,
    visibility_timeout: Duration | None = None,
    retention_period: Duration | None = None,
    dead_letter_queue: sqs.DeadLetterQueue | None = None,
) -> sqs.Queue:
    queue = sqs.Queue(
        scope,
        name,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=enforce_ssl(stage),
        visibility_timeout=visibility_timeout,
        retention_period=retention_period,
        dead_letter_queue=dead_letter_queue,
    )
    if not enforce_ssl(stage):
        acknowledge(queue, "AwsSolutions-SQS4", "The emulator is reached over http on the loopback interface only.")
    return queue
