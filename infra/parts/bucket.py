"""A bucket: private, encrypted, spoken to over TLS only."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.nag import acknowledge
from infra.parts.emulator import enforce_ssl
from infra.parts.queue import Queue
from infra.stage import Stage


class Bucket(Construct):
    """Objects are deleted after so many days, if it says how many; no older versions would outlive them."""

    def __init__(self, scope: Construct, name: str, *, stage: Stage, holds: str, days: int | None = None) -> None:
        super().__init__(scope, name)
        self._holds = holds
        self._bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=enforce_ssl(stage),
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=Duration.days(days) if days else None,
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            removal_policy=RemovalPolicy.RETAIN if stage.retained else RemovalPolicy.DESTROY,
        )
        acknowledge(
            self._bucket,
            "AwsSolutions-S1",
            "Items of ours tell who asked for what is in it; a log of requests would need a bucket of its own.",
        )
        if not enforce_ssl(stage):
            acknowledge(
                self._bucket,
                "AwsSolutions-S10",
                "The emulator is reached over http on the loopback interface only.",
            )

    @property
    def bucket_name(self) -> str:
        return self._bucket.bucket_name

    def take_forms(self, stage: Stage) -> None:
        """Lets browsers post files from the console's pages, with forms that we have signed."""
        if stage.cors_origins:
            self._bucket.add_cors_rule(allowed_methods=[s3.HttpMethods.POST], allowed_origins=list(stage.cors_origins))

    def tell(self, queue: Queue, *, prefix: str) -> None:
        """Has S3 put a message into the queue for each object that comes, of those whose names begin so."""
        bucket = self._bucket.node.default_child
        if not isinstance(bucket, s3.CfnBucket):
            raise TypeError("a bucket without a resource")
        # CDK's own way of saying it is a function that sets it, with rights to every bucket of the account.
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[
                s3.CfnBucket.QueueConfigurationProperty(
                    event="s3:ObjectCreated:*",
                    queue=queue.arn,
                    filter=s3.CfnBucket.NotificationFilterProperty(
                        s3_key=s3.CfnBucket.S3KeyFilterProperty(
                            rules=[s3.CfnBucket.FilterRuleProperty(name="prefix", value=prefix)]
                        )
                    ),
                )
            ]
        )
        # S3 tries the queue out when it is told of it.
        bucket.node.add_dependency(queue.open_to_s3())

    def grant_put(self, function: lambda_.Function) -> None:
        self._grant(function, "s3:PutObject")

    def grant_get(self, function: lambda_.Function) -> None:
        """Allows to read objects, and so to sign links to them; not to list what there is."""
        self._grant(function, "s3:GetObject")

    def _grant(self, function: lambda_.Function, action: str) -> None:
        own = Stack.of(self)
        arn = self._bucket.bucket_arn if own is Stack.of(function) else own.export_value(self._bucket.bucket_arn)
        iam.Grant.add_to_principal(grantee=function, actions=[action], resource_arns=[f"{arn}/*"])
        acknowledge(
            function.role or function,
            f"AwsSolutions-IAM5[Resource::{_as_nag_says(own.resolve(arn))}/*]",
            f"Every object of this one bucket: each is {self._holds}.",
        )


def _as_nag_says(arn: Mapping[str, Any]) -> str:
    """Writes an ARN of this stack, or one that another stack imports from it, as cdk-nag does."""
    if "Fn::ImportValue" in arn:
        return str(arn["Fn::ImportValue"])
    logical_id, attribute = arn["Fn::GetAtt"]
    return f"<{logical_id}.{attribute}>"
