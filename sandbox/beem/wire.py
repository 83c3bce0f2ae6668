"""Beem's HTTP API: send, balance, sender names and the delivery-report pull."""

import base64
import binascii
import hmac
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Protocol

from aiohttp import web

from sandbox.beem import answers
from sandbox.beem.account import Account, Submission
from sandbox.bodies import json_object
from sandbox.faults import Fault, Faults, hold, unheard

SEND = "send"
_SOURCE_ADDR = re.compile(r"[A-Za-z0-9 ._-]{1,11}|[0-9]{1,15}")
_SCHEDULE_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}")
_SAMPLE_CONTENT_MAX = 170
_PAGE_MAX = 100

_INSTEAD: dict[Fault, Callable[[], web.Response]] = {
    Fault.HTTP_500: answers.broken,
    Fault.HTTP_429: answers.too_many,
    Fault.NOT_SUCCESSFUL: lambda: answers.refusal(101, http_status=200),
    Fault.CODE_102: lambda: answers.refusal(102),
    Fault.CODE_111: lambda: answers.refusal(111),
    Fault.CODE_120: lambda: answers.refusal(120),
}
"""Faults that answer without accepting anything."""

Handler = Callable[[web.Request], Awaitable[web.Response]]


class Deliver(Protocol):
    """Starts what follows an accepted call; returns once the early reports have been pushed."""

    def __call__(self, submission: Submission) -> Awaitable[None]: ...


class Wire:
    """The routes that a customer of Beem calls."""

    def __init__(self, account: Account, faults: Faults, deliver: Deliver, *, api_key: str, secret_key: str) -> None:
        self._account = account
        self._faults = faults
        self._deliver = deliver
        self._credentials = f"{api_key}:{secret_key}".encode()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/send", self.send),
            web.get("/public/v1/vendors/balance", self._authorized(self.balance)),
            web.get("/public/v1/sender-names", self._authorized(self.sender_names)),
            web.post("/public/v1/sender-names", self._authorized(self.ask_for_sender_name)),
            web.get("/public/v1/delivery-reports", self._authorized(self.delivery_reports)),
        ]

    async def send(self, request: web.Request) -> web.Response:
        """Submit a text to its recipients, or do what the next fault says."""
        fault = self._faults.take(SEND)
        if fault is Fault.TIMEOUT_BEFORE_ACCEPT:
            return await hold(request)
        if fault in _INSTEAD:
            return _INSTEAD[fault]()
        answer = await self._authorized(self._submit)(request)
        if fault is None or answer.status != HTTPStatus.OK:
            return answer
        return await unheard(fault, request, answers.garbage())

    async def balance(self, _request: web.Request) -> web.Response:
        return web.json_response({"data": {"credit_balance": self._account.credit_balance}})

    async def sender_names(self, request: web.Request) -> web.Response:
        wanted, status = request.query.get("q", "").lower(), request.query.get("status", "")
        names = [
            asdict(name)
            for name in self._account.sender_names
            if wanted in name.senderid.lower() and status in {"", name.status}
        ]
        page, limit = _positive(request, "page", 1), min(_positive(request, "limit", 10), _PAGE_MAX)
        return web.json_response(
            {
                "data": names[(page - 1) * limit : page * limit],
                "pagination": {
                    "totalItems": len(names),
                    "currentPage": page,
                    "pageSize": limit,
                    "totalPages": -(-len(names) // limit),
                },
            }
        )

    async def ask_for_sender_name(self, request: web.Request) -> web.Response:
        body = await json_object(request) or {}
        senderid, sample = body.get("senderid"), body.get("sample_content")
        if not isinstance(senderid, str) or not isinstance(sample, str) or not sample:
            return answers.refusal(104, detail="senderid and sample_content")
        if not _SOURCE_ADDR.fullmatch(senderid):
            return answers.refusal(111)
        if len(sample) > _SAMPLE_CONTENT_MAX:
            return answers.refusal(104, detail=f"sample_content is longer than {_SAMPLE_CONTENT_MAX}")
        name = self._account.ask_for_sender_name(senderid, sample)
        return web.json_response({"data": {"id": name.id, "senderid": name.senderid, "status": name.status}})

    async def delivery_reports(self, request: web.Request) -> web.Response:
        dest_addr, request_id = request.query.get("dest_addr"), request.query.get("request_id")
        if not dest_addr or not request_id:
            return answers.refusal(104, detail="dest_addr and request_id")
        return web.json_response(self._account.reports(request_id, dest_addr))

    async def _submit(self, request: web.Request) -> web.Response:
        body = await json_object(request) or {}
        source_addr, message = body.get("source_addr"), body.get("message")
        recipients = _recipients(body.get("recipients"))
        if not source_addr or not message or not isinstance(message, str) or not recipients:
            return answers.refusal(104, detail="source_addr, message and recipients")
        if not isinstance(source_addr, str) or not _SOURCE_ADDR.fullmatch(source_addr):
            return answers.refusal(111)
        schedule_time = body.get("schedule_time") or ""
        if schedule_time and not _SCHEDULE_TIME.fullmatch(str(schedule_time)):
            return answers.refusal(104, detail="schedule_time must be YYYY-MM-DD HH:MM in GMT")
        submission = self._account.submit(source_addr, message, recipients)
        await self._deliver(submission)
        return answers.submitted(submission)

    def _authorized(self, handler: Handler) -> Handler:
        async def authorized(request: web.Request) -> web.Response:
            scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "basic":
                return answers.refusal(107)
            if not hmac.compare_digest(_decoded(encoded), self._credentials):
                return answers.refusal(120)
            return await handler(request)

        return authorized


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _recipients(value: Any) -> list[tuple[int | str, str]]:
    """The recipients of a call as (recipient_id, dest_addr); none at all when any of them is malformed."""
    if not isinstance(value, list) or not all(isinstance(recipient, dict) for recipient in value):
        return []
    pairs = [(recipient.get("recipient_id"), recipient.get("dest_addr")) for recipient in value]
    if not all(isinstance(part, int | str) for pair in pairs for part in pair):
        return []
    return [(recipient_id, str(dest_addr)) for recipient_id, dest_addr in pairs]


def _positive(request: web.Request, name: str, default: int) -> int:
    value = request.query.get(name, "")
    return max(1, int(value)) if value.isdecimal() else default
