"""The front door: one origin for the deployed API, the simulators and a page of links, as CloudFront will be on AWS."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from html import escape
from http import HTTPStatus

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from sandbox.ports import Ports
from sandbox.simulator import Simulator

_API_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=3)
"""The API gateway itself gives up after 30 s, so this only ends what hangs below it."""

_AT_ONCE_MAX = 10
"""The emulator starts a process for each request that finds none idle: more at once, and a laptop does nothing else.
The others wait here, as they would for a busy region."""

_CHUNK_BYTES = 64 * 1024
_BODY_MAX_BYTES = 16 * 1024 * 1024
_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_SESSION = web.AppKey("session", aiohttp.ClientSession)


class FrontDoor:
    """Hands `/api/*` to the emulator's HTTP API and `/sandbox/*` to the simulators."""

    def __init__(self, *, api_id: str, ports: Ports, simulators: Mapping[str, Simulator]) -> None:
        self._ports = ports
        self._host = f"{api_id}.execute-api.localhost:{ports.cloud}"
        self._simulators = simulators

    def app(self) -> web.Application:
        app = web.Application(client_max_size=_BODY_MAX_BYTES)
        app.cleanup_ctx.append(_client_session)
        app.router.add_get("/", self._index)
        app.router.add_get("/sandbox", self._sandbox)
        app.router.add_get("/sandbox/", self._sandbox)
        for name, simulator in self._simulators.items():
            app.add_subapp(f"/sandbox/{name}", simulator.app())
        app.router.add_route("*", "/api", self._proxy)
        app.router.add_route("*", "/api/{path:.*}", self._proxy)
        return app

    async def _proxy(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._forward(request)
        except aiohttp.ClientConnectorError:
            return _problem(
                request,
                HTTPStatus.BAD_GATEWAY,
                "The emulator does not answer: it has ended or is still starting. `python -m sandbox up` starts it.",
            )
        except TimeoutError:
            return _problem(
                request, HTTPStatus.GATEWAY_TIMEOUT, f"The API did not answer within {_API_TIMEOUT.total:.0f} s."
            )
        except aiohttp.ClientError as error:
            return _problem(
                request, HTTPStatus.BAD_GATEWAY, f"The emulator broke off its answer ({type(error).__name__})."
            )

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        async with request.app[_SESSION].request(
            request.method,
            URL(f"{self._ports.endpoint_url}{request.raw_path}", encoded=True),
            headers=self._onward(request),
            data=request.content if request.can_read_body else None,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            allow_redirects=False,
        ) as upstream:
            answer = web.StreamResponse(
                status=upstream.status, reason=upstream.reason, headers=_end_to_end(upstream.headers)
            )
            await answer.prepare(request)
            async for chunk in upstream.content.iter_chunked(_CHUNK_BYTES):
                await answer.write(chunk)
            await answer.write_eof()
            return answer

    def _onward(self, request: web.Request) -> CIMultiDict[str]:
        headers = _end_to_end(request.headers)
        caller = request.remote or "unknown"
        before = request.headers.get("X-Forwarded-For")
        headers["Host"] = self._host
        headers["X-Forwarded-For"] = f"{before}, {caller}" if before else caller
        headers["X-Forwarded-Proto"] = request.scheme
        return headers

    async def _sandbox(self, _request: web.Request) -> web.Response:
        """What the daemon serves, and where the simulators' own ports are."""
        ports = {name: getattr(self._ports, name) for name in self._simulators}
        return web.json_response({"simulators": sorted(self._simulators), "ports": ports})

    async def _index(self, _request: web.Request) -> web.Response:
        return web.Response(text=_page(self._simulators), content_type="text/html")


async def _client_session(app: web.Application) -> AsyncIterator[None]:
    async with aiohttp.ClientSession(
        timeout=_API_TIMEOUT,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(limit=_AT_ONCE_MAX),
    ) as session:
        app[_SESSION] = session
        yield


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """The headers less those that belong to one hop, be it by standard or by the Connection header."""
    named = {name.strip().lower() for value in headers.getall("Connection", []) for name in value.split(",")}
    return CIMultiDict(
        (name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP | named | {"host"}
    )


def _problem(request: web.Request, status: HTTPStatus, detail: str) -> web.Response:
    body = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "instance": request.path,
        "code": "local_cloud_unavailable",
        "retryable": True,
    }
    return web.Response(text=json.dumps(body), status=status, content_type="application/problem+json")


def _page(simulators: Iterable[str]) -> str:
    links = {"/api/docs/": "The API: manual and OpenAPI description"}
    for name in simulators:
        links[f"/sandbox/{name}/log"] = f"The {name} simulator: what it has taken on"
        links[f"/sandbox/{name}/faults"] = f"The {name} simulator: the faults that wait, and those it knows"
    items = "\n".join(f'<li><a href="{escape(href)}">{escape(text)}</a></li>' for href, text in links.items())
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Mifumo SMS, local cloud</title>\n'
        "<style>body{font:1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}</style>\n"
        f"</head>\n<body>\n<h1>Mifumo SMS, local cloud</h1>\n<ul>\n{items}\n</ul>\n</body>\n</html>\n"
    )
