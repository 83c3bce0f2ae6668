"""Every minute: clear the tenants that were closed and can be reopened no more."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, clock
from mifumo.observability import count, entrypoint, logger

from . import clearing, closings

# In one sweep; what is left over is the longest past in the next one.
_TENANTS_MAX = 10


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001
    """Answers how many tenants it cleared."""
    cleared = 0
    for tenant, until in closings.due(clock.stamp(), limit=_TENANTS_MAX):
        try:
            cleared += clearing.clear(tenant, until)
        except Exception:  # noqa: BLE001 # One broken tenant must not keep the sweep from the others.
            logger.exception("tenant not cleared", tenant_id=tenant)
            count("SweepStepFailed")
    count("TenantsCleared", cleared)
    return {"cleared": cleared}


aws.connect(aws.dynamodb, aws.sqs)
