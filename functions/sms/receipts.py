"""SQS `receipts`: apply what Beem tells of phones: delivery reports, many at a time, and what they answer."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, clock, queue
from mifumo.observability import count, entrypoint, logger
from mifumo.providers import beem_inbound, beem_reports
from mifumo.providers.beem_inbound import Inbound, MalformedInboundError
from mifumo.providers.beem_reports import MalformedReportError, Report

from .delivery import delivery, routes
from .delivery.routes import Place
from .inbound import inbound

Record = tuple[str, dict[str, Any] | None]


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Applies the reports, those of a hand-over together, the answers one by one; what failed comes again, which
    changes nothing twice.
    """
    answers, reports = list[Record](), list[Record]()
    for record in queue.bodies(event):
        (answers if "inbound" in (record[1] or {}) else reports).append(record)
    failed = _reported(reports, again=queue.repeated(event))
    return queue.failures([*failed, *(failed for record in answers for failed in _answered(record))])


def _reported(records: list[Record], *, again: set[str]) -> list[str]:
    """Applies delivery reports, all but those of a hand-over where it fails; returns the ids of these.

    Where one came before, somebody may have died who had not counted them.
    """
    came: dict[str, list[tuple[str, Report]]] = {}
    for message_id, body in records:
        if report := _report(body):
            came.setdefault(report.request_id, []).append((message_id, report))
    failed, touched = list[str](), list[Place]()
    try:
        known = routes.of(set(came))
    except Exception:  # noqa: BLE001 # The outermost edge of a worker: the queue delivers again, then dead-letters.
        logger.exception("reports not looked up", records=len(records))
        return [message_id for some in came.values() for message_id, _ in some]
    for request_id, some in came.items():
        message_ids = [message_id for message_id, _ in some]
        try:
            touched += delivery.receive(
                [report for _, report in some], known.get(request_id), again=not again.isdisjoint(message_ids)
            )
        except Exception:  # noqa: BLE001 # As above.
            logger.exception("reports failed", records=len(some))
            failed += message_ids
    delivery.tell(touched)
    return failed


def _answered(record: Record) -> list[str]:
    """Applies what a phone answered; returns the record's id when that fails."""
    message_id, body = record
    came = _inbound(body)
    if came is None:
        return []
    try:
        inbound.take(came, received_at=(body or {}).get("received_at", clock.stamp()))
    except Exception:  # noqa: BLE001 # As above.
        logger.exception("answer failed", message_id=message_id)
        return [message_id]
    return []


def _inbound(body: dict[str, Any] | None) -> Inbound | None:
    """Reads what a phone answered; what has not the form of a text is counted and dropped, like a report."""
    try:
        return beem_inbound.parse((body or {})["inbound"])
    except (MalformedInboundError, AttributeError) as error:
        logger.warning("malformed answer", error=str(error)[:200])
        count("InboundMalformed")
        return None


def _report(body: dict[str, Any] | None) -> Report | None:
    """Reads a report; what has not the form of one is counted and dropped, for it will never have it."""
    try:
        return beem_reports.parse((body or {})["report"])
    except (MalformedReportError, KeyError, TypeError, AttributeError) as error:
        logger.warning("malformed report", error=str(error)[:200])
        count("ReportMalformed")
        return None


aws.connect(aws.dynamodb, aws.sqs)
