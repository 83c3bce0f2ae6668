"""What every provider's simulator has: a wire, a control API, faults, latency and callbacks."""

import asyncio
import contextlib
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar

from aiohttp import web

from sandbox.faults import Faults, FaultUnknownError
from sandbox.listener import Listener
from sandbox.postman import Postman

REFUSAL_WINDOW_S = 2.0
_BODY_MAX_BYTES = 4 * 1024 * 1024
_TIMES_MAX = 10_000
_LATENCY_MAX_MS = 120_000

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Simulator(ABC):
    """A provider in memory. The same simulator may be served on its own port and below the front door."""

    name: ClassVar[str]

    def __init__(self, *, faults: Faults, postman: Postman, refusal_window_s: float = REFUSAL_WINDOW_S) -> None:
        self.faults = faults
        self.postman = postman
        self.latency_ms = 0
        self._refusal_window_s = refusal_window_s
        self._listener: Listener | None = None

    @abstractmethod
    def log(self) -> Any:
        """What the provider has taken on so far."""

    @abstractmethod
    def forget(self) -> None:
        """Empty the log and everything behind it."""

    @abstractmethod
    def wire_routes(self) -> list[web.RouteDef]:
        """The provider's own API."""

    def control_routes(self) -> list[web.RouteDef]:
        """What only a simulator has; every simulator has at least these."""
        return [
            web.get("/log", self._read_log),
            web.delete("/log", self._delete_log),
            web.get("/faults", self._read_faults),
            web.post("/faults", self._add_faults),
            web.delete("/faults", self._delete_faults),
            web.post("/latency", self._set_latency),
        ]

    def app(self) -> web.Application:
        """A fresh app over this simulator: the wire and the control API side by side."""
        app = web.Application(client_max_size=_BODY_MAX_BYTES)
        app.add_routes([web.route(route.method, route.path, self._late(route.handler)) for route in self.wire_routes()])
        app.add_routes(self.control_routes())
        return app

    @contextlib.asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator[Listener]:
        """Listen on the simulator's own port and deliver its callbacks for the time of the block."""
        listener = Listener(
            self.app(), self.faults, port=port, purpose=f"{self.name} simulator", window_s=self._refusal_window_s
        )
        async with listener:
            self._listener = listener
            await self.postman.start()
            try:
                yield listener
            finally:
                self._listener = None
                await self.postman.stop()

    async def add_fault(self, kind: str, times: int = 1) -> None:
        """Queue a fault, and wait until a refusal has closed the port."""
        self.faults.add(kind, times)
        await self._settled()

    async def clear_faults(self) -> None:
        self.faults.clear()
        await self._settled()

    async def _settled(self) -> None:
        if self._listener is not None:
            await self._listener.settled()

    def _late(self, handler: Any) -> Handler:
        """The work is done at once, the answer comes late: what a slow provider does to its caller."""

        async def late(request: web.Request) -> web.StreamResponse:
            answer: web.StreamResponse = await handler(request)
            if self.latency_ms:
                await asyncio.sleep(self.latency_ms / 1000)
            return answer

        return late

    async def _read_log(self, _request: web.Request) -> web.Response:
        return web.json_response(self.log())

    async def _delete_log(self, _request: web.Request) -> web.Response:
        self.forget()
        return web.Response(status=204)

    async def _read_faults(self, _request: web.Request) -> web.Response:
        return web.json_response({"pending": self.faults.pending, "kinds": self.faults.kinds})

    async def _add_faults(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        times = whole(body, "times", at_least=1, at_most=_TIMES_MAX, default=1)
        try:
            await self.add_fault(str(body.get("kind")), times)
        except FaultUnknownError as error:
            raise refused(str(error)) from error
        return web.json_response({"pending": self.faults.pending}, status=201)

    async def _delete_faults(self, _request: web.Request) -> web.Response:
        await self.clear_faults()
        return web.Response(status=204)

    async def _set_latency(self, request: web.Request) -> web.Response:
        self.latency_ms = whole(await json_object(request), "ms", at_least=0, at_most=_LATENCY_MAX_MS)
        return web.json_response({"ms": self.latency_ms})


async def json_object(request: web.Request) -> dict[str, Any]:
    """The body of a control call: a JSON object, or a refusal; nothing at all counts as an empty one."""
    text = await request.text()
    try:
        body = json.loads(text or "{}")
    except ValueError as error:
        msg = "the body must be JSON"
        raise refused(msg) from error
    if not isinstance(body, dict):
        msg = "the body must be a JSON object"
        raise refused(msg)
    return body


def whole(body: dict[str, Any], field: str, *, at_least: int, at_most: int, default: int | None = None) -> int:
    """A whole number of a control call's body."""
    value = body.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int) or not at_least <= value <= at_most:
        msg = f"{field} must be a whole number from {at_least} to {at_most}"
        raise refused(msg)
    return value


def refused(reason: str) -> web.HTTPBadRequest:
    """The control API's answer to a call that makes no sense."""
    return web.HTTPBadRequest(text=json.dumps({"error": reason}), content_type="application/json")
