"""Builders: events as AWS delivers them, callers and contexts, with good defaults."""

import json
import uuid
from dataclasses import dataclass
from typing import Any, cast

import jwt
from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import callers, clock

CALLER_IP = "196.41.32.10"
KEY_ID, KEY = "k1", "a-signing-key-that-only-tests-know-0123456789"


@dataclass
class Context:
    """What Lambda tells a handler of itself."""

    function_name: str = "function"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:af-south-1:000000000000:function:function"
    aws_request_id: str = "11111111-1111-1111-1111-111111111111"
    left_ms: int = 30_000

    def get_remaining_time_in_millis(self) -> int:
        """Returns the same however often it is asked."""
        return self.left_ms


CONTEXT = cast("LambdaContext", Context())


def request(
    method: str,
    path: str,
    body: Any = None,
    *,
    token: str | None = None,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    ip: str = CALLER_IP,
) -> dict[str, Any]:
    """Builds an HTTP API event of payload version 2.0; a body that is not text is sent as JSON."""
    sent = {"content-type": "application/json", **{k.lower(): v for k, v in (headers or {}).items()}}
    if token:
        sent["authorization"] = f"Bearer {token}"
    text = body if isinstance(body, str) or body is None else json.dumps(body)
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "&".join(f"{k}={v}" for k, v in (query or {}).items()),
        "headers": sent,
        "queryStringParameters": query or {},
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": ip, "protocol": "HTTP/1.1", "userAgent": "test"},
            "requestId": str(uuid.uuid4()),
            "stage": "$default",
            "domainName": "api.example",
        },
        "body": text,
        "isBase64Encoded": False,
    }


def sqs(*bodies: Any) -> dict[str, Any]:
    """Builds an SQS event, one record for each body."""
    return {
        "Records": [
            {
                "messageId": f"m{index}",
                "receiptHandle": f"r{index}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
            }
            for index, body in enumerate(bodies)
        ]
    }


def token(*, tenant: str = "t1", user: str = "u1", role: str = "owner", expires_in_s: int = 86_400) -> str:
    """Signs an access token as the auth slice does; good for a day: some are made long before a run comes to them."""
    now = clock.epoch()
    claims = {
        "iss": callers.ISSUER,
        "sub": user,
        "tid": tenant,
        "role": role,
        "iat": now,
        "exp": now + expires_in_s,
    }
    return jwt.encode(claims, KEY, callers.ALGORITHM, headers={"kid": KEY_ID})


def answer(response: dict[str, Any]) -> tuple[int, Any]:
    """Returns (status, body) of a door's response."""
    text = response.get("body")
    return response["statusCode"], json.loads(text) if text else None
