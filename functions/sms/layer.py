"""SQS `laying`: write out the chunks of one part of a plan."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, queue
from mifumo.ids import BatchId, TenantId
from mifumo.observability import entrypoint

from .plans import layout


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Answers with the records to deliver again."""
    return queue.each(event, _part)


def _part(body: dict[str, Any]) -> None:
    layout.lay(TenantId(body["tenant"]), BatchId(body["batch"]), int(body["part"]))


aws.connect(aws.dynamodb, aws.sqs, aws.s3)
