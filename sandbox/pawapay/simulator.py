"""The pawaPay simulator: deposits and refunds behind their wire, with signed callbacks to one address for each kind."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from aiohttp import web

from sandbox.faults import TRANSPORT_FAULTS, Fault, Faults
from sandbox.pawapay import outcomes
from sandbox.pawapay.account import Account
from sandbox.pawapay.book import Book, Deposit
from sandbox.pawapay.controls import Controls
from sandbox.pawapay.outcomes import ACCEPTED, COMPLETED, FINAL
from sandbox.pawapay.signer import Signer
from sandbox.pawapay.wire import INITIATE, KEYS, STATUS, Told, Wire
from sandbox.postman import Delivery, Letter, Postman
from sandbox.simulator import REFUSAL_WINDOW_S, Simulator

TOKEN = "sandbox-pawapay-token"  # noqa: S105 - opens nothing but this sandbox
PAY_DELAY_S = 1.0

CALLBACK = "callback"
_SIGNING_FAULTS = frozenset(
    {Fault.UNSIGNED, Fault.SIGN_WITH_ANOTHER_KEY, Fault.SIGN_STALE, Fault.SIGN_RAW, Fault.BODY_CHANGED}
)
_RETRY_GAPS_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 120.0, 120.0, 120.0, 120.0, 120.0)
"""A callback that is not answered 200 comes again for a quarter of an hour."""

_TELL_APART_S = 0.2
"""What comes second is told so much later at least, so that a busy machine does not let it come first."""

_CALLBACKS_AT_ONCE = 64


class PawaPay(Simulator):
    """pawaPay in memory."""

    name: ClassVar[str] = "pawaPay"

    def __init__(
        self,
        *,
        callback_url: str | None = None,
        pay_delay_s: float = PAY_DELAY_S,
        token: str = TOKEN,
        refusal_window_s: float = REFUSAL_WINDOW_S,
    ) -> None:
        super().__init__(
            faults=Faults(
                **{
                    INITIATE: TRANSPORT_FAULTS,
                    STATUS: frozenset({Fault.STATUS_500, Fault.STATUS_TIMEOUT}),
                    KEYS: frozenset({Fault.KEYS_500, Fault.KEYS_TIMEOUT}),
                    CALLBACK: _SIGNING_FAULTS,
                }
            ),
            postman=Postman(
                retry_gaps_s=_RETRY_GAPS_S, forever=False, on_delivery=self._note, concurrency=_CALLBACKS_AT_ONCE
            ),
            refusal_window_s=refusal_window_s,
        )
        self.pay_delay_s = pay_delay_s
        self.refund_url: str | None = None
        self._book, self._account, self._signer = Book(), Account(), Signer()
        self._callbacks: list[dict[str, Any]] = []
        told = Told(
            deposit=self._later(self._end),
            refund=self._later(self._end_refund),
            resend=self.call_back,
            statement=self._post,
        )
        self.wire = Wire(self._book, self._account, self._signer, self.faults, token=token, told=told)
        self.wire.callback_url = callback_url
        self._controls = Controls(self, self._book, self._account)

    def log(self) -> dict[str, Any]:
        """Every deposit and refund, and every callback attempt with the status that it was answered with."""
        return {**self._book.log(), "callbacks": list(self._callbacks)}

    def forget(self) -> None:
        self.postman.forget()
        self._book.forget()
        self._account.forget()
        self._signer.forget()
        self.wire.statements.forget()
        self._callbacks.clear()

    def wire_routes(self) -> list[web.RouteDef]:
        return self.wire.routes()

    def control_routes(self) -> list[web.RouteDef]:
        return [*super().control_routes(), *self._controls.routes()]

    def set_callbacks(self, url: str | None, refunds: str | None) -> None:
        """Call back there from now on: about deposits at one address, about refunds at the other."""
        self.wire.callback_url, self.refund_url = url, refunds

    def flip(self, deposit_id: str, status: str, *, amount: int | None = None) -> None:
        """Give a deposit another status, as a late payer does; nobody is called back."""
        self._book.flip(deposit_id, status, amount=None if amount is None else Decimal(amount))

    def call_back(self, deposit_id: str, times: int = 1, *, status: str | None = None) -> None:
        """Call the merchant back about a deposit, `times` at once; with a status, whether it has it or not."""
        for _ in range(times):
            self._post(self.wire.callback_url, self._book.deposits[deposit_id].written(status=status))

    def call_back_refund(self, refund_id: str, times: int = 1, *, status: str | None = None) -> None:
        """The same about a refund."""
        for _ in range(times):
            self._post(self.refund_url, self._book.refunds[refund_id].written(status=status))

    def rotate_key(self) -> str:
        """Sign with a new key from now on; returns its id."""
        return self._signer.rotate()

    def set_provider(self, code: str, status: str) -> None:
        self._account.set_status(code, status)

    def _later(self, verb: Callable[[str], None]) -> Callable[[str], None]:
        def later(own_id: str) -> None:
            asyncio.get_running_loop().call_later(self.pay_delay_s, verb, own_id)

        return later

    def _end(self, deposit_id: str) -> None:
        if deposit_id not in self._book.deposits:
            return
        if self._book.deposits[deposit_id].status != ACCEPTED:  # flipped meanwhile: it is told as it stands
            if self._book.is_final(deposit_id):
                self.call_back(deposit_id)
            return
        self._book.end(deposit_id)
        deposit = self._book.deposits[deposit_id]
        outcome = outcomes.of(deposit.phone)
        gap_s = max(self.pay_delay_s, _TELL_APART_S)
        for nth, status in enumerate(outcome.told):
            at_once = len(set(outcome.told)) == 1
            self._post(self.wire.callback_url, deposit.written(status=status), after_s=0 if at_once else nth * gap_s)
        if outcome.later is not None:
            asyncio.get_running_loop().call_later(gap_s, self._change_mind, deposit, outcome.later)

    def _change_mind(self, deposit: Deposit, status: str) -> None:
        if deposit.id in self._book.deposits:
            self.flip(deposit.id, status)
            self.call_back(deposit.id)

    def _end_refund(self, refund_id: str) -> None:
        refund = self._book.refunds.get(refund_id)
        if refund is None:
            return
        if refund.status == ACCEPTED and not outcomes.of(refund.deposit.phone).refund_waits:
            refund = self._book.flip_refund(refund_id, COMPLETED)
        if refund.status in FINAL:
            self._post(self.refund_url, refund.written())

    def _post(self, url: str | None, body: Mapping[str, Any], *, after_s: float = 0.0) -> None:
        if url is not None:
            self.postman.post(Letter(url, body, seal=self._seal), after_s=after_s)

    def _seal(self, url: str, body: bytes) -> tuple[bytes, Mapping[str, str]]:
        """Sign an attempt, each anew and each with the next fault of signing."""
        fault = self.faults.take(CALLBACK)
        headers = self._signer.headers(url, body, fault)
        return body.replace(b"}", b" }", 1) if fault is Fault.BODY_CHANGED else body, headers

    def _note(self, delivery: Delivery) -> None:
        body = delivery.letter.body
        self._callbacks.append(
            {
                "id": body.get("statementId") or body.get("refundId") or body["depositId"],
                "status": body["status"],
                "attempt": delivery.attempt,
                "answered": delivery.status,
                "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            }
        )
