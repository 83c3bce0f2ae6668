"""pawaPay's HTTP API, version 2: deposits, refunds, what became of them, and the toolkit around them."""

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from sandbox.bodies import json_object
from sandbox.faults import Fault, Faults, hold, unheard
from sandbox.pawapay import answers, checks
from sandbox.pawapay.account import COUNTRY, Account
from sandbox.pawapay.book import Book, Deposit, IdTakenError, Refund
from sandbox.pawapay.checks import RefusedError
from sandbox.pawapay.signer import Signer
from sandbox.pawapay.statements import DONE, Statement, Statements

INITIATE, STATUS, KEYS = "initiate", "status", "keys"

_INSTEAD: dict[Fault, Callable[[], web.Response]] = {Fault.HTTP_500: answers.broken, Fault.HTTP_429: answers.too_many}
"""Faults that answer without taking anything on."""
_NOT_NOW = RefusedError("PROVIDER_TEMPORARILY_UNAVAILABLE", "The provider is temporarily unavailable")


@dataclass(frozen=True)
class Told:
    """Whom the wire tells what it has taken on, or is to tell again."""

    deposit: Callable[[str], None]
    refund: Callable[[str], None]
    resend: Callable[[str], None]
    statement: Callable[[str, dict[str, Any]], None]


class Wire:
    """The routes that a merchant of pawaPay calls."""

    def __init__(self, book: Book, account: Account, signer: Signer, faults: Faults, *, token: str, told: Told) -> None:
        self._book = book
        self._account = account
        self._signer = signer
        self._faults = faults
        self._token = f"Bearer {token}".encode()
        self._told = told
        self.statements = Statements(book)
        self.callback_url: str | None = None
        self.lists_operations = False

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v2/deposits", self.deposit),
            web.get("/v2/deposits/{id}", self.deposit_status),
            web.post("/v2/deposits/resend-callback/{id}", self.resend),
            web.post("/v2/refunds", self.refund),
            web.get("/v2/refunds/{id}", self.refund_status),
            web.post("/v2/predict-provider", self.predict),
            web.get("/v2/active-conf", self.active_configuration),
            web.get("/v2/availability", self.availability),
            web.get("/v2/public-key/http", self.public_keys),
            web.post("/v2/statements", self.statement),
            web.get("/v2/statements/{id}", self.statement_status),
            web.get("/statements/{id}.csv", self.statement_file),
        ]

    async def deposit(self, request: web.Request) -> web.Response:
        return await self._initiate(request, "depositId", self._take_deposit)

    async def refund(self, request: web.Request) -> web.Response:
        return await self._initiate(request, "refundId", self._take_refund)

    async def deposit_status(self, request: web.Request) -> web.Response:
        return await self._status(request, self._book.deposits.get(request.match_info["id"]))

    async def refund_status(self, request: web.Request) -> web.Response:
        return await self._status(request, self._book.refunds.get(request.match_info["id"]))

    async def resend(self, request: web.Request) -> web.Response:
        if refusal := self._unauthorized(request):
            return refusal
        deposit_id = request.match_info["id"]
        if deposit_id not in self._book.deposits:
            missing = RefusedError("NOT_FOUND", f"Deposit with ID {deposit_id} not found")
            return answers.rejected("depositId", deposit_id, missing)
        if not self._book.is_final(deposit_id):
            unfinished = RefusedError("INVALID_STATE", f"Deposit with ID {deposit_id} has not finished processing")
            return answers.rejected("depositId", deposit_id, unfinished)
        self._told.resend(deposit_id)
        return web.json_response({"depositId": deposit_id, "status": "ACCEPTED"})

    async def predict(self, request: web.Request) -> web.Response:
        if refusal := self._unauthorized(request):
            return refusal
        body = await json_object(request) or {}
        phone = re.sub(r"[^0-9]", "", str(body.get("phoneNumber", "")))
        provider = self._account.predict(phone)
        if provider is None:
            return answers.failure(400, "INVALID_PHONE_NUMBER", "No provider could be predicted")
        return web.json_response({"country": COUNTRY, "provider": provider.code, "phoneNumber": phone})

    async def active_configuration(self, request: web.Request) -> web.Response:
        if refusal := self._unauthorized(request):
            return refusal
        asked = request.query.get("operationType")
        return web.json_response(
            self._account.configuration(asked, callback_url=self.callback_url, as_list=self.lists_operations)
        )

    async def availability(self, request: web.Request) -> web.Response:
        if refusal := self._unauthorized(request):
            return refusal
        return web.json_response(self._account.availability(request.query.get("operationType")))

    async def public_keys(self, request: web.Request) -> web.Response:
        match self._faults.take(KEYS):
            case Fault.KEYS_500:
                return answers.broken()
            case Fault.KEYS_TIMEOUT:
                return await hold(request)
            case _:
                return self._unauthorized(request) or web.json_response(self._signer.published())

    async def statement(self, request: web.Request) -> web.Response:
        """Take a statement on; whoever asked is told when it is made."""
        if refusal := self._unauthorized(request):
            return refusal
        try:
            asked = self.statements.ask(await json_object(request) or {})
        except RefusedError as error:
            return answers.rejected("statementId", None, error)
        told = self._told_of(asked, request)
        self._told.statement(asked.callback_url, told)
        return web.json_response({"statementId": asked.id, "status": "ACCEPTED", "created": told["created"]})

    async def statement_status(self, request: web.Request) -> web.Response:
        if refusal := self._unauthorized(request):
            return refusal
        asked = self.statements.find(request.match_info["id"])
        return answers.found(self._told_of(asked, request)) if asked else answers.not_found()

    async def statement_file(self, request: web.Request) -> web.Response:
        """The file itself, at an address that wants no token, as storage gives them out."""
        asked = self.statements.find(request.match_info["id"])
        if asked is None or self.statements.status != DONE or "Authorization" in request.headers:
            return web.Response(status=403)
        return web.Response(body=self.statements.file(asked), content_type="text/csv")

    def _told_of(self, asked: Statement, request: web.Request) -> dict[str, Any]:
        address = f"{request.url.origin()}/statements/{asked.id}.csv"
        return asked.told(self.statements.status, download_url=address, size=len(self.statements.file(asked)))

    async def _initiate(
        self, request: web.Request, id_name: str, take: Callable[[dict[str, Any]], Deposit | Refund]
    ) -> web.Response:
        """Take a deposit or refund on, or do what the next fault says."""
        fault = self._faults.take(INITIATE)
        if fault is Fault.TIMEOUT_BEFORE_ACCEPT:
            return await hold(request)
        if fault in _INSTEAD:
            return _INSTEAD[fault]()
        if refusal := self._unauthorized(request):
            return refusal
        body = await json_object(request)
        if body is None:
            return answers.failure(400, "INVALID_INPUT", "Unable to read the request body")
        own_id = str(body[id_name]) if id_name in body else None
        if fault is Fault.NOT_SUCCESSFUL:
            return answers.rejected(id_name, own_id, _NOT_NOW)
        try:
            taken = take(body)
        except RefusedError as error:
            return answers.rejected(id_name, own_id, error)
        except IdTakenError as error:
            return answers.duplicate(id_name, str(error), self._created(str(error)))
        return await _answered(fault, request, answers.accepted(id_name, taken.id, taken.created))

    def _take_deposit(self, body: dict[str, Any]) -> Deposit:
        deposit = checks.deposit(body, self._account)
        self._book.take(deposit)
        self._told.deposit(deposit.id)
        return deposit

    def _take_refund(self, body: dict[str, Any]) -> Refund:
        if (before := self._book.refunds.get(str(body.get("refundId")))) is not None:
            raise IdTakenError(before.id)
        refund = checks.refund(body, self._book)
        self._book.take_refund(refund)
        self._told.refund(refund.id)
        return refund

    def _created(self, own_id: str) -> str:
        record = self._book.deposits.get(own_id) or self._book.refunds[own_id]
        return record.created

    async def _status(self, request: web.Request, record: Deposit | Refund | None) -> web.Response:
        match self._faults.take(STATUS):
            case Fault.STATUS_500:
                return answers.broken()
            case Fault.STATUS_TIMEOUT:
                return await hold(request)
            case _:
                known = answers.not_found() if record is None else answers.found(record.written())
                return self._unauthorized(request) or known

    def _unauthorized(self, request: web.Request) -> web.Response | None:
        shown = request.headers.get("Authorization", "")
        if not shown:
            return answers.failure(401, "NO_AUTHENTICATION", "The API token is missing")
        if not hmac.compare_digest(shown.encode(), self._token):
            return answers.failure(401, "AUTHENTICATION_ERROR", "The API token is not valid")
        return None


async def _answered(fault: Fault | None, request: web.Request, answer: web.Response) -> web.Response:
    """It is taken on, and the caller may not learn it."""
    if fault in {Fault.TIMEOUT_AFTER_ACCEPT, Fault.RESET_AFTER_ACCEPT, Fault.GARBAGE_200}:
        return await unheard(fault, request, answers.garbage())
    return answer
