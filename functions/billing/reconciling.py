"""Reconciling: every half hour, goes on with the comparison of the last days' money with what the providers list."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws
from mifumo.observability import entrypoint

from . import reconcile

# What one page may need at the end of a run: beyond it, the next run goes on.
_SPARE_MS = 300_000


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 - Lambda passes it
    """Compares until every day is over, its provider makes one wait, or the time is up."""
    reconcile.go_on(time_left=lambda: context.get_remaining_time_in_millis() > _SPARE_MS)


aws.connect(aws.dynamodb, aws.sqs, aws.secrets_manager)
