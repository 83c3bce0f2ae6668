"""The ZenoPay simulator: orders behind their wire, with callbacks to the address that each order names."""

import asyncio
from datetime import UTC, datetime
from typing import Any, ClassVar

from aiohttp import web

from sandbox.faults import TRANSPORT_FAULTS, Fault, Faults
from sandbox.postman import Delivery, Letter, Postman
from sandbox.simulator import REFUSAL_WINDOW_S, Simulator, json_object, refused, whole
from sandbox.zenopay import outcomes
from sandbox.zenopay.orders import COMPLETED, STATUSES, Order, Orders
from sandbox.zenopay.wire import CREATE, STATUS, Wire

API_KEY = "sandbox-zenopay-api-key"
PAY_DELAY_S = 1.0

_RETRY_GAPS_S = (1.0, 2.0, 4.0)
"""Three further attempts with growing gaps: what ZenoPay documents for a callback that is not answered 200."""

_CALLBACKS_MAX = 1000
_CALLBACKS_AT_ONCE = 64
_AMOUNT_MAX = 1_000_000_000


class ZenoPay(Simulator):
    """ZenoPay in memory."""

    name: ClassVar[str] = "ZenoPay"

    def __init__(
        self,
        *,
        pay_delay_s: float = PAY_DELAY_S,
        api_key: str = API_KEY,
        refusal_window_s: float = REFUSAL_WINDOW_S,
    ) -> None:
        super().__init__(
            faults=Faults(
                **{CREATE: TRANSPORT_FAULTS, STATUS: frozenset({Fault.STATUS_500, Fault.STATUS_TIMEOUT})},
            ),
            postman=Postman(
                retry_gaps_s=_RETRY_GAPS_S, forever=False, on_delivery=self._note, concurrency=_CALLBACKS_AT_ONCE
            ),
            refusal_window_s=refusal_window_s,
        )
        self.pay_delay_s = pay_delay_s
        self._api_key = api_key
        self._orders = Orders()
        self._callbacks: list[dict[str, Any]] = []
        self._wire = Wire(self._orders, self.faults, self._push, api_key=api_key)

    def log(self) -> dict[str, Any]:
        """Every order, and every callback attempt with the status that it was answered with."""
        return {"orders": self._orders.log(), "callbacks": list(self._callbacks)}

    def forget(self) -> None:
        self.postman.forget()
        self._orders.forget()
        self._callbacks.clear()

    def wire_routes(self) -> list[web.RouteDef]:
        return self._wire.routes()

    def control_routes(self) -> list[web.RouteDef]:
        return [
            *super().control_routes(),
            web.post("/orders/{order_id}", self._flip),
            web.post("/orders/{order_id}/callback", self._call_back_again),
        ]

    def flip(self, order_id: str, payment_status: str, *, amount: int | None = None) -> None:
        """Give an order another status, as a late payer does; nobody is called back."""
        self._orders.flip(order_id, payment_status, paid_amount=amount)

    def call_back(self, order_id: str, times: int = 1) -> None:
        """Tell the merchant that an order is paid, whether it is or not, `times` at once."""
        order = self._orders.find(order_id)
        if order is None:
            raise KeyError(order_id)
        for _ in range(times):
            self._post_callback(order)

    def _push(self, order: Order) -> None:
        asyncio.get_running_loop().call_later(self.pay_delay_s, self._end, order.order_id)

    def _end(self, order_id: str) -> None:
        if self._orders.find(order_id) is None:
            return
        self._orders.end(order_id)
        order = self._orders.find(order_id)
        if order is not None:
            self.call_back(order_id, outcomes.of(order.buyer_phone).callbacks)

    def _post_callback(self, order: Order) -> None:
        if order.webhook_url is None:
            return
        body = {
            "order_id": order.order_id,
            "payment_status": COMPLETED,
            "reference": order.reference,
            "metadata": order.metadata,
        }
        self.postman.post(Letter(order.webhook_url, body, {"x-api-key": self._api_key}))

    def _note(self, delivery: Delivery) -> None:
        self._callbacks.append(
            {
                "order_id": delivery.letter.body["order_id"],
                "attempt": delivery.attempt,
                "answered": delivery.status,
                "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
        )

    async def _flip(self, request: web.Request) -> web.Response:
        order, body = self._ordered(request), await json_object(request)
        status = body.get("payment_status")
        if status not in STATUSES:
            msg = f"payment_status must be one of {', '.join(STATUSES)}"
            raise refused(msg)
        amount = whole(body, "amount", at_least=1, at_most=_AMOUNT_MAX, default=order.amount)
        self.flip(order.order_id, status, amount=amount)
        return web.json_response({"order_id": order.order_id, "payment_status": status})

    async def _call_back_again(self, request: web.Request) -> web.Response:
        order = self._ordered(request)
        times = whole(await json_object(request), "times", at_least=1, at_most=_CALLBACKS_MAX, default=1)
        self.call_back(order.order_id, times)
        return web.json_response({"order_id": order.order_id, "callbacks": times}, status=202)

    def _ordered(self, request: web.Request) -> Order:
        order = self._orders.find(request.match_info["order_id"])
        if order is None:
            raise web.HTTPNotFound(text='{"error": "no such order"}', content_type="application/json")
        return order
