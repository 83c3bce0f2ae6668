"""A customer's system: a real HTTP server that answers as a test says and remembers what it was told."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Call(NamedTuple):
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The body, read as the event that it should be."""
        read: dict[str, Any] = json.loads(self.body)
        return read


class Customer:
    """Answers 204 unless told otherwise; an answer that is told is given once, in the order of telling."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.always: tuple[int, dict[str, str]] = (204, {})
        self.silent_s = 0.0
        self.drip = False
        self.url = ""

    def told(self, type_: str | None = None) -> list[dict[str, Any]]:
        """Lists the events that came, of one type or all."""
        return [call.event for call in self.calls if type_ is None or call.event["type"] == type_]

    def clear(self) -> None:
        """Forgets what came."""
        self.calls.clear()


@contextmanager
def open_customer() -> Iterator[Customer]:
    """Serves a customer's system on a free loopback port."""
    customer = Customer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            customer.calls.append(Call(self.path, headers, body))
            time.sleep(customer.silent_s)
            if customer.drip:
                return self._drip()
            status, more = customer.answers.pop(0) if customer.answers else customer.always
            self.send_response(status)
            for name, value in {"Content-Length": "0", **more}.items():
                self.send_header(name, value)
            return self.end_headers()

        def _drip(self) -> None:
            """Sends a letter now and then and never comes to an end."""
            for _ in range(100):
                try:
                    self.wfile.write(b"H")
                    self.wfile.flush()
                except OSError:
                    return
                time.sleep(0.05)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A caller that hung up is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    customer.url = f"http://127.0.0.1:{server.server_port}/hooks?of=duka"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield customer
    finally:
        server.shutdown()
        server.server_close()
