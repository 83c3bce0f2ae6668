"""HTTP routes of the webhooks slice: public, proven by the providers' own means, answered fast.

Nothing that a callback says is acted on here: it is kept, or queued as it came, and looked into by others.
"""

import json
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, clock
from mifumo.errors import ValidationFailed
from mifumo.http import api, public
from mifumo.observability import entrypoint

from . import callbacks, payments, proofs
from .callbacks import QueueSettings, Received

# Beem pushes one report a call; lists are taken as far as ten messages of the queue go, a hundred times.
_REPORTS_MAX = 100

# Bodies are queued as they came, so no model parses them; the contract tells what the providers send.
_REPORT_SCHEMA = {"type": "object", "required": ["dest_addr", "request_id", "recipient_id", "status"]}
_REPORT = {
    "dest_addr": "255712345678",
    "request_id": 34501,
    "recipient_id": 1,
    "status": "DELIVERED",
    "timestamp": "2026-01-31 08:15:32",
}
_BEEM_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"oneOf": [_REPORT_SCHEMA, {"type": "array", "items": _REPORT_SCHEMA, "maxItems": _REPORTS_MAX}]},
            "example": _REPORT,
        }
    },
}

_INBOUND_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "object", "required": ["from", "message"]},
            "example": {
                "from": "255712345678",
                "to": "255699000000",
                "message": "STOP QUANTUM",
                "timestamp": "2026-01-31T08:15:32Z",
            },
        }
    },
}

app = api(limited=False)
app.include_router(payments.router)


@app.post(
    "/api/webhooks/sms/beem/<token>/",
    summary="Take a delivery report of Beem",
    tags=["webhooks"],
    openapi_extensions={"x-problems": [403], "requestBody": _BEEM_BODY},
)
@public
def take_beem_report(token: str) -> Received:
    """Queues the report as it came, or each of a list of reports."""
    proofs.require_beem_token(token)
    received_at = clock.stamp()
    bodies = [{"provider": "beem", "received_at": received_at, "report": report} for report in _reports()]
    callbacks.enqueue(QueueSettings.load().receipts_queue_url, bodies)
    return Received()


@app.post(
    "/api/webhooks/sms/beem/<token>/inbound/",
    summary="Take a text that a phone has sent us through Beem",
    description="STOP, ACHA or ONDOA opts the phone out of the texts of the sender ID that follows, or else of whoever "
    "texted it last; START or ANZA undoes that. Every text becomes an event of the tenant that it is meant for.",
    tags=["webhooks"],
    openapi_extensions={"x-problems": [403], "requestBody": _INBOUND_BODY},
)
@public
def take_beem_inbound(token: str) -> Received:
    proofs.require_beem_token(token)
    received_at = clock.stamp()
    bodies = [{"provider": "beem", "received_at": received_at, "inbound": text} for text in _reports()]
    callbacks.enqueue(QueueSettings.load().receipts_queue_url, bodies)
    return Received()


def _reports() -> list[dict[str, Any]]:
    try:
        content = json.loads(callbacks.json_body(app.current_event))
    except (ValueError, RecursionError):
        content = None
    reports = content if isinstance(content, list) else [content]
    if not 1 <= len(reports) <= _REPORTS_MAX or not all(isinstance(report, dict) for report in reports):
        raise ValidationFailed.of("", "report_invalid", f"Send a JSON object, or a list of 1 to {_REPORTS_MAX}.")
    return reports


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Answers one callback."""
    return app.resolve(event, context)


aws.connect(aws.dynamodb, aws.sqs, aws.secrets_manager)
