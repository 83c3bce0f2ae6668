"""Worker: one look at a payment for each message, from the schedule, the sweep or a callback."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, provider_events, queue
from mifumo.ids import PaymentId
from mifumo.observability import entrypoint
from mifumo.provider_events import EventRef

from . import refunds, settlement
from .settlement import Finding


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> Any:  # noqa: ARG001 - Lambda passes it
    """Looks at each payment; a message that fails is delivered again, and ends in the dead-letter queue."""
    return queue.each(event, _look)


def _look(body: dict[str, Any]) -> None:
    finding = settlement.check(PaymentId(body["payment_id"]), due=body.get("due"), received_at=body.get("received_at"))
    if finding is Finding.REFUNDING:
        refunds.check(PaymentId(body["payment_id"]))
    if finding is Finding.LATER:
        settlement.look_again(body)
    elif event := body.get("event"):
        provider_events.conclude(EventRef(**event), finding)


aws.connect(aws.dynamodb, aws.sqs, aws.secrets_manager)
