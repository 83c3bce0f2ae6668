"""SQS `privacy`: take one step of what somebody asked of a tenant's data, as far as texts hold it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, privacy, queue
from mifumo.observability import entrypoint
from mifumo.privacy import Part
from mifumo.settings import Settings

from . import erasure


class PrivacySettings(Settings):
    """The queue that brings steps, and takes the next ones."""

    sms_privacy_queue_url: str


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Answers with the records to deliver again."""
    return queue.each(event, _step)


def _step(body: dict[str, Any]) -> None:
    privacy.advance(body, Part.SMS, erasure.take, url=PrivacySettings.load().sms_privacy_queue_url)


aws.connect(aws.dynamodb, aws.sqs)
