"""pawaPay's control API: what payers do later, what the dashboard is for, and what no provider would do for anybody."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from aiohttp import web

from sandbox.pawapay.account import AVAILABILITIES, Account
from sandbox.pawapay.book import Book, Deposit, Refund
from sandbox.pawapay.outcomes import STATUSES
from sandbox.simulator import json_object, refused, whole

_CALLBACKS_MAX = 1000
_AMOUNT_MAX = 1_000_000_000


class Controlled(Protocol):
    """What the controls move."""

    def set_callbacks(self, url: str | None, refunds: str | None) -> None:
        """Call back there from now on."""

    def call_back(self, deposit_id: str, times: int = 1, *, status: str | None = None) -> None:
        """Call back about a deposit."""

    def call_back_refund(self, refund_id: str, times: int = 1, *, status: str | None = None) -> None:
        """Call back about a refund."""

    def rotate_key(self) -> str:
        """Sign with a new key."""

    def set_provider(self, code: str, status: str) -> None:
        """Open or close a provider."""


class Controls:
    """The routes that only a simulator has."""

    def __init__(self, controlled: Controlled, book: Book, account: Account) -> None:
        self._controlled = controlled
        self._book = book
        self._account = account

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/callback", self._set_callback),
            web.post("/keys", self._rotate),
            web.post("/providers/{code}", self._set_provider),
            web.post("/deposits/{id}", self._flip),
            web.post("/deposits/{id}/callback", self._call_back),
            web.post("/refunds/{id}", self._flip_refund),
            web.post("/refunds/{id}/callback", self._call_back_refund),
        ]

    async def _set_callback(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        url, refunds = body.get("url"), body.get("refund_url")
        if not all(one is None or str(one).startswith(("http://", "https://")) for one in (url, refunds)):
            raise refused("url and refund_url must be http addresses, or null")
        self._controlled.set_callbacks(url, refunds)
        return web.json_response({"url": url, "refund_url": refunds})

    async def _rotate(self, _request: web.Request) -> web.Response:
        return web.json_response({"id": self._controlled.rotate_key()}, status=201)

    async def _set_provider(self, request: web.Request) -> web.Response:
        code, status = request.match_info["code"], (await json_object(request)).get("status")
        if self._account.find(code) is None:
            raise _nothing("provider")
        if status not in AVAILABILITIES:
            raise refused(f"status must be one of {', '.join(AVAILABILITIES)}")
        self._controlled.set_provider(code, status)
        return web.json_response({"provider": code, "status": status})

    async def _flip(self, request: web.Request) -> web.Response:
        deposit, body = self._deposited(request), await json_object(request)
        amount = whole(body, "amount", at_least=1, at_most=_AMOUNT_MAX, default=int(deposit.amount))
        status, created = _status(body), _moment(body, "created", default=deposit.created)
        self._book.flip(deposit.id, status, amount=Decimal(amount))
        self._book.date(deposit.id, created)
        return web.json_response({"depositId": deposit.id, "status": status, "created": created})

    async def _call_back(self, request: web.Request) -> web.Response:
        deposit, (times, status) = self._deposited(request), await _said(request)
        self._controlled.call_back(deposit.id, times, status=status)
        return web.json_response({"depositId": deposit.id, "callbacks": times}, status=202)

    async def _flip_refund(self, request: web.Request) -> web.Response:
        refund, status = self._refunded(request), _status(await json_object(request))
        self._book.flip_refund(refund.id, status)
        return web.json_response({"refundId": refund.id, "status": status})

    async def _call_back_refund(self, request: web.Request) -> web.Response:
        refund, (times, status) = self._refunded(request), await _said(request)
        self._controlled.call_back_refund(refund.id, times, status=status)
        return web.json_response({"refundId": refund.id, "callbacks": times}, status=202)

    def _deposited(self, request: web.Request) -> Deposit:
        deposit = self._book.deposits.get(request.match_info["id"])
        if deposit is None:
            raise _nothing("deposit")
        return deposit

    def _refunded(self, request: web.Request) -> Refund:
        refund = self._book.refunds.get(request.match_info["id"])
        if refund is None:
            raise _nothing("refund")
        return refund


async def _said(request: web.Request) -> tuple[int, str | None]:
    """How often to call back, and with which status if not the true one."""
    body = await json_object(request)
    times = whole(body, "times", at_least=1, at_most=_CALLBACKS_MAX, default=1)
    return times, _status(body) if "status" in body else None


def _status(body: Mapping[str, Any]) -> str:
    status = body.get("status")
    if status not in STATUSES:
        raise refused(f"status must be one of {', '.join(STATUSES)}")
    return str(status)


def _moment(body: Mapping[str, Any], field: str, *, default: str) -> str:
    text = str(body.get(field, default))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise refused(f"{field} must be a moment, such as 2026-01-31T08:15:32Z") from error
    if moment.tzinfo is None:
        raise refused(f"{field} must say how far it is from UTC, or end with Z")
    return text


def _nothing(kind: str) -> web.HTTPNotFound:
    return web.HTTPNotFound(text=f'{{"error": "no such {kind}"}}', content_type="application/json")
