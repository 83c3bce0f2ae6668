"""SQS `parked`: send what a tenant has parked, now that it has got credits."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, queue
from mifumo.ids import TenantId
from mifumo.observability import entrypoint

from .sending import parking


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Looks at the tenants that are named, one by one."""
    return queue.each(event, lambda body: _resume(TenantId(body["tenant"])))


def _resume(tenant: TenantId) -> None:
    parking.resume(tenant)


aws.connect(aws.dynamodb, aws.sqs)
