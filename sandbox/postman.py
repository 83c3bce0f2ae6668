"""Callbacks from a simulator to its customer: one HTTP call each, a few at a time, tried again until answered."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

CONCURRENCY = 16
_ATTEMPT_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Letter:
    """One callback: where it goes and what it says."""

    url: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    seal: Callable[[str, bytes], tuple[bytes, Mapping[str, str]]] | None = None
    """Signs the bytes for an address, anew for each attempt; returns what goes out and the headers that go with it."""

    def sealed(self) -> tuple[bytes, Mapping[str, str]]:
        """The bytes and headers of one attempt."""
        written = json.dumps(self.body).encode()
        if self.seal is None:
            return written, {"Content-Type": "application/json", **self.headers}
        sent, headers = self.seal(self.url, written)
        return sent, {**self.headers, **headers}


@dataclass(frozen=True)
class Delivery:
    """One attempt at a callback; `status` is None when nobody answered."""

    letter: Letter
    attempt: int
    status: int | None

    @property
    def arrived(self) -> bool:
        return self.status is not None and self.status // 100 == 2  # noqa: PLR2004 -- 2xx


class Postman:
    """Delivers letters with bounded concurrency; a letter that is not answered 2xx comes again later.

    `retry_gaps_s` says how long to wait before each further attempt; `forever` repeats the last gap.
    """

    def __init__(
        self,
        *,
        retry_gaps_s: tuple[float, ...],
        forever: bool,
        on_delivery: Callable[[Delivery], None] | None = None,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self._retry_gaps_s = retry_gaps_s
        self._forever = forever
        self._on_delivery = on_delivery
        self._concurrency = concurrency
        self._due: asyncio.Queue[tuple[Letter, int]] = asyncio.Queue()
        self._timers: set[asyncio.TimerHandle] = set()
        self._workers: list[asyncio.Task[None]] = []
        self._session: aiohttp.ClientSession | None = None
        self._under_way = 0

    @property
    def idle(self) -> bool:
        """Says whether no letter waits and none is on its way."""
        return not (self._timers or self._under_way) and self._due.empty()

    async def start(self) -> None:
        timeout = aiohttp.ClientTimeout(total=_ATTEMPT_TIMEOUT_S)
        # The early reports of one call go beside the workers, hence no limit in the connector itself.
        self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._concurrency)]

    async def stop(self) -> None:
        self.forget()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def forget(self) -> None:
        """Drop every letter that is not on its way yet."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        while not self._due.empty():
            self._due.get_nowait()

    def post(self, letter: Letter, *, after_s: float = 0.0) -> None:
        """Deliver a letter later, and again until it arrives."""
        self._put(letter, 1, after_s)

    async def hand_over(self, letter: Letter, *, within_s: float) -> None:
        """Deliver a letter now, before anything else happens; what does not arrive in time is posted."""
        delivery = Delivery(letter, 1, None)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                delivery = await self._attempt(letter, 1)
        if not delivery.arrived:
            self._again(delivery)

    def _put(self, letter: Letter, attempt: int, after_s: float) -> None:
        def fall_due() -> None:
            self._timers.discard(timer)
            self._due.put_nowait((letter, attempt))

        timer = asyncio.get_running_loop().call_later(after_s, fall_due)
        self._timers.add(timer)

    async def _work(self) -> None:
        while True:
            letter, attempt = await self._due.get()
            delivery = await self._attempt(letter, attempt)
            if not delivery.arrived:
                self._again(delivery)

    def _again(self, delivery: Delivery) -> None:
        failures = delivery.attempt
        if failures > len(self._retry_gaps_s) and not self._forever:
            return
        gap_s = self._retry_gaps_s[min(failures, len(self._retry_gaps_s)) - 1]
        self._put(delivery.letter, failures + 1, gap_s)

    async def _attempt(self, letter: Letter, attempt: int) -> Delivery:
        if self._session is None:
            msg = "the postman has not been started"
            raise RuntimeError(msg)
        status: int | None = None
        self._under_way += 1
        try:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, ValueError):
                sent, headers = letter.sealed()
                async with self._session.post(letter.url, data=sent, headers=headers) as answer:
                    status = answer.status
        finally:
            self._under_way -= 1
        delivery = Delivery(letter, attempt, status)
        if self._on_delivery is not None:
            self._on_delivery(delivery)
        return delivery
