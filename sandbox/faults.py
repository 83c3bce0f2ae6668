"""Faults on demand: what a simulator does wrong next, in the order in which it was asked for."""

import asyncio
import struct
from collections import deque
from enum import StrEnum
from socket import SO_LINGER, SOL_SOCKET

from aiohttp import web

HOLD_MAX_S = 60.0
"""A held connection is let go after this long, so that a forgotten client cannot pile up."""

_LOOK_AGAIN_S = 0.05
_LINGER_ZERO = struct.pack("ii", 1, 0)


class Fault(StrEnum):
    """What can go wrong with a call; the names are those of the control API."""

    REFUSE_CONNECTION = "refuse_connection"
    HTTP_500 = "http_500"
    HTTP_429 = "http_429"
    TIMEOUT_BEFORE_ACCEPT = "timeout_before_accept"
    TIMEOUT_AFTER_ACCEPT = "timeout_after_accept"
    RESET_AFTER_ACCEPT = "reset_after_accept"
    GARBAGE_200 = "garbage_200"
    NOT_SUCCESSFUL = "not_successful"
    CODE_102 = "code_102"
    CODE_111 = "code_111"
    CODE_120 = "code_120"
    STATUS_500 = "status_500"
    STATUS_TIMEOUT = "status_timeout"
    KEYS_500 = "keys_500"
    KEYS_TIMEOUT = "keys_timeout"
    UNSIGNED = "unsigned"
    SIGN_WITH_ANOTHER_KEY = "sign_with_another_key"
    SIGN_STALE = "sign_stale"
    SIGN_RAW = "sign_raw"
    BODY_CHANGED = "body_changed"
    TOKEN_500 = "token_500"  # noqa: S105 - a fault, not a secret
    TOKEN_TIMEOUT = "token_timeout"  # noqa: S105 - likewise
    AMOUNT_AS_TEXT = "amount_as_text"
    SIGN_IN_HEADER = "sign_in_header"


TRANSPORT_FAULTS = frozenset(
    {
        Fault.REFUSE_CONNECTION,
        Fault.HTTP_500,
        Fault.HTTP_429,
        Fault.TIMEOUT_BEFORE_ACCEPT,
        Fault.TIMEOUT_AFTER_ACCEPT,
        Fault.RESET_AFTER_ACCEPT,
        Fault.GARBAGE_200,
        Fault.NOT_SUCCESSFUL,
    },
)
"""The faults that every provider's main call knows."""


class FaultUnknownError(ValueError):
    """The simulator has no fault of that name."""


class Faults:
    """Queues of faults, one queue for each call that can fail; the first named call owns the socket."""

    def __init__(self, **kinds_by_call: frozenset[Fault]) -> None:
        self._kinds_by_call = kinds_by_call
        self._queues: dict[str, deque[Fault]] = {call: deque() for call in kinds_by_call}
        self.changed = asyncio.Event()

    @property
    def kinds(self) -> list[str]:
        return sorted(kind for kinds in self._kinds_by_call.values() for kind in kinds)

    @property
    def pending(self) -> dict[str, list[str]]:
        return {call: list(queue) for call, queue in self._queues.items()}

    def is_refusing(self) -> bool:
        """Whether connections are to be refused now: a refusal is at the head of its queue."""
        return any(queue and queue[0] is Fault.REFUSE_CONNECTION for queue in self._queues.values())

    def add(self, kind: str, times: int) -> None:
        """Queue a fault for the next `times` calls, behind those that are waiting already."""
        for call, kinds in self._kinds_by_call.items():
            if kind in kinds:
                self._queues[call].extend([Fault(kind)] * times)
                self.changed.set()
                return
        msg = f"unknown fault {kind!r}, known are {', '.join(self.kinds)}"
        raise FaultUnknownError(msg)

    def clear(self) -> None:
        for queue in self._queues.values():
            queue.clear()
        self.changed.set()

    def take(self, call: str) -> Fault | None:
        """The fault of this call, if one is due. A refusal is not a call's: the listener ends it by time."""
        queue = self._queues[call]
        if not queue or queue[0] is Fault.REFUSE_CONNECTION:
            return None
        fault = queue.popleft()
        self.changed.set()
        return fault

    def end_refusal(self) -> None:
        """Drop one window of refused connections, if one is still asked for."""
        for queue in self._queues.values():
            if queue and queue[0] is Fault.REFUSE_CONNECTION:
                queue.popleft()


async def hold(request: web.Request) -> web.Response:
    """Say nothing until the client goes away, then drop the connection."""
    await request.read()
    deadline = asyncio.get_running_loop().time() + HOLD_MAX_S
    # aiohttp has no event for a client that left
    while not _is_gone(request) and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_AGAIN_S)
    return reset(request)


async def unheard(fault: Fault, request: web.Request, garbage: web.Response) -> web.Response:
    """What was asked for is done, and the caller does not learn it."""
    if fault is Fault.TIMEOUT_AFTER_ACCEPT:
        return await hold(request)
    if fault is Fault.RESET_AFTER_ACCEPT:
        return reset(request)
    return garbage


def reset(request: web.Request) -> web.Response:
    """Break the connection with a TCP reset; the returned answer never reaches anybody."""
    transport = request.transport
    if transport is not None and not transport.is_closing():
        transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, _LINGER_ZERO)
        transport.abort()
    return web.Response()


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
