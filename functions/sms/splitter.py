"""SQS `uploads`: a file has come, or one is to be read on."""

from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, queue
from mifumo.ids import TenantId
from mifumo.observability import entrypoint

from .uploads import readings, splitting, upload_files
from .uploads.splitting import TimeLeft
from .uploads.uploads import UploadHeld


class NotQueuedError(Exception):
    """The queue has not taken what tells that a file is to be read on."""


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers with the records to deliver again."""
    return queue.each(event, partial(_split, time_left_s=lambda: context.get_remaining_time_in_millis() / 1_000))


def _split(body: dict[str, Any], *, time_left_s: TimeLeft) -> None:
    for tenant, upload in _named(body):
        try:
            more, delay_s = splitting.split(tenant, upload, time_left_s=time_left_s), 0
        except UploadHeld as held:
            # Whoever has it may be dying: look again when they must be done.
            more, delay_s = True, held.seconds
        if more and not readings.enqueue(tenant, upload, delay_s=delay_s):
            raise NotQueuedError(upload)


def _named(body: dict[str, Any]) -> Iterator[tuple[TenantId, str]]:
    """Reads (tenant, upload) from what S3 tells, or from a message of our own; S3 also tells that it has begun to."""
    if "upload" in body:
        yield TenantId(body["tenant"]), body["upload"]
    for record in body.get("Records", []):
        if found := upload_files.named(unquote_plus(record["s3"]["object"]["key"])):
            yield found


aws.connect(aws.dynamodb, aws.sqs, aws.s3)
