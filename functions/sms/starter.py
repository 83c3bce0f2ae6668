"""SQS `starts`: start a batch whose moment has come, hold one in quiet hours, go on with one that was led on."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, queue
from mifumo.ids import BatchId, TenantId
from mifumo.observability import entrypoint

from .courses import starting


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Answers with the records to deliver again."""
    return queue.each(event, _batch)


def _batch(body: dict[str, Any]) -> None:
    tenant, batch = TenantId(body["tenant"]), BatchId(body["batch"])
    if body.get("hush"):
        starting.hush(tenant, batch)
    else:
        starting.start(tenant, batch, moment=body.get("moment"))


aws.connect(aws.dynamodb, aws.sqs, aws.scheduler)
