"""SQS `starts`: lead a batch on, from where it stands."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, queue
from mifumo.ids import BatchId, TenantId
from mifumo.observability import entrypoint

from . import batches, walks


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Answers with the records to deliver again."""
    return queue.each(event, _batch)


def _batch(body: dict[str, Any]) -> None:
    found = batches.read(TenantId(body["tenant"]), BatchId(body["batch"]))
    if found is not None:
        walks.go_on(found[0])


aws.connect(aws.dynamodb, aws.sqs)
