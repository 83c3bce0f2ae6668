"""Invoicing: every minute, has the payments that wait for an invoice or a credit note get it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws
from mifumo.observability import count, entrypoint, logger

from . import issuing

# What the last payment of a run may need: the others are the next minute's.
_SPARE_MS = 10_000


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 - Lambda passes it
    """Issues what is due, for as long as the invocation lasts; a payment that cannot be documented holds nobody up."""
    for payment in issuing.due():
        if context.get_remaining_time_in_millis() < _SPARE_MS:
            return
        try:
            issuing.issue(payment)
        except Exception:  # noqa: BLE001 - it waits on, people are told, and those behind it get theirs
            logger.exception("no document for payment", payment_id=payment)
            count("DocumentFailed")


aws.connect(aws.dynamodb)
