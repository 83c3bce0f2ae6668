"""The front door hands /api on untouched, serves the simulators, and says so when nobody answers behind it."""

import asyncio
import contextlib
import gzip
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from sandbox.daemon import serving
from sandbox.listener import PortTakenError
from sandbox.ports import Ports, free_port

API_ID = "4d1f5a90"


@dataclass
class Upstream:
    """Stands where the emulator stands: keeps what it is asked, and answers the same each time."""

    port: int
    asked: list[dict[str, Any]]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append({"method": self.command, "path": self.path, "headers": self.headers, "body": body})
            if self.path.startswith("/api/slow"):
                time.sleep(0.3)
            content = gzip.compress(b'{"code": "teapot"}')
            self.send_response(418)
            self.send_header("Content-Type", "application/problem+json")
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("X-Request-Id", "r-1")
            self.send_header("Set-Cookie", "a=1")
            self.send_header("Set-Cookie", "b=2")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_DELETE = do_HEAD = do_PATCH = answer  # noqa: N815 -- http.server's names

        def log_message(self, *_: object) -> None:
            """Tests speak for themselves."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield Upstream(server.server_port, asked)
        server.shutdown()
        thread.join()


@pytest.fixture
def front(upstream: Upstream) -> Iterator[str]:
    with _front(cloud=upstream.port) as url:
        yield url


def test_a_call_is_handed_on_with_its_method_path_headers_and_body(front: str, upstream: Upstream) -> None:
    answer = requests.post(
        f"{front}/api/sms/messages/?to=%2B255712345678&limit=1",
        data=b"\x00exactly this",
        headers={"Authorization": "Bearer t", "Idempotency-Key": "k", "Content-Type": "text/odd", "Cookie": "a=1; b=2"},
        timeout=5,
    )

    (asked,) = upstream.asked
    assert (asked["method"], asked["body"]) == ("POST", b"\x00exactly this")
    assert asked["path"] == "/api/sms/messages/?to=%2B255712345678&limit=1"
    assert asked["headers"]["Host"] == f"{API_ID}.execute-api.localhost:{upstream.port}"
    assert asked["headers"]["Authorization"] == "Bearer t"
    assert asked["headers"]["Idempotency-Key"] == "k"
    assert asked["headers"].get_all("Cookie") == ["a=1; b=2"]
    assert asked["headers"]["Content-Type"] == "text/odd"
    assert asked["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert asked["headers"]["X-Forwarded-Proto"] == "http"
    assert answer.status_code == 418


def test_an_answer_comes_back_with_its_status_headers_and_bytes(front: str) -> None:
    with requests.get(f"{front}/api/auth/me/", timeout=5, stream=True) as answer:
        raw = answer.raw.read(decode_content=False)

    assert answer.status_code == 418
    assert json.loads(gzip.decompress(raw)) == {"code": "teapot"}
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"] == "r-1"
    assert answer.raw.headers.getlist("Set-Cookie") == ["a=1", "b=2"]


def test_earlier_forwarders_are_kept_and_hop_headers_are_not(front: str, upstream: Upstream) -> None:
    requests.get(
        f"{front}/api/x/",
        headers={"X-Forwarded-For": "203.0.113.7", "Connection": "close, X-Private", "X-Private": "1", "TE": "gzip"},
        timeout=5,
    )

    headers = upstream.asked[0]["headers"]
    assert headers["X-Forwarded-For"] == "203.0.113.7, 127.0.0.1"
    assert "X-Private" not in headers
    assert "TE" not in headers


@pytest.mark.parametrize("method", ["HEAD", "DELETE", "PATCH"])
def test_every_method_passes(front: str, upstream: Upstream, method: str) -> None:
    answer = requests.request(method, f"{front}/api/x/", timeout=5)

    assert answer.status_code == 418
    assert upstream.asked[0]["method"] == method


def test_slow_calls_do_not_queue_behind_one_another(front: str) -> None:
    started = time.monotonic()
    callers = [
        threading.Thread(target=requests.get, args=(f"{front}/api/slow/",), kwargs={"timeout": 5}) for _ in range(10)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert time.monotonic() - started < 2


def test_a_missing_emulator_is_a_502_that_says_so() -> None:
    with _front(cloud=free_port()) as url:
        answer = requests.get(f"{url}/api/auth/me/", timeout=5)

    assert answer.status_code == 502
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert "emulator does not answer" in answer.json()["detail"]
    assert answer.json()["status"] == 502


def test_the_simulators_stand_below_sandbox_with_wire_and_control(front: str) -> None:
    simulators = requests.get(f"{front}/sandbox", timeout=5).json()["simulators"]
    assert simulators == ["beem", "clickpesa", "pawapay", "zenopay"]
    faults = requests.get(f"{front}/sandbox/beem/faults", timeout=5)
    refused = requests.post(f"{front}/sandbox/beem/v1/send", json={}, timeout=5)
    status = requests.get(f"{front}/sandbox/zenopay/api/payments/order-status", timeout=5)

    assert "http_500" in faults.json()["kinds"]
    assert refused.json()["code"] == 107
    assert status.json()["message"] == "Invalid API Key."


def test_beem_can_be_opened_again_through_the_front_door_while_it_refuses(front: str) -> None:
    beem = requests.get(f"{front}/sandbox/", timeout=5).json()["ports"]["beem"]
    requests.post(f"{front}/sandbox/beem/faults", json={"kind": "refuse_connection", "times": 100}, timeout=5)
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(f"http://127.0.0.1:{beem}/log", timeout=5)

    requests.delete(f"{front}/sandbox/beem/faults", timeout=5)

    assert requests.get(f"http://127.0.0.1:{beem}/log", timeout=5).json() == []


def test_the_first_page_links_to_what_is_there(front: str) -> None:
    page = requests.get(front, timeout=5)

    assert page.headers["Content-Type"].startswith("text/html")
    for href in ("/api/docs/", *(f"/sandbox/{name}/log" for name in ("beem", "zenopay", "pawapay", "clickpesa"))):
        assert f'href="{href}"' in page.text
    assert requests.get(f"{front}/elsewhere", timeout=5).status_code == 404


def test_a_taken_port_stops_the_daemon_with_a_sentence(front: str) -> None:
    taken = int(front.rsplit(":", 1)[1])

    with pytest.raises(PortTakenError, match=rf"port {taken} \(front door\) is in use"), _front(front=taken):
        pass


@contextlib.contextmanager
def _front(*, cloud: int = 1, front: int | None = None) -> Iterator[str]:
    """The daemon's own servers, in a thread."""
    simulators = {name: free_port() for name in ("beem", "zenopay", "pawapay", "clickpesa")}
    ports = Ports(cloud=cloud, front=front or free_port(), **simulators)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    stack = contextlib.AsyncExitStack()

    def run(coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, loop).result(10)

    try:
        run(stack.enter_async_context(serving(ports, api_id=API_ID)))
        try:
            yield f"http://127.0.0.1:{ports.front}"
        finally:
            run(stack.aclose())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
