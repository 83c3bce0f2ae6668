"""SQS `urgent` and `bulk`: hand one chunk to the provider, or ask it about one."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, queue
from mifumo.ids import BatchId, TenantId
from mifumo.observability import entrypoint

from .delivery import handover, inquiry


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Answers with the records to deliver again."""
    return queue.each(event, _chunk)


def _chunk(body: dict[str, Any]) -> None:
    where = TenantId(body["tenant"]), BatchId(body["batch"]), int(body["chunk"])
    if body.get("ask"):
        inquiry.ask(*where, first=int(body["ask"]))
    else:
        handover.hand_over(*where, waits=body.get("waits", ""))


aws.connect(aws.dynamodb, aws.sqs, aws.secrets_manager)
