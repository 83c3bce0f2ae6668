"""Beem Africa, both directions: hand texts over, and read the delivery reports that come back.

An answer to a send call is one of five kinds, which are never mixed up: what was accepted, what certainly was not
sent, what was refused, trouble with our own account at Beem, and what nobody knows. Beem has no idempotency key, so
the last kind is never sent again.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from http import HTTPStatus
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from mifumo import aws
from mifumo.providers import beem_reports
from mifumo.settings import Settings

# Beem's largest published example sends a handful; a hundred keeps a lost answer small.
RECIPIENTS_MAX = 100
_CONNECT_TIMEOUT_S = 3
_ENCODING_UCS_2 = 8


class BeemSettings(Settings):
    """Where Beem is and how long to wait for it; the secret holds `api_key` and `secret_key`."""

    beem_secret: str
    beem_url: str
    beem_reports_url: str
    provider_timeout_s: float


class Kind(StrEnum):
    """What an answer means for the recipients of the call."""

    ACCEPTED = "accepted"
    NOT_SENT = "not_sent"
    REFUSED = "refused"
    PLATFORM = "platform"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one send call.

    `reason` is a stable word; `detail` is for our own staff. `invalid` counts recipients that Beem did not take
    (invalid or duplicate numbers); it does not say which. `waits` marks a rate limit, which is no failed attempt.
    """

    kind: Kind
    reason: str
    detail: str = ""
    request_id: str | None = None
    invalid: int = 0
    waits: bool = False


# Codes 100, 102, 111 and 120 were seen live, the others are from a third-party list.
_CODES: dict[int, tuple[Kind, str]] = {
    101: (Kind.REFUSED, "invalid_number"),
    102: (Kind.PLATFORM, "provider_balance"),
    103: (Kind.NOT_SENT, "provider_network"),
    104: (Kind.REFUSED, "missing_parameters"),
    105: (Kind.PLATFORM, "provider_account"),
    106: (Kind.REFUSED, "no_route"),
    107: (Kind.PLATFORM, "provider_credentials"),
    108: (Kind.PLATFORM, "provider_credentials"),
    111: (Kind.REFUSED, "invalid_sender_id"),
    120: (Kind.PLATFORM, "provider_credentials"),
}
_OURS_TO_MEND = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
}


@cache
def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy and no .netrc of the environment comes between us and the provider
    # No retries: only the pipeline decides what may be sent again.
    session.mount("https://", HTTPAdapter(max_retries=0))
    session.mount("http://", HTTPAdapter(max_retries=0))
    # A kept connection that went stale while the function slept is reset after our bytes left, and that would have to
    # count as unknown: every call gets a connection of its own.
    session.headers["Connection"] = "close"
    return session


def send(sender_id: str, text: str, recipients: list[tuple[int, str]], *, ucs_2: bool) -> Answer:
    """Hands one text to up to 100 recipients, given as (recipient_id, digits of the number)."""
    settings = BeemSettings.load()
    secret = aws.secret(settings.beem_secret)
    body = {
        "source_addr": sender_id,
        "schedule_time": "",
        "encoding": _ENCODING_UCS_2 if ucs_2 else 0,
        "message": text,
        "recipients": [{"recipient_id": number, "dest_addr": digits} for number, digits in recipients],
    }
    try:
        response = _session().post(
            f"{settings.beem_url}/v1/send",
            json=body,
            auth=(secret["api_key"], secret["secret_key"]),
            timeout=(_CONNECT_TIMEOUT_S, settings.provider_timeout_s),
            allow_redirects=False,
        )
    except requests.RequestException as error:
        return _unanswered(error)
    return _read(response, len(recipients))


def ask(request_id: str, digits: str) -> list[dict[str, Any]] | None:
    """Pulls the reports of one recipient: none where Beem did not take it, None when Beem does not answer."""
    settings = BeemSettings.load()
    secret = aws.secret(settings.beem_secret)
    try:
        response = _session().get(
            f"{settings.beem_reports_url}/public/v1/delivery-reports",
            params={"dest_addr": digits, "request_id": request_id},
            auth=(secret["api_key"], secret["secret_key"]),
            timeout=(_CONNECT_TIMEOUT_S, settings.provider_timeout_s),
            allow_redirects=False,
        )
        body = response.json() if response.ok else None
    except (requests.RequestException, RecursionError):
        return None
    # A list by its documentation, a bare object by what was seen.
    found = [body] if isinstance(body, dict) else body
    return [report for report in found if isinstance(report, dict)] if isinstance(found, list) else None


def _unanswered(error: requests.RequestException) -> Answer:
    """Tells a connection that never stood, so nothing can have been sent, from everything else."""
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    if isinstance(error, requests.ConnectTimeout) or isinstance(reason, (NewConnectionError, ConnectTimeoutError)):
        return Answer(Kind.NOT_SENT, "provider_unreachable", type(error).__name__)
    return Answer(Kind.UNKNOWN, "no_answer", type(error).__name__)


def _read(response: requests.Response, asked: int) -> Answer:
    detail = f"HTTP {response.status_code}"
    body = _json(response)
    code = body.get("code")
    if response.ok and body.get("successful") is True and code == 100:  # noqa: PLR2004
        return _accepted(body, asked)
    if body.get("successful") is not True and isinstance(code, int) and code in _CODES:
        kind, reason = _CODES[code]
        return Answer(kind, reason, f"{detail}, code {code}", waits=False)
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return Answer(Kind.NOT_SENT, "provider_rate_limit", detail, waits=True)
    if response.status_code in _OURS_TO_MEND:
        return Answer(Kind.PLATFORM, "provider_credentials", detail)
    if body.get("successful") is False and code != 100:  # noqa: PLR2004
        return Answer(Kind.REFUSED, "refused", f"{detail}, code {code}"[:64])
    if HTTPStatus.BAD_REQUEST <= response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Answer(Kind.REFUSED, "refused", detail)
    return Answer(Kind.UNKNOWN, "answer_unreadable", detail)


def _accepted(body: dict[str, Any], asked: int) -> Answer:
    """Reads how many were taken; figures that do not add up are nonsense, and then all count as taken."""
    request_id = body.get("request_id")
    if not isinstance(request_id, (int, str)) or isinstance(request_id, bool) or request_id == "":
        return Answer(Kind.UNKNOWN, "answer_without_request_id")
    figures = [body.get("valid", asked), body.get("invalid", 0), body.get("duplicates", 0)]
    if not all(type(figure) is int and figure >= 0 for figure in figures) or sum(figures) != asked:
        return Answer(Kind.ACCEPTED, "accepted", "figures do not add up", request_id=beem_reports.canonical(request_id))
    return Answer(Kind.ACCEPTED, "accepted", request_id=beem_reports.canonical(request_id), invalid=asked - figures[0])


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except (requests.JSONDecodeError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
