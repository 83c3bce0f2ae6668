"""A tenant at the API: what a user's own program would do, over HTTP and nothing else."""

import time
import uuid
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import requests

from sandbox.steps import CloudError

_TIMEOUT_S = 35
_TRIES = 5
_WAIT_MAX_S = 10.0
_PAGES_MAX = 100


class Tenant:
    """Speaks to the API at one address, with the access token once there is one."""

    def __init__(self, api_url: str) -> None:
        # The address itself: `localhost` means IPv6 first on many machines, and costs a refused connect each time.
        self._api_url = api_url.replace("//localhost", "//127.0.0.1")
        self._session = requests.Session()

    def close(self) -> None:
        self._session.close()

    def register(self, **fields: str) -> dict[str, Any]:
        answer = self.post("auth/register/", **fields)
        self._session.headers["Authorization"] = f"Bearer {answer['tokens']['access']}"
        return answer

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return self._call("GET", path, params=query)

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Post once, however often the network makes us ask: the key makes a second try harmless."""
        return self._call("POST", path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})

    def pages(self, path: str) -> Iterator[dict[str, Any]]:
        """Every item of a listing, page by page."""
        query: dict[str, Any] = {"limit": 250}
        for _ in range(_PAGES_MAX):
            page = self.get(path, **query)
            yield from page["items"]
            if not page["next"]:
                return
            query["cursor"] = page["next"]
        raise CloudError(f"/{path} has more than {_PAGES_MAX} pages.")

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        url = f"{self._api_url}/{path}"
        for last in [False] * (_TRIES - 1) + [True]:
            try:
                answer = self._session.request(method, url, timeout=_TIMEOUT_S, **request)
            except requests.RequestException as error:
                raise CloudError(f"{method} /api/{path} was not answered ({type(error).__name__}).") from error
            if last or not _is_worth_another_try(answer):
                return _content(answer, f"{method} /api/{path}")
            time.sleep(_pause_s(answer))
        raise AssertionError  # the last try returns


def _is_worth_another_try(answer: requests.Response) -> bool:
    return answer.status_code in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


def _pause_s(answer: requests.Response) -> float:
    wanted = answer.headers.get("Retry-After", "1")
    return min(float(wanted) if wanted.isdecimal() else 1.0, _WAIT_MAX_S)


def _content(answer: requests.Response, call: str) -> dict[str, Any]:
    try:
        body = answer.json()
    except requests.exceptions.JSONDecodeError as error:
        raise CloudError(f"{call} answered {answer.status_code} and no JSON: {answer.text[:200]!r}") from error
    if not answer.ok:
        detail = body.get("detail") or body.get("errorMessage") or body
        wrong = "; ".join(f"{item['pointer']}: {item['detail']}" for item in body.get("errors", []))
        raise CloudError(f"{call} answered {answer.status_code}: {detail} {wrong}".rstrip())
    content: dict[str, Any] = body
    return content
