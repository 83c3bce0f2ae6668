"""A customer's door for tests: keeps the callbacks that come to it, and answers them as it is told."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_WAIT_MAX_S = 5.0


@dataclass(frozen=True)
class Call:
    """One callback as it came in."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    at: float
    raw: bytes = field(default=b"", repr=False)
    """The body as it came, byte for byte: what a signature is over."""


@dataclass
class Doorstep:
    """Where the callbacks are laid down. `answers` are given first, one a call; then always 200."""

    url: str
    calls: list[Call] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    delay_s: float = 0.0
    inside: int = 0
    inside_max: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def bodies(self) -> list[dict[str, Any]]:
        return [call.body for call in list(self.calls)]

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """The bodies, once at least so many calls have come."""
        deadline = time.monotonic() + _WAIT_MAX_S
        while len(self.calls) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(self.calls)} of {count} callbacks came within {_WAIT_MAX_S} s")
            time.sleep(0.005)
        return self.bodies()

    def take(self, call: Call) -> int:
        """Keep a call, and say how it is to be answered."""
        with self._lock:
            self.inside += 1
            self.inside_max = max(self.inside_max, self.inside)
            self.calls.append(call)
            status = self.answers.pop(0) if self.answers else 200
        time.sleep(self.delay_s)
        with self._lock:
            self.inside -= 1
        return status


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


@contextlib.contextmanager
def open_doorstep() -> Iterator[Doorstep]:
    """A door on a free loopback port for the time of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = doorstep.take(Call(self.path, headers, json.loads(text), time.monotonic(), text))
            with contextlib.suppress(ConnectionError):
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """Tests speak for themselves."""

    with _Server(("127.0.0.1", 0), Handler) as server:
        doorstep = Doorstep(f"http://127.0.0.1:{server.server_port}/callbacks/token/")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield doorstep
        finally:
            server.shutdown()
            thread.join()
