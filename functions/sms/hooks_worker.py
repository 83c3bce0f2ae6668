"""SQS `hooks`: find out what is to be told of a chunk or a batch, tell one webhook of one event, or have a tenant told
that a webhook was disabled.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, queue
from mifumo.ids import BatchId, TenantId
from mifumo.observability import entrypoint

from .hooks import hook_calls, hook_health, news


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Answers with the records to deliver again."""
    return queue.each(event, _tell)


def _tell(body: dict[str, Any]) -> None:
    tenant = TenantId(body["tenant"])
    if "event" in body:
        hook_calls.make(tenant, body["hook"], body["event"])
    elif "hook" in body:
        hook_health.announce(tenant, body["hook"])
    elif "chunk" in body:
        news.of_chunk(tenant, BatchId(body["batch"]), int(body["chunk"]))
    else:
        news.of_batch(tenant, BatchId(body["batch"]))


aws.connect(aws.dynamodb, aws.sqs, aws.secrets_manager)
