"""The Beem simulator: an account behind its wire, with reports that are pushed to the customer's door."""

import asyncio
from typing import Any, ClassVar

from aiohttp import web

from mifumo import trial_numbers
from sandbox.beem.account import Account, Submission, Text
from sandbox.beem.wire import SEND, Wire
from sandbox.faults import TRANSPORT_FAULTS, Fault, Faults
from sandbox.postman import Letter, Postman
from sandbox.simulator import REFUSAL_WINDOW_S, Simulator, json_object, refused

API_KEY = "sandbox-beem-api-key"
SECRET_KEY = "sandbox-beem-secret-key"  # noqa: S105 -- opens this simulator and nothing else
REPORT_DELAY_S = 1.0

_RETRY_GAPS_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_EARLY_REPORT_MAX_S = 3.0
"""An early report delays the answer of the send call, and must stay below the caller's timeout."""

_FAULTS = TRANSPORT_FAULTS | {Fault.CODE_102, Fault.CODE_111, Fault.CODE_120}


class Beem(Simulator):
    """Beem Africa in memory."""

    name: ClassVar[str] = "Beem"

    def __init__(
        self,
        *,
        callback_url: str | None = None,
        report_delay_s: float = REPORT_DELAY_S,
        api_key: str = API_KEY,
        secret_key: str = SECRET_KEY,
        refusal_window_s: float = REFUSAL_WINDOW_S,
    ) -> None:
        super().__init__(
            faults=Faults(**{SEND: _FAULTS}),
            postman=Postman(retry_gaps_s=_RETRY_GAPS_S, forever=True),
            refusal_window_s=refusal_window_s,
        )
        self.callback_url = callback_url
        self.report_delay_s = report_delay_s
        self._account = Account()
        self._wire = Wire(self._account, self.faults, self._deliver, api_key=api_key, secret_key=secret_key)

    def log(self) -> list[dict[str, Any]]:
        """Every text that Beem has taken on."""
        return self._account.log()

    def taken_on(self, *, since: int) -> list[dict[str, Any]]:
        """The texts that Beem has taken on after the first so many."""
        return self._account.log(since)

    def forget(self) -> None:
        self.postman.forget()
        self._account.forget()

    def wire_routes(self) -> list[web.RouteDef]:
        return self._wire.routes()

    def control_routes(self) -> list[web.RouteDef]:
        return [
            *super().control_routes(),
            web.post("/callback", self._set_callback),
            web.post("/reports/resend", self._resend_reports),
        ]

    def resend(self) -> int:
        """Push the report of every text in the log once more; returns how many there are."""
        texts = [text for text in self._account.texts if trial_numbers.outcome_of(text.dest_addr).reports]
        for text in texts:
            self._post_report(text, after_s=0.0)
        return len(texts)

    async def _deliver(self, submission: Submission) -> None:
        early = [text for text in submission.texts if trial_numbers.outcome_of(text.dest_addr).early]
        await asyncio.gather(*(self._report_early(text) for text in early))
        for text in submission.texts:
            outcome = trial_numbers.outcome_of(text.dest_addr)
            if outcome.early or not outcome.reports:
                continue
            asyncio.get_running_loop().call_later(self.report_delay_s, self._account.end, text)
            for _ in range(outcome.reports):
                self._post_report(text, after_s=self.report_delay_s)

    async def _report_early(self, text: Text) -> None:
        self._account.end(text)
        if self.callback_url is not None:
            await self.postman.hand_over(self._letter(self.callback_url, text), within_s=_EARLY_REPORT_MAX_S)

    def _post_report(self, text: Text, *, after_s: float) -> None:
        if self.callback_url is not None:
            self.postman.post(self._letter(self.callback_url, text), after_s=after_s)

    def _letter(self, url: str, text: Text) -> Letter:
        return Letter(url, self._account.report_of(text))

    async def _set_callback(self, request: web.Request) -> web.Response:
        url = (await json_object(request)).get("url")
        if url is not None and not str(url).startswith(("http://", "https://")):
            msg = "url must be an http address, or null for no reports"
            raise refused(msg)
        self.callback_url = url
        return web.json_response({"url": url})

    async def _resend_reports(self, _request: web.Request) -> web.Response:
        return web.json_response({"resent": self.resend()}, status=202)
