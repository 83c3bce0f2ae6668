"""ClickPesa's HTTP API: take a token, preview and start a mobile-money push, and ask what became of it."""

import hmac
import re
import secrets
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sandbox.bodies import json_object
from sandbox.clickpesa import answers, checksum
from sandbox.clickpesa.attempts import Attempt, Attempts, ReferenceUsedError
from sandbox.faults import Fault, Faults, hold, unheard

INITIATE = "initiate"
STATUS = "status"
TOKENS = "tokens"
BASE_PATH = "/third-parties"

_REFERENCE = re.compile(r"[A-Za-z0-9]{1,64}")
_PHONE = re.compile(r"255[67][0-9]{8}")
_AMOUNT = re.compile(r"[1-9][0-9]{0,11}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"[0-9]{1,6}")
_INSTEAD: dict[Fault, Callable[[], web.Response]] = {
    Fault.HTTP_500: answers.broken,
    Fault.HTTP_429: answers.too_many,
    Fault.NOT_SUCCESSFUL: answers.not_successful,
}
"""Faults that answer without accepting anything."""


class Refused(ValueError):
    """The request is refused with these messages."""

    def __init__(self, *messages: str) -> None:
        super().__init__(*messages)
        self.messages = messages


class Wire:
    """The routes that a merchant's application calls."""

    def __init__(
        self,
        attempts: Attempts,
        faults: Faults,
        push: Callable[[Attempt], None],
        *,
        client_id: str,
        api_key: str,
        checksum_key: str,
    ) -> None:
        self._attempts = attempts
        self._faults = faults
        self._push = push
        self._keys = {"client-id": client_id, "api-key": api_key}
        self._checksum_key = checksum_key
        self._tokens: set[str] = set()
        self.requires_checksum = True
        self.closed: frozenset[str] = frozenset()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(f"{BASE_PATH}/generate-token", self.generate_token),
            web.post(f"{BASE_PATH}/payments/preview-ussd-push-request", self.preview),
            web.post(f"{BASE_PATH}/payments/initiate-ussd-push-request", self.initiate),
            web.get(f"{BASE_PATH}/payments/all", self.list_all),
            web.get(f"{BASE_PATH}/payments/{{reference}}", self.status),
        ]

    def expire_tokens(self) -> None:
        """Make every token void, as an hour does, or a change of the checksum's settings."""
        self._tokens.clear()

    async def generate_token(self, request: web.Request) -> web.Response:
        match self._faults.take(TOKENS):
            case Fault.TOKEN_500:
                return answers.broken()
            case Fault.TOKEN_TIMEOUT:
                return await hold(request)
            case _:
                pass
        shown = ((request.headers.get(name, ""), key) for name, key in self._keys.items())
        if not all(hmac.compare_digest(one.encode(), key.encode()) for one, key in shown):
            return answers.refusal(HTTPStatus.UNAUTHORIZED, "Invalid API credentials")
        bearer = f"Bearer {secrets.token_urlsafe(24)}"
        self._tokens.add(bearer)
        return answers.token(bearer)

    async def preview(self, request: web.Request) -> web.Response:
        if not self._is_authorized(request):
            return answers.refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        try:
            body = await self._checked(request, "amount", "orderReference")
        except Refused as refused:
            return answers.refusal(HTTPStatus.BAD_REQUEST, *refused.messages)
        sender = body.get("fetchSenderDetails") is True
        return answers.preview(int(body["amount"]), body.get("phoneNumber"), self.closed, sender=sender)

    async def initiate(self, request: web.Request) -> web.Response:
        """Send a push to the payer's handset, or do what the next fault says."""
        fault = self._faults.take(INITIATE)
        if fault is Fault.TIMEOUT_BEFORE_ACCEPT:
            return await hold(request)
        if fault in _INSTEAD:
            return _INSTEAD[fault]()
        answer = await self._initiate(request)
        if fault is None or answer.status != HTTPStatus.OK:
            return answer
        return await unheard(fault, request, answers.garbage())

    async def status(self, request: web.Request) -> web.Response:
        fault = self._faults.take(STATUS)
        if fault is Fault.STATUS_500:
            return answers.broken()
        if fault is Fault.STATUS_TIMEOUT:
            return await hold(request)
        if not self._is_authorized(request):
            return answers.refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        attempts = self._attempts.find(request.match_info["reference"])
        if not attempts:
            return answers.refusal(HTTPStatus.NOT_FOUND, "Payment not found")
        return answers.status(attempts, as_text=fault is Fault.AMOUNT_AS_TEXT)

    async def list_all(self, request: web.Request) -> web.Response:
        """Every payment between two dates, in pages."""
        if self._faults.take(STATUS) is Fault.STATUS_500:
            return answers.broken()
        if not self._is_authorized(request):
            return answers.refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        asked = request.query
        dates = asked.get("startDate", "0001-01-01"), asked.get("endDate", "9999-12-31")
        numbers = asked.get("skip", "0"), asked.get("limit", "20")
        if not all(map(_DATE.fullmatch, dates)) or not all(map(_NUMBER.fullmatch, numbers)):
            return answers.refusal(HTTPStatus.BAD_REQUEST, "startDate, endDate, skip or limit is not valid")
        found = self._attempts.page(
            start=dates[0],
            end=dates[1],
            newest_first=asked.get("orderBy", "DESC") != "ASC",
            skip=int(numbers[0]),
            limit=int(numbers[1]),
        )
        return answers.page(*found)

    async def _initiate(self, request: web.Request) -> web.Response:
        if not self._is_authorized(request):
            return answers.refusal(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        try:
            body = await self._checked(request, "amount", "orderReference", "phoneNumber")
            attempt = self._attempts.start(
                reference=body["orderReference"], amount=int(body["amount"]), phone=body["phoneNumber"]
            )
        except ReferenceUsedError:
            return answers.refusal(HTTPStatus.CONFLICT, "Order reference already used")
        except Refused as refused:
            return answers.refusal(HTTPStatus.BAD_REQUEST, *refused.messages)
        self._push(attempt)
        return answers.started(attempt)

    def _is_authorized(self, request: web.Request) -> bool:
        return request.headers.get("Authorization", "") in self._tokens

    async def _checked(self, request: web.Request, *required: str) -> dict[str, Any]:
        """The body of a request, whose checksum is looked at first; raises Refused with all that is wrong."""
        body = await json_object(request) or {}
        if self.requires_checksum and "checksum" not in body:
            raise Refused("checksum is required")
        if "checksum" in body and body["checksum"] != checksum.of(body, self._checksum_key):
            raise Refused("Invalid checksum")
        forms = {"amount": _AMOUNT, "orderReference": _REFERENCE, "phoneNumber": _PHONE}
        asked = {name: body.get(name) for name in forms if name in required or name in body}
        wrong = [name for name, value in asked.items() if not _has(forms[name], value)]
        if body.get("currency") != "TZS":
            wrong.append("currency")
        if wrong:
            raise Refused(*(f"{name} is not valid" for name in wrong))
        return body


def _has(form: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None
