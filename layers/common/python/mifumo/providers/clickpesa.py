"""ClickPesa, both directions: mobile-money pushes in Tanzania, their status, and the callbacks that it sends.

A reference is taken once, so a push is made once; whether it rang is asked. Tokens last an hour and are kept for the
life of the process. Source: ClickPesa's API reference; what it leaves open is an argument here.
"""

import re
import uuid
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from mifumo import clock
from mifumo.observability import logger
from mifumo.phone import Operator
from mifumo.providers import answers, clickpesa_checksum, clickpesa_records, connections
from mifumo.providers.clickpesa_records import Method
from mifumo.providers.payments import (
    CallbackClaim,
    CallbackProof,
    Capabilities,
    Initiated,
    Initiation,
    Listed,
    ListPage,
    MalformedCallback,
    Period,
    ProviderUnavailableError,
    Push,
    Standing,
    Statement,
)

if TYPE_CHECKING:
    import requests

NAME = "clickpesa"
CURRENCY = "TZS"

_TOKEN, _PREVIEW = "/generate-token", "/payments/preview-ussd-push-request"
_INITIATE, _STATUS = "/payments/initiate-ussd-push-request", "/payments"
_LIST, _LIST_LINES = "/payments/all", 100
# A token is good for an hour; it is replaced while a call that begins with it still has time to end.
_TOKEN_AGE_MAX_S: Final = 3_600 - 300
_REFERENCE: Final = re.compile(r"[0-9a-f]{32}")


class ClickPesa:
    """One application at ClickPesa. `checksum_key` signs what we send; None where the application wants none."""

    name = NAME
    currency = CURRENCY
    capabilities = Capabilities(
        wallets=frozenset({Operator.VODACOM, Operator.TIGO, Operator.AIRTEL, Operator.HALOTEL}),
        proof=CallbackProof.SIGNED,
        repeatable=False,
        refunds=False,
        lists=True,
    )

    def __init__(
        self,
        *,
        url: str,
        client_id: str,
        api_key: str,
        timeout_s: float,
        checksum_key: str | None = None,
    ) -> None:
        self._url = url
        self._keys = {"client-id": client_id, "api-key": api_key}
        self._checksum_key = checksum_key
        self._timeout = connections.timeouts(timeout_s)
        self._token: str | None = None
        self._token_until = ""

    def preview(self, push: Push) -> Sequence[Method]:
        """Asks which wallets could be asked for this amount now, without asking anybody. Raises when nobody answers."""
        body = {
            "amount": str(push.amount_tzs),
            "currency": CURRENCY,
            "orderReference": clickpesa_records.reference(push.order_id),
        }
        answer = self._ask("POST", _PREVIEW, self._signed(body))
        if answer.status_code not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise ProviderUnavailableError(f"HTTP {answer.status_code}")
        return clickpesa_records.methods(answers.json_object(answer.content))

    def initiate(self, push: Push) -> Initiated:
        """Asks the payer's handset, once. The network follows from the number: ClickPesa takes no wallet."""
        body = {
            "amount": str(push.amount_tzs),
            "currency": CURRENCY,
            "orderReference": clickpesa_records.reference(push.order_id),
            "phoneNumber": push.phone.digits,
        }
        initiated = self._initiate(self._signed(body))
        logger.info("push answered", order_id=push.order_id, outcome=initiated.initiation, detail=initiated.detail)
        return initiated

    def fetch_status(self, order_id: str) -> Statement:
        """Asks what became of every attempt at an order; reads only."""
        try:
            answer = self._ask("GET", f"{_STATUS}/{clickpesa_records.reference(order_id)}")
        except ProviderUnavailableError as error:
            return Statement(Standing.UNAVAILABLE, detail=str(error))
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return Statement(Standing.NOT_FOUND)
        if answer.status_code != HTTPStatus.OK:
            return Statement(Standing.UNAVAILABLE, detail=f"HTTP {answer.status_code}")
        return clickpesa_records.statement(answers.json_value(answer.content), order_id)

    def list_payments(self, period: Period, place: str | None) -> ListPage:
        """Reads a page of all payments of the account, oldest first; `place` is how many come before it.

        Whole dates are all that one may ask for, in a time zone that the reference does not name: a day more on either
        side is asked for, and what lies outside of the period is left out.
        """
        days = {"startDate": _date(period.start, -1), "endDate": _date(period.end, 1)}
        skip = int(place or 0)
        order = {"sortBy": "createdAt", "orderBy": "ASC", "skip": skip, "limit": _LIST_LINES}
        answer = self._ask("GET", f"{_LIST}?{urlencode(days | order)}")
        if answer.status_code != HTTPStatus.OK:
            raise ProviderUnavailableError(f"HTTP {answer.status_code}")
        found = answers.json_object(answer.content).get("data")
        if not isinstance(found, list):
            raise ProviderUnavailableError("not a list of payments")
        lines = [clickpesa_records.listed(answers.member_object(one)) for one in found]
        within = [line for line in lines if line and _within(period, line)]
        return ListPage(within, str(skip + len(found)) if len(found) == _LIST_LINES else None)

    def _initiate(self, body: dict[str, str]) -> Initiated:
        import requests  # noqa: PLC0415 - it is the largest of the imports, and doors read callbacks alone

        try:
            # A connection of its own: one that died while the function slept would leave the outcome open.
            with connections.session({}) as session:
                answer = self._authorized(session, "POST", _INITIATE, body)
        except ProviderUnavailableError as error:  # there is no token, so nothing was sent
            return Initiated(Initiation.NOT_SENT, str(error))
        except requests.RequestException as error:
            never_left = connections.never_left(error)
            return Initiated(Initiation.NOT_SENT if never_left else Initiation.UNKNOWN, type(error).__name__)
        return clickpesa_records.initiated(
            answer.status_code, answers.json_object(answer.content), body["orderReference"]
        )

    def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> "requests.Response":
        """Asks what may be asked as often as we like; raises ProviderUnavailableError unless there is an answer."""
        import requests  # noqa: PLC0415 - see above

        try:
            return self._authorized(self._session, method, path, body)
        except requests.RequestException as error:
            raise ProviderUnavailableError(type(error).__name__) from error

    def _authorized(
        self, session: "requests.Session", method: str, path: str, body: dict[str, str] | None
    ) -> "requests.Response":
        """Calls with our token. A 401 took nothing, so the call is made once more, with a fresh one."""
        answer = self._call(session, method, path, body, self._fresh_token() or self._new_token())
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            answer = self._call(session, method, path, body, self._new_token())
        answers.watch_credentials(NAME, answer.status_code)
        return answer

    def _call(
        self, session: "requests.Session", method: str, path: str, body: dict[str, str] | None, token: str
    ) -> "requests.Response":
        return session.request(
            method,
            f"{self._url}{path}",
            json=body,
            headers={"Authorization": token},
            timeout=self._timeout,
            allow_redirects=False,
        )

    def _fresh_token(self) -> str | None:
        return self._token if clock.stamp() < self._token_until else None

    def _new_token(self) -> str:
        """Asks for a token, which comes with its "Bearer "; raises ProviderUnavailableError."""
        import requests  # noqa: PLC0415 - see above

        self._token, asked_at = None, clock.now()
        try:
            answer = self._session.post(
                f"{self._url}{_TOKEN}", headers=self._keys, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            raise ProviderUnavailableError(f"no token: {type(error).__name__}") from error
        answers.watch_credentials(NAME, answer.status_code)
        token = answers.json_object(answer.content).get("token")
        if answer.status_code not in {HTTPStatus.OK, HTTPStatus.CREATED} or not isinstance(token, str) or not token:
            raise ProviderUnavailableError(f"no token: HTTP {answer.status_code}")
        self._token, self._token_until = token, clock.after(_TOKEN_AGE_MAX_S, asked_at)
        return token

    def _signed(self, body: dict[str, str]) -> dict[str, str]:
        if self._checksum_key is None:
            return body
        return {**body, "checksum": clickpesa_checksum.of(body, self._checksum_key)}

    @cached_property
    def _session(self) -> "requests.Session":
        return connections.session({})


def _date(stamp: str, days: int) -> str:
    return (clock.parse(stamp) + timedelta(days=days)).date().isoformat()


def _within(period: Period, line: Listed) -> bool:
    """Tells whether a line is of the period; one whose moment cannot be read is looked at in any case."""
    try:
        at = clock.stamp(clock.parse(line.at))
    except ValueError:
        return True
    return period.start <= at < period.end


def parse_callback(body: bytes) -> CallbackClaim:
    """Reads a callback, proven or not: which order it speaks of, and what it claims; raises MalformedCallback."""
    try:
        payload = clickpesa_checksum.parsed(body)
    except clickpesa_checksum.NotCanonical as error:
        raise MalformedCallback(str(error)) from error
    data = answers.member_object(payload.get("data"))
    ours = data.get("orderReference")
    if not isinstance(ours, str) or not _REFERENCE.fullmatch(ours):
        raise MalformedCallback("no orderReference of ours")
    return CallbackClaim(
        str(uuid.UUID(ours)), answers.text(data.get("status")) or answers.text(payload.get("event")) or ""
    )
