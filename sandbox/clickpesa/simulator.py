"""The ClickPesa simulator: payments behind their wire, with checksummed callbacks to one address."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from aiohttp import web

from sandbox.clickpesa import checksum, outcomes
from sandbox.clickpesa.attempts import CLIENT_ID, Attempt, Attempts, channels
from sandbox.clickpesa.outcomes import STATUSES
from sandbox.clickpesa.wire import INITIATE, STATUS, TOKENS, Wire
from sandbox.faults import TRANSPORT_FAULTS, Fault, Faults
from sandbox.postman import Delivery, Letter, Postman
from sandbox.simulator import REFUSAL_WINDOW_S, Simulator, json_object, refused, whole

API_KEY = "sandbox-clickpesa-api-key"
CHECKSUM_KEY = "sandbox-clickpesa-checksum-key"
PAY_DELAY_S = 1.0

CALLBACK = "callback"
SIGNATURE_HEADER = "X-ClickPesa-Signature"

_RETRY_GAPS_S = (1.0, 2.0, 4.0)
"""Its schedule is not documented; this is that of the other simulators."""

_TELL_APART_S = 0.2
"""What comes second is told so much later at least, so that a busy machine does not let it come first."""

_CALLBACKS_MAX = 1000
_CALLBACKS_AT_ONCE = 64
_AMOUNT_MAX = 1_000_000_000


class ClickPesa(Simulator):
    """ClickPesa in memory."""

    name: ClassVar[str] = "ClickPesa"

    def __init__(
        self,
        *,
        callback_url: str | None = None,
        pay_delay_s: float = PAY_DELAY_S,
        client_id: str = CLIENT_ID,
        api_key: str = API_KEY,
        checksum_key: str = CHECKSUM_KEY,
        refusal_window_s: float = REFUSAL_WINDOW_S,
    ) -> None:
        super().__init__(
            faults=Faults(
                **{
                    INITIATE: TRANSPORT_FAULTS,
                    STATUS: frozenset({Fault.STATUS_500, Fault.STATUS_TIMEOUT, Fault.AMOUNT_AS_TEXT}),
                    TOKENS: frozenset({Fault.TOKEN_500, Fault.TOKEN_TIMEOUT}),
                    CALLBACK: frozenset(
                        {Fault.UNSIGNED, Fault.SIGN_WITH_ANOTHER_KEY, Fault.SIGN_IN_HEADER, Fault.BODY_CHANGED}
                    ),
                }
            ),
            postman=Postman(
                retry_gaps_s=_RETRY_GAPS_S, forever=False, on_delivery=self._note, concurrency=_CALLBACKS_AT_ONCE
            ),
            refusal_window_s=refusal_window_s,
        )
        self.callback_url = callback_url
        self.pay_delay_s = pay_delay_s
        self._checksum_key = checksum_key
        self._attempts = Attempts()
        self._callbacks: list[dict[str, Any]] = []
        self.wire = Wire(
            self._attempts,
            self.faults,
            self._push,
            client_id=client_id,
            api_key=api_key,
            checksum_key=checksum_key,
        )

    def log(self) -> dict[str, Any]:
        """Every attempt, and every callback attempt with the status that it was answered with."""
        return {"attempts": self._attempts.log(), "callbacks": list(self._callbacks)}

    def forget(self) -> None:
        self.postman.forget()
        self._attempts.forget()
        self._callbacks.clear()
        self.wire.closed = frozenset()
        self.wire.requires_checksum = True

    def wire_routes(self) -> list[web.RouteDef]:
        return self.wire.routes()

    def control_routes(self) -> list[web.RouteDef]:
        return [
            *super().control_routes(),
            web.post("/callback", self._set_callback),
            web.post("/settings", self._set),
            web.delete("/tokens", self._expire),
            web.post("/payments/{reference}", self._flip),
            web.post("/payments/{reference}/attempts", self._again),
            web.post("/payments/{reference}/callback", self._call_back_again),
        ]

    def flip(self, reference: str, status: str, *, amount: int | None = None) -> None:
        """Give the last attempt another status, as a late payer does; nobody is called back."""
        self._attempts.flip(reference, status, amount=amount)

    def attempt_again(self, reference: str, status: str) -> None:
        """Add an attempt to a reference, which ends like this; nobody is called back."""
        self._attempts.again(reference, status)

    def call_back(self, reference: str, times: int = 1, *, status: str | None = None) -> None:
        """Call the merchant back about a payment, `times` at once; with a status, whether it has it or not."""
        for _ in range(times):
            self._post(reference, status=status)

    def _push(self, attempt: Attempt) -> None:
        asyncio.get_running_loop().call_later(self.pay_delay_s, self._end, attempt.reference)

    def _end(self, reference: str) -> None:
        if not self._attempts.find(reference):
            return
        self._attempts.end(reference)
        outcome = outcomes.of(self._attempts.find(reference)[-1].phone)
        gap_s = max(self.pay_delay_s, _TELL_APART_S)
        at_once = len(set(outcome.told)) == 1
        for nth, status in enumerate(outcome.told):
            self._post(reference, status=status, after_s=0 if at_once else nth * gap_s)
        if outcome.later is not None:
            asyncio.get_running_loop().call_later(gap_s, self._change_mind, reference, outcome.later)

    def _change_mind(self, reference: str, status: str) -> None:
        if self._attempts.find(reference):
            self.flip(reference, status)
            self.call_back(reference)

    def _post(self, reference: str, *, status: str | None, after_s: float = 0.0) -> None:
        if self.callback_url is not None:
            body = self._attempts.find(reference)[-1].told(status=status)
            self.postman.post(Letter(self.callback_url, body, seal=self._seal), after_s=after_s)

    def _seal(self, _url: str, body: bytes) -> tuple[bytes, Mapping[str, str]]:
        """Sign an attempt, each with the next fault of signing; what goes out is written as JavaScript writes."""
        fault, payload = self.faults.take(CALLBACK), json.loads(body)
        headers = {"Content-Type": "application/json"}
        key = "another key" if fault is Fault.SIGN_WITH_ANOTHER_KEY else self._checksum_key
        signature = checksum.of(payload, key)
        if fault is Fault.SIGN_IN_HEADER:
            headers[SIGNATURE_HEADER] = signature
        elif fault is not Fault.UNSIGNED:
            payload |= {"checksum": signature, "checksumMethod": "canonical"}
        if fault is Fault.BODY_CHANGED:
            payload["data"]["collectedAmount"] += "0"
        return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode(), headers

    def _note(self, delivery: Delivery) -> None:
        data = delivery.letter.body["data"]
        self._callbacks.append(
            {
                "reference": data["orderReference"],
                "status": data["status"],
                "attempt": delivery.attempt,
                "answered": delivery.status,
                "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
        )

    async def _set_callback(self, request: web.Request) -> web.Response:
        url = (await json_object(request)).get("url")
        if url is not None and not str(url).startswith(("http://", "https://")):
            raise refused("url must be an http address, or null")
        self.callback_url = url
        return web.json_response({"url": url})

    async def _set(self, request: web.Request) -> web.Response:
        """What the merchant's dashboard sets: whether requests need a checksum, and which wallets are closed."""
        body = await json_object(request)
        required, closed = body.get("requires_checksum", self.wire.requires_checksum), body.get("closed", [])
        if not isinstance(required, bool) or not isinstance(closed, list) or not set(closed) <= set(channels()):
            raise refused(f"requires_checksum is true or false, closed a list of {', '.join(channels())}")
        if required is not self.wire.requires_checksum:
            self.wire.expire_tokens()
        self.wire.requires_checksum, self.wire.closed = required, frozenset(closed)
        return web.json_response({"requires_checksum": required, "closed": sorted(closed)})

    async def _expire(self, _request: web.Request) -> web.Response:
        self.wire.expire_tokens()
        return web.Response(status=204)

    async def _flip(self, request: web.Request) -> web.Response:
        attempt, body = self._attempted(request), await json_object(request)
        amount = whole(body, "amount", at_least=0, at_most=_AMOUNT_MAX, default=attempt.amount)
        self.flip(attempt.reference, _status(body), amount=amount)
        return web.json_response({"orderReference": attempt.reference, "status": body["status"]})

    async def _again(self, request: web.Request) -> web.Response:
        attempt, body = self._attempted(request), await json_object(request)
        self.attempt_again(attempt.reference, _status(body))
        return web.json_response({"orderReference": attempt.reference, "status": body["status"]}, status=201)

    async def _call_back_again(self, request: web.Request) -> web.Response:
        attempt, body = self._attempted(request), await json_object(request)
        times = whole(body, "times", at_least=1, at_most=_CALLBACKS_MAX, default=1)
        self.call_back(attempt.reference, times, status=_status(body) if "status" in body else None)
        return web.json_response({"orderReference": attempt.reference, "callbacks": times}, status=202)

    def _attempted(self, request: web.Request) -> Attempt:
        attempts = self._attempts.find(request.match_info["reference"])
        if not attempts:
            raise web.HTTPNotFound(text='{"error": "no such payment"}', content_type="application/json")
        return attempts[-1]


def _status(body: dict[str, Any]) -> str:
    status = body.get("status")
    if status not in STATUSES:
        raise refused(f"status must be one of {', '.join(STATUSES)}")
    return str(status)
