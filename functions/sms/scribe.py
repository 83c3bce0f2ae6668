"""SQS `results`: write the results of a batch on."""

from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, queue
from mifumo.ids import BatchId, TenantId
from mifumo.observability import entrypoint

from .results import transcribing
from .results.transcribing import TimeLeft


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers with the records to deliver again."""
    return queue.each(event, partial(_write, time_left_s=lambda: context.get_remaining_time_in_millis() / 1_000))


def _write(body: dict[str, Any], *, time_left_s: TimeLeft) -> None:
    transcribing.write_on(TenantId(body["tenant"]), BatchId(body["batch"]), body["name"], time_left_s=time_left_s)


aws.connect(aws.dynamodb, aws.sqs, aws.s3)
