"""Simulators for tests: each runs in a thread of its own and speaks real HTTP on a free loopback port."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sandbox.beem import Beem
from sandbox.beem.simulator import API_KEY as BEEM_API_KEY
from sandbox.beem.simulator import SECRET_KEY as BEEM_SECRET_KEY
from sandbox.clickpesa import ClickPesa
from sandbox.clickpesa.attempts import CLIENT_ID as CLICKPESA_CLIENT_ID
from sandbox.clickpesa.simulator import API_KEY as CLICKPESA_API_KEY
from sandbox.clickpesa.simulator import CHECKSUM_KEY as CLICKPESA_CHECKSUM_KEY
from sandbox.clickpesa.wire import BASE_PATH as CLICKPESA_BASE_PATH
from sandbox.pawapay import PawaPay
from sandbox.pawapay.simulator import TOKEN as PAWAPAY_TOKEN
from sandbox.simulator import Simulator
from sandbox.zenopay import ZenoPay
from sandbox.zenopay.simulator import API_KEY as ZENOPAY_API_KEY
from sandbox.zenopay.wire import BASE_PATH

__all__ = [
    "BEEM_API_KEY",
    "BEEM_SECRET_KEY",
    "CLICKPESA_API_KEY",
    "CLICKPESA_CHECKSUM_KEY",
    "CLICKPESA_CLIENT_ID",
    "PAWAPAY_TOKEN",
    "ZENOPAY_API_KEY",
    "running_beem",
    "running_clickpesa",
    "running_pawapay",
    "running_zenopay",
]

_CALL_MAX_S = 10.0

Sim = TypeVar("Sim", bound=Simulator)
Answer = TypeVar("Answer")


@dataclass
class Running(Generic[Sim]):
    """A simulator at work. Its methods may be called from the test's thread."""

    url: str
    control_url: str
    simulator: Sim
    loop: asyncio.AbstractEventLoop

    def log(self) -> Any:
        return self._call(self.simulator.log)

    def clear(self) -> None:
        """Forget log, faults and latency, and open the port if it is closed."""
        self._call(self.simulator.forget)
        self._call(lambda: setattr(self.simulator, "latency_ms", 0))
        self._await(self.simulator.clear_faults())

    def add_fault(self, kind: str, times: int = 1) -> None:
        self._await(self.simulator.add_fault(kind, times))

    def clear_faults(self) -> None:
        """Forget the faults that are still to come, and open the port if it is closed."""
        self._await(self.simulator.clear_faults())

    def set_latency(self, ms: int) -> None:
        self._call(lambda: setattr(self.simulator, "latency_ms", ms))

    def rest(self) -> None:
        """Waits until every callback has been answered. Raises TimeoutError when one is not."""
        end = time.monotonic() + _CALL_MAX_S
        while not self._call(lambda: self.simulator.postman.idle):
            if time.monotonic() > end:
                raise TimeoutError("a callback is still not answered")
            time.sleep(0.005)

    def _call(self, verb: Callable[[], Answer]) -> Answer:
        async def call() -> Answer:
            return verb()

        return self._await(call())

    def _await(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(_CALL_MAX_S)


class RunningBeem(Running[Beem]):
    """Beem at work; `url` is the base of its paths, /v1/send and the others."""

    def set_callback(self, url: str | None) -> None:
        self._call(lambda: setattr(self.simulator, "callback_url", url))

    def taken_on(self, *, since: int) -> list[dict[str, Any]]:
        return self._call(lambda: self.simulator.taken_on(since=since))

    def resend_reports(self) -> int:
        return self._call(self.simulator.resend)


class RunningZenoPay(Running[ZenoPay]):
    """ZenoPay at work; `url` is the base of its paths, /mobile_money_tanzania and /order-status."""

    def flip(self, order_id: str, payment_status: str, *, amount: int | None = None) -> None:
        self._call(lambda: self.simulator.flip(order_id, payment_status, amount=amount))

    def call_back(self, order_id: str, times: int = 1) -> None:
        self._call(lambda: self.simulator.call_back(order_id, times))


class RunningClickPesa(Running[ClickPesa]):
    """ClickPesa at work; `url` is the base of its paths, /generate-token and the others."""

    def set_callback(self, url: str | None) -> None:
        self._call(lambda: setattr(self.simulator, "callback_url", url))

    def flip(self, reference: str, status: str, *, amount: int | None = None) -> None:
        self._call(lambda: self.simulator.flip(reference, status, amount=amount))

    def attempt_again(self, reference: str, status: str) -> None:
        self._call(lambda: self.simulator.attempt_again(reference, status))

    def call_back(self, reference: str, times: int = 1, *, status: str | None = None) -> None:
        self._call(lambda: self.simulator.call_back(reference, times, status=status))

    def expire_tokens(self) -> None:
        self._call(self.simulator.wire.expire_tokens)


class RunningPawaPay(Running[PawaPay]):
    """pawaPay at work; `url` is the base of its paths, /v2/deposits and the others."""

    def set_callback(self, url: str | None, *, refunds: str | None = None) -> None:
        self._call(lambda: setattr(self.simulator.wire, "callback_url", url))
        self._call(lambda: setattr(self.simulator, "refund_url", refunds))

    def flip(self, deposit_id: str, status: str, *, amount: int | None = None) -> None:
        self._call(lambda: self.simulator.flip(deposit_id, status, amount=amount))

    def call_back(self, deposit_id: str, times: int = 1, *, status: str | None = None) -> None:
        self._call(lambda: self.simulator.call_back(deposit_id, times, status=status))

    def rotate_key(self) -> str:
        return self._call(self.simulator.rotate_key)

    def set_provider(self, code: str, status: str) -> None:
        self._call(lambda: self.simulator.set_provider(code, status))

    def set_statements(self, status: str) -> None:
        """Leaves every statement in this status."""
        self._call(lambda: setattr(self.simulator.wire.statements, "status", status))


@contextlib.contextmanager
def running_beem(
    callback_url: str | None = None, *, report_delay_s: float = 0.02, refusal_window_s: float = 0.3
) -> Iterator[RunningBeem]:
    """Beem on a free port for the time of the block."""

    def make() -> Beem:
        return Beem(callback_url=callback_url, report_delay_s=report_delay_s, refusal_window_s=refusal_window_s)

    with _running(make) as (beem, url, loop):
        yield RunningBeem(url, url, beem, loop)


@contextlib.contextmanager
def running_zenopay(*, pay_delay_s: float = 0.02, refusal_window_s: float = 0.3) -> Iterator[RunningZenoPay]:
    """ZenoPay on a free port for the time of the block."""

    def make() -> ZenoPay:
        return ZenoPay(pay_delay_s=pay_delay_s, refusal_window_s=refusal_window_s)

    with _running(make) as (zenopay, url, loop):
        yield RunningZenoPay(f"{url}{BASE_PATH}", url, zenopay, loop)


@contextlib.contextmanager
def running_clickpesa(
    callback_url: str | None = None, *, pay_delay_s: float = 0.02, refusal_window_s: float = 0.3
) -> Iterator[RunningClickPesa]:
    """ClickPesa on a free port for the time of the block."""

    def make() -> ClickPesa:
        return ClickPesa(callback_url=callback_url, pay_delay_s=pay_delay_s, refusal_window_s=refusal_window_s)

    with _running(make) as (clickpesa, url, loop):
        yield RunningClickPesa(f"{url}{CLICKPESA_BASE_PATH}", url, clickpesa, loop)


@contextlib.contextmanager
def running_pawapay(
    callback_url: str | None = None, *, pay_delay_s: float = 0.02, refusal_window_s: float = 0.3
) -> Iterator[RunningPawaPay]:
    """pawaPay on a free port for the time of the block."""

    def make() -> PawaPay:
        return PawaPay(callback_url=callback_url, pay_delay_s=pay_delay_s, refusal_window_s=refusal_window_s)

    with _running(make) as (pawapay, url, loop):
        yield RunningPawaPay(url, url, pawapay, loop)


@contextlib.contextmanager
def _running(make: Callable[[], Sim]) -> Iterator[tuple[Sim, str, asyncio.AbstractEventLoop]]:
    """Build the simulator inside the loop that it lives in, serve it, and end loop and thread with the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="simulator", daemon=True)
    thread.start()

    async def enter() -> tuple[Sim, str, contextlib.AsyncExitStack]:
        simulator, stack = make(), contextlib.AsyncExitStack()
        listener = await stack.enter_async_context(simulator.serving(0))
        return simulator, listener.url, stack

    try:
        simulator, url, stack = asyncio.run_coroutine_threadsafe(enter(), loop).result(_CALL_MAX_S)
        try:
            yield simulator, url, loop
        finally:
            asyncio.run_coroutine_threadsafe(_close(stack), loop).result(_CALL_MAX_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_CALL_MAX_S)
        loop.close()


async def _close(stack: contextlib.AsyncExitStack) -> None:
    """Close the servers, then wait for the connections that they cancelled."""
    await stack.aclose()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
