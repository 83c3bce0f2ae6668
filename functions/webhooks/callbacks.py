"""Callback: what a provider sends, as it came, and the queue in which somebody looks into it."""

import base64
from typing import Any, Literal

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2
from pydantic import Field

from mifumo import clock, ids, provider_events, queue
from mifumo.errors import Busy, PayloadTooLarge, UnsupportedMediaType, ValidationFailed
from mifumo.observability import count
from mifumo.providers.payments import CallbackClaim
from mifumo.settings import Settings
from mifumo.wire import Answer

_BODY_BYTES_MAX = 64 * 1024
# The words that providers have for how an order stands are shorter.
_CLAIM_LENGTH_MAX = 40


class QueueSettings(Settings):
    """Where callbacks are looked into."""

    payments_queue_url: str
    receipts_queue_url: str


class Received(Answer):
    """The answer that tells a provider to stop repeating itself."""

    status: Literal["received"] = Field(default="received", description="The callback is kept.")


def json_body(event: APIGatewayProxyEventV2) -> bytes:
    """Returns the body as it came, if it says that it is JSON and is no larger than any callback.

    One that is compressed is refused: nothing is unpacked that nobody has measured.
    """
    content_type = event.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise UnsupportedMediaType
    if event.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaType("Send the body as it is, without Content-Encoding.")
    text = event.body or ""
    if len(text) > 2 * _BODY_BYTES_MAX:
        raise PayloadTooLarge
    body = base64.b64decode(text) if event.is_base64_encoded else text.encode()
    if len(body) > _BODY_BYTES_MAX:
        raise PayloadTooLarge(f"A callback has at most {_BODY_BYTES_MAX:,} bytes.")
    return body


def subject_of(claim: CallbackClaim, pointer: str) -> str:
    """Returns the payment or refund that a callback speaks of; whether there is such a one is found out later."""
    try:
        return ids.of_uuid(claim.order_id)
    except ValueError as error:
        raise unreadable(pointer) from error


def unreadable(pointer: str) -> ValidationFailed:
    """Refuses a callback of no order of ours."""
    return ValidationFailed.of(pointer, "order_id_invalid", "Send the order's id, a UUID.")


def keep(provider: str, claim: CallbackClaim, subject: dict[str, str], body: bytes, *, proof: str) -> Received:
    """Keeps the callback as a hint and has the worker ask the provider itself; `subject` names whom about."""
    received_at = clock.stamp()
    event = provider_events.ref(provider, claim.order_id, body)
    if not provider_events.keep(event, body.decode("utf-8", "replace"), received_at=received_at, proof=proof):
        count("CallbackRepeated")
    look = {
        **subject,
        "received_at": received_at,
        "event": event.as_item(),
        "claimed": claim.claimed[:_CLAIM_LENGTH_MAX],
    }
    enqueue(QueueSettings.load().payments_queue_url, [look])
    return Received()


def enqueue(url: str, bodies: list[dict[str, Any]]) -> None:
    """Queues the messages; raises Busy when one was not taken, so that the provider comes again."""
    if queue.send(url, bodies):
        raise Busy
