"""Gateway: hands requests to the doors in this process, as events of the HTTP API, and their answers back."""

import base64
import binascii
import io
import uuid
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse

from functions.auth import api as auth
from functions.billing import api as billing
from functions.sms import api as sms
from functions.webhooks import api as webhooks
from tests.builders import CALLER_IP, CONTEXT

ORIGIN = "https://api.example"
# By the first words of a path; what fits nowhere is auth's to refuse.
_DOORS: dict[str, Any] = {
    "/api/admin/billing/": billing,
    "/api/admin/sms/": sms,
    "/api/billing/": billing,
    "/api/sms/": sms,
    "/api/webhooks/": webhooks,
    "/": auth,
}


class InProcess(HTTPAdapter):
    """Carries requests to the handlers; what they raise is the caller's to see."""

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Answers one request."""
        event = _event(request)
        door = next(door for path, door in _DOORS.items() if event["rawPath"].startswith(path))
        told = door.handler(event, CONTEXT)
        body = told.get("body") or ""
        headers = [*(told.get("headers") or {}).items(), *(("Set-Cookie", one) for one in told.get("cookies") or [])]
        raw = HTTPResponse(
            body=io.BytesIO(base64.b64decode(body) if told.get("isBase64Encoded") else body.encode()),
            headers=HTTPHeaderDict(headers),
            status=told["statusCode"],
            preload_content=False,
        )
        return self.build_response(request, raw)


def session() -> requests.Session:
    """Opens a session that reaches the doors at ORIGIN."""
    opened = requests.Session()
    opened.mount(ORIGIN, InProcess())
    return opened


def _event(request: requests.PreparedRequest) -> dict[str, Any]:
    place = urlsplit(str(request.url))
    path = unquote(place.path)
    query: dict[str, str] = {}
    for name, value in parse_qsl(place.query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    body = request.body.encode() if isinstance(request.body, str) else request.body
    text, encoded = _text(bytes(body)) if body else (None, False)
    headers = {name.lower(): value for name, value in request.headers.items()}
    cookies = headers.pop("cookie", "")
    http = {"method": request.method, "path": path, "sourceIp": CALLER_IP, "protocol": "HTTP/1.1", "userAgent": "test"}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": place.query,
        "headers": headers,
        **({"cookies": cookies.split("; ")} if cookies else {}),
        "queryStringParameters": query,
        "requestContext": {
            "http": http,
            "requestId": str(uuid.uuid4()),
            "stage": "$default",
            "domainName": "api.example",
        },
        "body": text,
        "isBase64Encoded": encoded,
    }


def _text(body: bytes) -> tuple[str, bool]:
    """Writes a body as the gateway does: in base 64 where it is no text."""
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return binascii.b2a_base64(body, newline=False).decode(), True
