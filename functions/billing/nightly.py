"""Nightly: goes on with the day's checkup of all wallets, for as long as one invocation may take."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws
from mifumo.observability import entrypoint

from . import checkup

# What one wallet may need at the end of a run: beyond it, the next run goes on.
_SPARE_MS = 120_000


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 - Lambda passes it
    """Checks wallets until none is left for today, or the time is up."""
    checkup.go_on(time_left=lambda: context.get_remaining_time_in_millis() > _SPARE_MS)


aws.connect(aws.dynamodb)
