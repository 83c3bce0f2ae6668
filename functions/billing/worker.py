"""Worker: one look at a payment or refund for each message, from the schedule, the sweep or a callback."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, clock, provider_events, queue
from mifumo.ids import PaymentId
from mifumo.observability import entrypoint
from mifumo.provider_events import EventRef

from . import contradictions, refund_callbacks, refunds, settlement
from .findings import Finding

# A payment is written before its push, so its callback finds it; a copy of the table in another place may lag behind.
_COMES_WITHIN_S = 30


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> Any:  # noqa: ARG001 - Lambda passes it
    """Looks at each payment; a message that fails is delivered again, and ends in the dead-letter queue."""
    return queue.each(event, _look)


def _look(body: dict[str, Any]) -> None:
    finding = _refund_looked_at(body) if "refund_id" in body else _payment_looked_at(body)
    if finding is Finding.LATER or (finding is Finding.ORPHAN and _may_still_come(body)):
        settlement.look_again(body)
    elif event := body.get("event"):
        provider_events.conclude(EventRef(**event), finding)


def _refund_looked_at(body: dict[str, Any]) -> Finding:
    return refund_callbacks.look(body["refund_id"], received_at=body["received_at"])


def _payment_looked_at(body: dict[str, Any]) -> Finding:
    payment = PaymentId(body["payment_id"])
    finding = settlement.check(payment, due=body.get("due"), received_at=body.get("received_at"))
    if finding is Finding.REFUNDING:
        refunds.check(payment)
    if finding is Finding.SETTLED and (claimed := body.get("claimed")):
        contradictions.look(payment, claimed)
    return finding


def _may_still_come(body: dict[str, Any]) -> bool:
    """Tells whether a callback has come so lately that the payment it speaks of may not be here to be read."""
    return "event" in body and clock.after(_COMES_WITHIN_S, clock.parse(body["received_at"])) > clock.stamp()


aws.connect(aws.dynamodb, aws.sqs, aws.secrets_manager)
