"""ZenoPay's HTTP API: start a mobile-money push, and ask what became of it."""

import hmac
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from sandbox.bodies import json_object
from sandbox.faults import Fault, Faults, hold, unheard
from sandbox.zenopay import answers
from sandbox.zenopay.orders import Order, Orders, OrderTakenError

CREATE = "create"
STATUS = "status"
BASE_PATH = "/api/payments"

_BUYER_PHONE = re.compile(r"0[67][0-9]{8}")
_INSTEAD: dict[Fault, Callable[[], web.Response]] = {
    Fault.HTTP_500: answers.broken,
    Fault.HTTP_429: answers.too_many,
    Fault.NOT_SUCCESSFUL: answers.not_successful,
}
"""Faults that answer without accepting anything."""


class Wire:
    """The routes that a merchant of ZenoPay calls."""

    def __init__(self, orders: Orders, faults: Faults, push: Callable[[Order], None], *, api_key: str) -> None:
        self._orders = orders
        self._faults = faults
        self._push = push
        self._api_key = api_key.encode()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(f"{BASE_PATH}/mobile_money_tanzania", self.create),
            web.get(f"{BASE_PATH}/order-status", self.order_status),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Send a push to the payer's handset, or do what the next fault says."""
        fault = self._faults.take(CREATE)
        if fault is Fault.TIMEOUT_BEFORE_ACCEPT:
            return await hold(request)
        if fault in _INSTEAD:
            return _INSTEAD[fault]()
        answer = await self._create(request)
        if fault is None or answer.status != HTTPStatus.OK:
            return answer
        return await unheard(fault, request, answers.garbage())

    async def order_status(self, request: web.Request) -> web.Response:
        match self._faults.take(STATUS):
            case Fault.STATUS_500:
                return answers.broken()
            case Fault.STATUS_TIMEOUT:
                return await hold(request)
            case _:
                return self._order_status(request)

    async def _create(self, request: web.Request) -> web.Response:
        if not self._is_authorized(request):
            return answers.refusal(401, "Invalid API Key.")
        try:
            order = self._orders.create(_order(await json_object(request) or {}))
        except OrderTakenError:
            return answers.refusal(400, "Order id has been used already.")
        except ValueError as error:
            return answers.refusal(400, str(error))
        self._push(order)
        return answers.started(order)

    def _order_status(self, request: web.Request) -> web.Response:
        if not self._is_authorized(request):
            return answers.refusal(401, "Invalid API Key.")
        order_id = request.query.get("order_id")
        if not order_id:
            return answers.refusal(400, "order_id is required.")
        order = self._orders.find(order_id)
        return answers.no_such_order() if order is None else answers.status(order)

    def _is_authorized(self, request: web.Request) -> bool:
        return hmac.compare_digest(request.headers.get("x-api-key", "").encode(), self._api_key)


def _order(body: dict[str, Any]) -> Order:
    texts = {name: body.get(name) for name in ("order_id", "buyer_name", "buyer_email", "buyer_phone")}
    missing = [name for name, value in texts.items() if not isinstance(value, str) or not value]
    if missing:
        raise ValueError(f"{', '.join(missing)} required.")
    phone, amount = str(texts["buyer_phone"]), body.get("amount")
    if not _BUYER_PHONE.fullmatch(phone):
        raise ValueError("buyer_phone must be 07XXXXXXXX or 06XXXXXXXX.")
    if isinstance(amount, bool) or not isinstance(amount, int) or amount <= 0:
        raise ValueError("amount must be a whole number of TZS.")
    webhook_url, metadata = body.get("webhook_url"), body.get("metadata")
    if webhook_url is not None and not str(webhook_url).startswith(("http://", "https://")):
        raise ValueError("webhook_url must be an http address.")
    return Order(
        order_id=str(texts["order_id"]),
        buyer_name=str(texts["buyer_name"]),
        buyer_email=str(texts["buyer_email"]),
        buyer_phone=phone,
        amount=amount,
        webhook_url=webhook_url,
        metadata=metadata if isinstance(metadata, dict) else {},
    )
