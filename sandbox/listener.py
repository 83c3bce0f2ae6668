"""A simulator's own port: a listening socket that can be closed for a while and comes back on the same port."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from aiohttp import web

from sandbox.faults import Faults

LOOPBACK = "127.0.0.1"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BACKLOG = 1024
_SETTLE_MAX_S = 5.0


_WHY = {
    errno.EADDRINUSE: "is in use by another program",
    errno.EACCES: "may not be opened by you, as the system keeps low numbers to itself",
}


class PortTakenError(RuntimeError):
    """The port cannot be had; `why` completes a sentence that begins with it."""

    def __init__(self, port: int, purpose: str, why: str) -> None:
        super().__init__(f"port {port} ({purpose}) {why}")
        self.port = port
        self.why = why


def bound(port: int, purpose: str) -> socket.socket:
    """A socket bound to a loopback port (0 picks a free one) that does not listen yet."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((LOOPBACK, port))
    except OSError as error:
        sock.close()
        raise _taken(port, purpose, error) from error
    return sock


def _taken(port: int, purpose: str, error: OSError) -> PortTakenError:
    return PortTakenError(port, purpose, _WHY.get(error.errno or 0, f"cannot be opened ({error.strerror})"))


class Listener:
    """Serves an app on a port, and refuses connections while the faults say so.

    A closed socket cannot count the connects that it refuses, so a queued refusal lasts for a window of time.
    While it lasts the port stays bound by a second socket which never listens: connects are refused by the
    system, and no other program can take the port.
    """

    def __init__(self, app: web.Application, faults: Faults, *, port: int, purpose: str, window_s: float) -> None:
        app.middlewares.append(self._count_busy)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self._faults = faults
        self._window_s = window_s
        self._purpose = purpose
        self._guard = bound(port, purpose)
        self.port: int = self._guard.getsockname()[1]
        self._site: web.SockSite | None = None
        self._busy: set[web.RequestHandler] = set()
        self._minder: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        try:
            await self._open()
        except PortTakenError:
            await self._runner.cleanup()
            self._guard.close()
            raise
        self._minder = asyncio.create_task(self._mind())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._minder is not None:
            self._minder.cancel()
            await asyncio.gather(self._minder, return_exceptions=True)
        await self._runner.cleanup()
        self._guard.close()

    async def settled(self) -> None:
        """Return once the socket is as the faults ask for: closed while refusing, open otherwise."""
        async with asyncio.timeout(_SETTLE_MAX_S):
            while self._faults.is_refusing() is (self._site is not None):  # noqa: ASYNC110 -- a moment, seldom
                await asyncio.sleep(0.002)

    async def _open(self) -> None:
        site = web.SockSite(self._runner, bound(self.port, self._purpose), backlog=_BACKLOG)
        try:
            await site.start()
        except OSError as error:
            raise _taken(self.port, self._purpose, error) from error
        self._site = site

    async def _close(self) -> None:
        if self._site is None:
            return
        site, self._site = self._site, None
        await site.stop()
        if self._runner.server is None:
            return
        for connection in self._runner.server.connections:
            if connection not in self._busy:
                connection.force_close()  # a kept-alive connection would dodge the refusal

    @web.middleware
    async def _count_busy(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._busy.add(request.protocol)
        try:
            answer = await handler(request)
        finally:
            self._busy.discard(request.protocol)
        if self._site is None:
            answer.force_close()
        return answer

    async def _mind(self) -> None:
        while True:
            await self._faults.changed.wait()
            self._faults.changed.clear()
            if not self._faults.is_refusing():
                continue
            await self._close()
            while self._faults.is_refusing():
                await self._one_window()
            await self._open()

    async def _one_window(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._window_s
        while self._faults.is_refusing() and (left_s := end - loop.time()) > 0:
            self._faults.changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._faults.changed.wait(), left_s)
        self._faults.end_refusal()
