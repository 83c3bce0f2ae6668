"""SQS `receipts`: apply delivery reports, many at a time."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, queue
from mifumo.observability import count, entrypoint, logger
from mifumo.providers import beem_reports
from mifumo.providers.beem_reports import MalformedReportError, Report

from . import delivery


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Applies the whole delivery at once; when that fails, all of it comes again, which changes nothing twice."""
    records = queue.bodies(event)
    try:
        delivery.receive([report for _, body in records if (report := _report(body))])
    except Exception:  # noqa: BLE001 # The outermost edge of a worker: the queue delivers again, then dead-letters.
        logger.exception("reports failed", records=len(records))
        return queue.failures([message_id for message_id, _ in records])
    return queue.failures([])


def _report(body: dict[str, Any] | None) -> Report | None:
    """Reads a report; what has not the form of one is counted and dropped, for it will never have it."""
    try:
        return beem_reports.parse((body or {})["report"])
    except (MalformedReportError, KeyError, TypeError, AttributeError) as error:
        logger.warning("malformed report", error=str(error)[:200])
        count("ReportMalformed")
        return None


aws.connect(aws.dynamodb)
