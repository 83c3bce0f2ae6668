"""HTTP routes of the webhooks slice: public, proven by the providers' own means, answered fast.

Nothing that a callback says is acted on here: it is kept, or queued as it came, and looked into by others.
"""

import base64
import json
from typing import Any, Literal

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import Field

from mifumo import aws, clock, ids, provider_events, queue
from mifumo.errors import Busy, PayloadTooLarge, UnsupportedMediaType, ValidationFailed
from mifumo.http import api, public
from mifumo.observability import count, entrypoint
from mifumo.providers import zenopay
from mifumo.providers.payments import MalformedCallback
from mifumo.settings import Settings
from mifumo.wire import Answer

from . import proofs

_BODY_BYTES_MAX = 64 * 1024
# Beem pushes one report a call; lists are taken as far as ten messages of the queue go, a hundred times.
_REPORTS_MAX = 100

# Bodies are kept byte for byte, so no model parses them; the contract tells what the providers send.
_ZENOPAY_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["order_id"],
                "properties": {
                    "order_id": {"type": "string", "format": "uuid"},
                    "payment_status": {"type": "string"},
                },
            },
            "example": {"order_id": "01941f29-7c00-7aaa-8aaa-0123456789ab", "payment_status": "COMPLETED"},
        }
    },
}
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


class QueueSettings(Settings):
    """Where callbacks are looked into."""

    payments_queue_url: str
    receipts_queue_url: str


class Received(Answer):
    """The answer that tells a provider to stop repeating itself."""

    status: Literal["received"] = Field(default="received", description="The callback is kept.")


@app.post(
    "/api/webhooks/payments/zenopay/<token>/",
    summary="Take a payment callback of ZenoPay",
    tags=["webhooks"],
    openapi_extensions={"x-problems": [403], "requestBody": _ZENOPAY_BODY},
)
@public
def take_zenopay_callback(token: str) -> Received:
    """Keeps the callback as a hint and has the worker ask ZenoPay itself."""
    proofs.require_zenopay_key(app.current_event.headers.get(zenopay.KEY_HEADER))
    body = _json_body()
    try:
        claim = zenopay.parse_callback(body)
        payment_id = ids.of_uuid(claim.order_id)
    except (MalformedCallback, ValueError) as error:
        raise ValidationFailed.of("/order_id", "order_id_invalid", "Send the order's id, a UUID.") from error
    proofs.require_zenopay_token(token, order_id=claim.order_id)
    received_at = clock.stamp()
    event = provider_events.ref(zenopay.NAME, claim.order_id, body)
    if not provider_events.keep(event, body.decode("utf-8", "replace"), received_at=received_at):
        count("CallbackRepeated")
    look = {"payment_id": payment_id, "received_at": received_at, "event": event.as_item()}
    _queue(QueueSettings.load().payments_queue_url, [look])
    return Received()


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
    _queue(QueueSettings.load().receipts_queue_url, bodies)
    return Received()


@app.post(
    "/api/webhooks/sms/beem/<token>/inbound/",
    summary="Take a text that a phone has sent us through Beem",
    description="STOP, ACHA or ONDOA opts the phone out of the texts of the sender ID that follows, or else of whoever "
    "texted it last; START or ANZA undoes that.",
    tags=["webhooks"],
    openapi_extensions={"x-problems": [403], "requestBody": _INBOUND_BODY},
)
@public
def take_beem_inbound(token: str) -> Received:
    proofs.require_beem_token(token)
    received_at = clock.stamp()
    bodies = [{"provider": "beem", "received_at": received_at, "inbound": text} for text in _reports()]
    _queue(QueueSettings.load().receipts_queue_url, bodies)
    return Received()


def _reports() -> list[dict[str, Any]]:
    try:
        content = json.loads(_json_body())
    except (ValueError, RecursionError):
        content = None
    reports = content if isinstance(content, list) else [content]
    if not 1 <= len(reports) <= _REPORTS_MAX or not all(isinstance(report, dict) for report in reports):
        raise ValidationFailed.of("", "report_invalid", f"Send a JSON object, or a list of 1 to {_REPORTS_MAX}.")
    return reports


def _json_body() -> bytes:
    """Returns the body as it came, if it says that it is JSON and is no larger than any callback."""
    event = app.current_event
    content_type = event.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise UnsupportedMediaType
    text = event.body or ""
    if len(text) > 2 * _BODY_BYTES_MAX:
        raise PayloadTooLarge
    body = base64.b64decode(text) if event.is_base64_encoded else text.encode()
    if len(body) > _BODY_BYTES_MAX:
        raise PayloadTooLarge(f"A callback has at most {_BODY_BYTES_MAX:,} bytes.")
    return body


def _queue(url: str, bodies: list[dict[str, Any]]) -> None:
    """Queues the messages; raises Busy when one was not taken, so that the provider comes again."""
    if queue.send(url, bodies):
        raise Busy


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Answers one callback."""
    return app.resolve(event, context)


aws.connect(aws.dynamodb, aws.sqs, aws.secrets_manager)
