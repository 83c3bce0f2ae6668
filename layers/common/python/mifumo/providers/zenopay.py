"""ZenoPay, both directions: mobile-money pushes in Tanzania, their status, and the callbacks that it sends.

Its contract is thin: no signatures, no idempotent retry, statuses in either case, amounts as strings. `requests` is
imported at the first call, because the doors that only read callbacks should not pay for it.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from mifumo.observability import logger
from mifumo.phone import Operator
from mifumo.providers import answers, connections
from mifumo.providers.payments import (
    CallbackClaim,
    CallbackProof,
    Capabilities,
    Initiated,
    Initiation,
    MalformedCallback,
    Push,
    Standing,
    Statement,
)

if TYPE_CHECKING:
    import requests

NAME = "zenopay"
# The header in which our key travels, to them on each call and back to us on each callback.
KEY_HEADER = "x-api-key"

_CREATE, _STATUS = "/mobile_money_tanzania", "/order-status"
_WORDS = {
    "COMPLETED": Standing.COMPLETED,
    "FAILED": Standing.FAILED,
    "REJECTED": Standing.FAILED,
    "CANCELLED": Standing.CANCELLED,
    "USERCANCELLED": Standing.CANCELLED,
    "PENDING": Standing.PENDING,
    "INPROGRESS": Standing.PENDING,
}
# Nothing was taken from us: our key is refused, or we ask too often.
_NOT_TAKEN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
# A gateway's time-out and "that order exists" leave open whether the payer is being asked.
_OPEN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT}
_REFUSALS = {"failed", "fail", "error"}


class ZenoPay:
    """One merchant account at ZenoPay."""

    name = NAME
    currency = "TZS"
    capabilities = Capabilities(
        wallets=frozenset({Operator.VODACOM, Operator.TIGO, Operator.AIRTEL, Operator.HALOTEL}),
        proof=CallbackProof.SHARED_SECRET,
        repeatable=False,
        refunds=False,
    )

    def __init__(self, *, url: str, api_key: str, timeout_s: float) -> None:
        self._url = url
        self._api_key = api_key
        self._timeout = connections.timeouts(timeout_s)

    def initiate(self, push: Push) -> Initiated:
        """Asks the payer's handset, once. The network follows from the number: ZenoPay takes no wallet."""
        body = {
            "order_id": push.order_id,
            "buyer_name": push.buyer_name,
            "buyer_email": push.buyer_email,
            "buyer_phone": push.phone.local,
            "amount": push.amount_tzs,
            "webhook_url": push.callback_url,
        }
        initiated = self._create(body)
        logger.info("push answered", order_id=push.order_id, outcome=initiated.initiation, detail=initiated.detail)
        return initiated

    def fetch_status(self, order_id: str) -> Statement:
        """Asks where an order stands. Only `data[0].payment_status` says whether money moved."""
        import requests  # noqa: PLC0415 - see the module's first lines

        try:
            answer = self._session.get(
                f"{self._url}{_STATUS}", params={"order_id": order_id}, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            return Statement(Standing.UNAVAILABLE, detail=type(error).__name__)
        answers.watch_credentials(NAME, answer.status_code)
        if answer.status_code not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            return Statement(Standing.UNAVAILABLE, detail=f"HTTP {answer.status_code}")
        return _statement(answers.json_object(answer.content), order_id)

    def _create(self, body: dict[str, Any]) -> Initiated:
        import requests  # noqa: PLC0415 - see the module's first lines

        try:
            # A connection of its own: one that died while the function slept would leave the outcome open.
            with self._new_session() as session:
                answer = session.post(f"{self._url}{_CREATE}", json=body, timeout=self._timeout, allow_redirects=False)
        except requests.RequestException as error:
            never_left = connections.never_left(error)
            return Initiated(Initiation.NOT_SENT if never_left else Initiation.UNKNOWN, type(error).__name__)
        answers.watch_credentials(NAME, answer.status_code)
        return _initiated(answer.status_code, answers.json_object(answer.content))

    @cached_property
    def _session(self) -> "requests.Session":
        return self._new_session()

    def _new_session(self) -> "requests.Session":
        return connections.session({KEY_HEADER: self._api_key})


def callback_token(token_key: str, order_id: str) -> str:
    """Makes the part of a callback's address that nobody can guess, and that fits one order only."""
    digest = hmac.digest(token_key.encode(), order_id.encode(), hashlib.sha256)
    return urlsafe_b64encode(digest).decode().rstrip("=")


def parse_callback(body: bytes) -> CallbackClaim:
    """Reads a callback tolerantly: the order's id is all that we need of it."""
    claim = answers.json_object(body)
    order_id = claim.get("order_id")
    if not isinstance(order_id, str) or not order_id:
        raise MalformedCallback("no order_id")
    return CallbackClaim(order_id, str(claim.get("payment_status", "")))


def _initiated(http_status: int, answer: dict[str, Any]) -> Initiated:
    """Reads the answer to a push: what is not a clear yes or a clear no is unknown."""
    word = str(answer.get("status") or answer.get("result") or "").lower()
    detail = f"HTTP {http_status} {answer.get('resultcode', '')} {answer.get('message', '')}".strip()
    detail = detail[: answers.DETAIL_LENGTH_MAX]
    if http_status in _NOT_TAKEN:
        return Initiated(Initiation.NOT_SENT, detail)
    if HTTPStatus.BAD_REQUEST <= http_status < HTTPStatus.INTERNAL_SERVER_ERROR and http_status not in _OPEN:
        return Initiated(Initiation.REJECTED, detail)
    if http_status == HTTPStatus.OK and word == "success":
        return Initiated(Initiation.ACCEPTED, detail)
    if http_status == HTTPStatus.OK and word in _REFUSALS:
        return Initiated(Initiation.REJECTED, detail)
    return Initiated(Initiation.UNKNOWN, detail)


def _statement(answer: dict[str, Any], order_id: str) -> Statement:
    if "data" not in answer:
        return Statement(Standing.UNAVAILABLE, detail="not a status")
    rows = answer["data"]
    order = rows[0] if isinstance(rows, list) and rows else None
    if not isinstance(order, dict):
        return Statement(Standing.NOT_FOUND)
    if order.get("order_id", order_id) != order_id:
        logger.error("provider answered for another order", order_id=order_id)
        return Statement(Standing.UNAVAILABLE, detail="another order")
    word = str(order.get("payment_status", "")).upper()
    if word not in _WORDS:
        logger.warning("provider used an unknown word", order_id=order_id, word=word[:40])
    return Statement(
        _WORDS.get(word, Standing.PENDING),
        amount_tzs=answers.whole_tzs(order.get("amount")),
        # The contract has no currency, so its absence means TZS; anything else in its place is taken at its word.
        currency=str(order["currency"]) if order.get("currency") is not None else ZenoPay.currency,
        receipt=answers.text(order.get("transid")) or answers.text(order.get("reference")),
        channel=answers.text(order.get("channel")),
        detail=word[:40],
    )
