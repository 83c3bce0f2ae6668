"""Sweep: every minute, has the worker look at the payments that are due, and tells of wallets that have fallen low."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, queue
from mifumo.observability import count, entrypoint, logger

from . import low_balance, payment_items, payments
from .schedule import PaymentSettings

# Of each partition, a minute. What is left over is the longest overdue in the next one.
_PAYMENTS_MAX = 250


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 - Lambda passes them
    """Sends a message for each payment that is due; a payment that is looked at meanwhile ignores it."""
    for partition in payment_items.DUE:
        overdue = payments.due(partition, items_max=_PAYMENTS_MAX)
        if overdue:
            bodies = [{"payment_id": payment, "due": due} for payment, due in overdue]
            queue.send(PaymentSettings.load().payments_queue_url, bodies)
            logger.info("payments due", partition=partition, payments=len(overdue), since=overdue[0][1])
            count("PaymentsDue", len(overdue))
    low_balance.tell()


aws.connect(aws.dynamodb, aws.sqs)
