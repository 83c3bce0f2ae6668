"""Payment callbacks: one route for each provider, proven by its own means, kept and queued."""

from collections.abc import Callable
from typing import Any, Final

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from mifumo.http import public
from mifumo.providers import clickpesa, pawapay, pawapay_records, zenopay
from mifumo.providers.payments import CallbackClaim, MalformedCallback

from . import callbacks, proofs
from .callbacks import Received

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

_ORDER: Final = "01941f29-7c00-4aaa-8aaa-0123456789ab"


def _body(schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    """Describes a body. It is kept byte for byte, so no model parses it; the contract tells what the provider sends."""
    return {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object", **schema}, "example": example}},
    }


_ZENOPAY_BODY = _body(
    {
        "required": ["order_id"],
        "properties": {"order_id": {"type": "string", "format": "uuid"}, "payment_status": {"type": "string"}},
    },
    {"order_id": _ORDER, "payment_status": "COMPLETED"},
)
_PAWAPAY_BODY = _body(
    {
        "required": ["depositId", "status"],
        "properties": {"depositId": {"type": "string", "format": "uuid"}, "status": {"type": "string"}},
    },
    {
        "depositId": _ORDER,
        "status": "COMPLETED",
        "amount": "150000.00",
        "currency": "TZS",
        "country": "TZA",
        "payer": {"type": "MMO", "accountDetails": {"phoneNumber": "255763456789", "provider": "VODACOM_TZA"}},
        "created": "2026-01-31T08:15:32Z",
        "providerTransactionId": "CEJ3I3SETSN",
    },
)
_REFUND_BODY = _body(
    {
        "required": ["refundId", "status"],
        "properties": {"refundId": {"type": "string", "format": "uuid"}, "status": {"type": "string"}},
    },
    {
        "refundId": "f4401bd2-1568-4140-bf2d-eb77d2b2b639",
        "status": "COMPLETED",
        "amount": "150000.00",
        "currency": "TZS",
        "country": "TZA",
        "recipient": {"type": "MMO", "accountDetails": {"phoneNumber": "255763456789", "provider": "VODACOM_TZA"}},
        "created": "2026-01-31T08:15:32Z",
        "providerTransactionId": "CEJ3I3SETSN",
    },
)
_STATEMENT_BODY = _body(
    {
        "required": ["statementId", "status"],
        "properties": {"statementId": {"type": "string", "format": "uuid"}, "status": {"type": "string"}},
    },
    {"statementId": "f4401bd2-1568-4140-bf2d-eb77d2b2b639", "status": "COMPLETED"},
)
_CLICKPESA_BODY = _body(
    {
        "required": ["event", "data"],
        "properties": {
            "event": {"type": "string"},
            "data": {
                "type": "object",
                "required": ["orderReference"],
                "properties": {
                    "orderReference": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
                    "status": {"type": "string"},
                },
            },
            "checksum": {"type": "string"},
        },
    },
    {
        "event": "PAYMENT RECEIVED",
        "data": {
            "id": "LC1",
            "status": "SUCCESS",
            "orderReference": _ORDER.replace("-", ""),
            "collectedAmount": "150000",
            "collectedCurrency": "TZS",
        },
        "checksum": "0" * 64,
        "checksumMethod": "canonical",
    },
)


@router.post(
    "/api/webhooks/payments/zenopay/<token>/",
    summary="Take a payment callback of ZenoPay",
    tags=["webhooks"],
    openapi_extensions={"x-problems": [403], "requestBody": _ZENOPAY_BODY},
)
@public
def take_zenopay_callback(token: str) -> Received:
    """Keeps the callback as a hint and has the worker ask ZenoPay itself."""
    proofs.require_zenopay_key(router.current_event.headers.get(zenopay.KEY_HEADER))
    body = callbacks.json_body(router.current_event)
    try:
        claim = zenopay.parse_callback(body)
    except MalformedCallback as error:
        raise callbacks.unreadable("/order_id") from error
    subject = {"payment_id": callbacks.subject_of(claim, "/order_id")}
    proofs.require_zenopay_token(token, order_id=claim.order_id)
    return callbacks.keep(zenopay.NAME, claim, subject, body, proof="shared_secret")


@router.post(
    proofs.PAWAPAY_PATH,
    summary="Take a payment callback of pawaPay",
    tags=["webhooks"],
    openapi_extensions={"x-problems": [401, 503], "requestBody": _PAWAPAY_BODY},
)
@public
def take_pawapay_callback() -> Received:
    """Verifies the signature (RFC 9421), keeps the callback as a hint and has the worker ask pawaPay itself.

    One whose signature has run out is kept as well, as the hint that every callback is.
    """
    return _signed_by_pawapay(proofs.PAWAPAY_PATH, pawapay_records.parse_callback, "/depositId", "payment_id")


@router.post(
    proofs.PAWAPAY_REFUNDS_PATH,
    summary="Take a refund callback of pawaPay",
    tags=["webhooks"],
    openapi_extensions={"x-problems": [401, 503], "requestBody": _REFUND_BODY},
)
@public
def take_pawapay_refund() -> Received:
    """Verifies the signature (RFC 9421), keeps the callback as a hint and has the worker ask pawaPay itself."""
    parse = pawapay_records.parse_refund_callback
    return _signed_by_pawapay(proofs.PAWAPAY_REFUNDS_PATH, parse, "/refundId", "refund_id")


@router.post(
    proofs.PAWAPAY_STATEMENTS_PATH,
    summary="Take pawaPay's word that a statement is made",
    description="Statements are looked for by whoever has asked for them, so nothing of it is kept.",
    tags=["webhooks"],
    openapi_extensions={"x-problems": [401, 503], "requestBody": _STATEMENT_BODY},
)
@public
def take_pawapay_statement() -> Received:
    _proven_by_pawapay(proofs.PAWAPAY_STATEMENTS_PATH)
    return Received()


@router.post(
    "/api/webhooks/payments/clickpesa/",
    summary="Take a payment callback of ClickPesa",
    tags=["webhooks"],
    openapi_extensions={"x-problems": [401], "requestBody": _CLICKPESA_BODY},
)
@public
def take_clickpesa_callback() -> Received:
    """Verifies the checksum, keeps the callback as a hint and has the worker ask ClickPesa itself."""
    event = router.current_event
    body = callbacks.json_body(event)
    proofs.require_clickpesa_checksum(event.headers, body)
    try:
        claim = clickpesa.parse_callback(body)
    except MalformedCallback as error:
        raise callbacks.unreadable("/data/orderReference") from error
    subject = {"payment_id": callbacks.subject_of(claim, "/data/orderReference")}
    return callbacks.keep(clickpesa.NAME, claim, subject, body, proof="signed")


def _signed_by_pawapay(path: str, parse: Callable[[bytes], CallbackClaim], pointer: str, subject_name: str) -> Received:
    body, proof = _proven_by_pawapay(path)
    try:
        claim = parse(body)
    except MalformedCallback as error:
        raise callbacks.unreadable(pointer) from error
    subject = {subject_name: callbacks.subject_of(claim, pointer)}
    return callbacks.keep(pawapay.NAME, claim, subject, body, proof=proof)


def _proven_by_pawapay(path: str) -> tuple[bytes, str]:
    """Returns the body of a callback to a path, and what its signature proves; raises what an unsigned one meets."""
    event = router.current_event
    body, method = callbacks.json_body(event), event.request_context.http.method
    return body, proofs.require_pawapay_signature(path, method, event.headers, body)
