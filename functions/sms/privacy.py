"""SQS `privacy`: take one step of what somebody asked of a tenant's data, as far as texts hold it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, exports, privacy, queue
from mifumo.observability import entrypoint
from mifumo.privacy import After, Kind, Part, Step
from mifumo.settings import Settings

from .data_requests import clearance, erasure, extracts


class PrivacySettings(Settings):
    """The queue that brings steps, and takes the next ones."""

    sms_privacy_queue_url: str


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Answers with the records to deliver again."""
    return queue.each(event, _step)


def _step(body: dict[str, Any]) -> None:
    privacy.advance(body, Part.SMS, _take, url=PrivacySettings.load().sms_privacy_queue_url)


def _take(step: Step) -> After:
    match step.kind:
        case Kind.ERASURE:
            return erasure.take(step)
        case Kind.CLEARANCE:
            return clearance.take(step)
        case Kind.EXPORT:
            return exports.take(step, extracts.SOURCES)


aws.connect(aws.dynamodb, aws.sqs)
