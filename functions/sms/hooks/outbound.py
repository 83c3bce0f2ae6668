"""Outbound: one POST to a system that a customer named, to an address that was just looked at, within a fixed time.

Redirects are answers like any other, never followed: they would lead where nobody looked.
"""

import contextlib
import socket
import ssl
import threading
import time
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from mifumo.settings import Settings

from . import addresses
from .addresses import NotPublicError, Target
from .outcomes import CallError, Outcome

# What the standard library says to an answer that is not HTTP; its reader of headers compares None with numbers when a
# Content-Type has one parameter in two ways.
_ILLEGIBLE = (HTTPException, ValueError, TypeError)


# A socket takes no limit of nothing.
_LEAST_S = 0.001


class CallSettings(Settings):
    """For how long a customer's system is waited for: look-up, connection and answer together."""

    hook_timeout_s: float


class _Pinned(HTTPConnection):
    """Connects to the addresses that it is given and asks no resolver."""

    def __init__(self, target: Target, checked: list[str], timeout_s: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout_s)
        self._checked = checked

    def connect(self) -> None:
        self.sock = _connect(self._checked, self.port, self.timeout or 0)


class _PinnedTls(HTTPSConnection):
    """Likewise; the certificate must be that of the name."""

    def __init__(self, target: Target, checked: list[str], timeout_s: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout_s, context=_tls())
        self._checked = checked

    def connect(self) -> None:
        plain = _connect(self._checked, self.port, self.timeout or 0)
        # In two steps, so that a handshake can be cut off as well.
        self.sock = made = _tls().wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
        made.do_handshake()


def post(url: str, body: bytes, headers: dict[str, str]) -> Outcome:
    """Posts the body; whatever happens is an outcome, nothing is raised."""
    started = time.monotonic()
    status, error, retry_after = None, None, None
    try:
        status, retry_after = _call(addresses.parse(url), body, headers)
    except (NotPublicError, addresses.UrlRefused):
        error = CallError.ADDRESS_NOT_PUBLIC
    except socket.gaierror:
        error = CallError.NAME_NOT_KNOWN
    except TimeoutError:
        error = CallError.TIMEOUT
    except ssl.SSLError:
        error = CallError.TLS_FAILED
    except OSError:
        error = CallError.NO_ANSWER
    except _ILLEGIBLE:
        error = CallError.ANSWER_ILLEGIBLE
    return Outcome(status, error, retry_after, round((time.monotonic() - started) * 1000))


def _call(target: Target, body: bytes, headers: dict[str, str]) -> tuple[int, str | None]:
    timeout_s = CallSettings.load().hook_timeout_s
    ends = time.monotonic() + timeout_s
    checked = addresses.resolve(target, within_s=timeout_s)
    left_s = max(ends - time.monotonic(), _LEAST_S)
    make = _PinnedTls if target.scheme == "https" else _Pinned
    connection = make(target, checked, left_s)
    over = threading.Event()
    watch = threading.Timer(left_s, _cut, (connection, over))
    watch.daemon = True
    watch.start()
    try:
        connection.request("POST", target.path, body, headers)
        answer = connection.getresponse()
        # The status is the answer: its body, however long or slow, is not read.
        return answer.status, answer.headers.get("retry-after")
    except (OSError, *_ILLEGIBLE) as error:
        if over.is_set():
            raise TimeoutError from error
        raise
    finally:
        watch.cancel()
        connection.close()


def _cut(connection: HTTPConnection, over: threading.Event) -> None:
    """Ends a call whose time is over: a server that sends a byte now and then never runs into a socket's own limit."""
    over.set()
    sock = connection.sock
    if sock is not None:
        with contextlib.suppress(OSError):
            # The plain one: TLS's own would first forget the session that the other thread is reading from.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _connect(checked: list[str], port: int, timeout_s: float) -> socket.socket:
    """Connects to the first address that answers; the time is shared by all of them."""
    ends, failed = time.monotonic() + timeout_s, OSError("no address")
    for address in checked:
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        try:
            return socket.create_connection((address, port), timeout=left)
        except OSError as error:
            failed = error
    raise failed


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
