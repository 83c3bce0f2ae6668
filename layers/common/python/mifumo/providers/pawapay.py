"""pawaPay, its merchant API in version 2: deposits, refunds, what the account may take, and its public keys.

The same deposit may be asked for twice and is taken for one. `requests` is imported at the first call, because it is
the largest of the imports. Source: pawaPay's v2 reference.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from mifumo.observability import logger
from mifumo.phone import Msisdn, Operator
from mifumo.providers import answers, connections, pawapay_records, pawapay_statements, pawapay_terms
from mifumo.providers.payments import (
    Availability,
    CallbackProof,
    Capabilities,
    Initiated,
    Initiation,
    Listed,
    ListPage,
    Period,
    ProviderUnavailableError,
    Push,
    Refund,
    Standing,
    Statement,
)

if TYPE_CHECKING:
    import requests

NAME = "pawapay"
COUNTRY, CURRENCY = "TZA", "TZS"

PROVIDERS: Final[Mapping[Operator, str]] = MappingProxyType(
    {
        Operator.VODACOM: "VODACOM_TZA",
        Operator.TIGO: "TIGO_TZA",
        Operator.AIRTEL: "AIRTEL_TZA",
        Operator.HALOTEL: "HALOTEL_TZA",
    }
)
# Two paths are in use in pawaPay's own papers, so it is configuration; this is the one of its reference.
KEYS_PATH = "/v2/public-key/http"

_CUSTOMER_MESSAGE = re.compile(r"[A-Za-z0-9 ]{4,22}")


class PawaPay:
    """One merchant account at pawaPay, in one of its environments."""

    name = NAME
    currency = CURRENCY

    def __init__(
        self,
        *,
        url: str,
        token: str,
        timeout_s: float,
        providers: Mapping[Operator, str] = PROVIDERS,
        keys_path: str = KEYS_PATH,
        customer_message: str | None = None,
    ) -> None:
        """`customer_message` is what payers read beside the amount: 4 to 22 letters, digits and spaces."""
        if customer_message is not None and not _CUSTOMER_MESSAGE.fullmatch(customer_message):
            raise ValueError("pawaPay takes 4 to 22 letters, digits and spaces as the message for customers")
        self._url = url
        self._token = token
        self._timeout = connections.timeouts(timeout_s)
        self._providers = providers
        self._keys_path = keys_path
        self._customer_message = customer_message
        self.capabilities = Capabilities(
            wallets=frozenset(providers), proof=CallbackProof.SIGNED_FRESH, repeatable=True, refunds=True, lists=True
        )

    def initiate(self, push: Push) -> Initiated:
        """Asks the payer's handset; the same push again is answered, and rings no second time."""
        wallet = push.wallet or push.phone.operator_hint
        provider = self._providers.get(wallet) if wallet else None
        if provider is None:
            return Initiated(Initiation.REJECTED, "pawaPay does not serve this wallet", code="INVALID_PROVIDER")
        message = {"customerMessage": self._customer_message} if self._customer_message else {}
        payer = {"type": "MMO", "accountDetails": {"phoneNumber": push.phone.digits, "provider": provider}}
        # Exactly these members: pawaPay refuses a deposit that has one which it does not know.
        body = {
            "depositId": push.order_id,
            "amount": str(push.amount_tzs),
            "currency": CURRENCY,
            "payer": payer,
            **message,
        }
        initiated = self._move("/v2/deposits", body, id_name="depositId")
        logger.info("push answered", order_id=push.order_id, outcome=initiated.initiation, detail=initiated.detail)
        return initiated

    def fetch_status(self, order_id: str) -> Statement:
        """Asks where a deposit stands; reads only."""
        return self._look(f"/v2/deposits/{order_id}", order_id, id_name="depositId")

    def refund(self, refund: Refund) -> Initiated:
        """Sends money of a completed deposit back to its payer; the same refund again is taken for one."""
        body = {
            "refundId": refund.refund_id,
            "depositId": refund.order_id,
            "amount": str(refund.amount_tzs),
            "currency": CURRENCY,
        }
        initiated = self._move("/v2/refunds", body, id_name="refundId")
        logger.info(
            "refund answered", refund_id=refund.refund_id, outcome=initiated.initiation, detail=initiated.detail
        )
        return initiated

    def fetch_refund(self, refund_id: str) -> Statement:
        """Asks where a refund stands; reads only."""
        return self._look(f"/v2/refunds/{refund_id}", refund_id, id_name="refundId")

    def list_payments(self, period: Period, place: str | None) -> ListPage:
        """Reads on in a statement of our wallet, which pawaPay is asked for at first and then takes a while to make.

        `place` is the statement's own id and how many of its lines come before.
        """
        statement_id, _, before = (place or ":0").partition(":")
        try:
            found = self._statement(statement_id) if statement_id else None
        except pawapay_statements.StatementGone:
            statement_id, found = "", None
        if found is None:
            return ListPage((), f"{statement_id or self._new_statement(period)}:{before}", ready=False)
        after = int(before) + pawapay_statements.LINES_TOGETHER
        return ListPage(found[int(before) : after], f"{statement_id}:{after}" if after < len(found) else None)

    def _statement(self, statement_id: str) -> Sequence[Listed] | None:
        """Fetches a statement whole; None while it is being made."""
        answer = answers.member_object(self._ask("GET", f"/v2/statements/{statement_id}"))
        link = pawapay_statements.link(answer, api_url=self._url)
        return pawapay_statements.lines(pawapay_statements.download(link, timeout=self._timeout)) if link else None

    def _new_statement(self, period: Period) -> str:
        wallet = {"country": COUNTRY, "currency": CURRENCY}
        start, end = (pawapay_statements.written(stamp) for stamp in (period.start, period.end))
        body = {"wallet": wallet, "callbackUrl": period.callback_url, "startDate": start, "endDate": end}
        answer = answers.member_object(self._ask("POST", "/v2/statements", body))
        statement_id = answer.get("statementId")
        if str(answer.get("status", "")).upper() != "ACCEPTED" or not isinstance(statement_id, str):
            reason = answers.member_object(answer.get("failureReason"))
            raise ProviderUnavailableError(f"no statement: {reason.get('failureCode', 'unknown')}")
        return statement_id

    def resend_callback(self, order_id: str) -> bool:
        """Has the callback of a finished deposit sent again; False when there is none. Raises when nobody answers."""
        answer = answers.member_object(self._ask("POST", f"/v2/deposits/resend-callback/{order_id}"))
        return str(answer.get("status", "")).upper() == "ACCEPTED"

    def predict_wallet(self, phone: Msisdn) -> Operator | None:
        """Asks which wallet a number has, as numbers move between networks; None when pawaPay cannot tell either."""
        answer = answers.member_object(self._ask("POST", "/v2/predict-provider", {"phoneNumber": phone.digits}))
        wallets = {provider: wallet for wallet, provider in self._providers.items()}
        return wallets.get(str(answer.get("provider", "")))

    def terms(self) -> pawapay_terms.Account:
        """Asks what our account may take now: limits, availability, and whether callbacks are signed."""
        answer = self._ask("GET", f"/v2/active-conf?country={COUNTRY}&operationType=DEPOSIT")
        return pawapay_terms.account(answer, country=COUNTRY, currency=CURRENCY, providers=self._providers)

    def availability(self) -> Mapping[Operator, Availability]:
        """Asks which wallets can be asked for money now."""
        answer = self._ask("GET", f"/v2/availability?country={COUNTRY}&operationType=DEPOSIT")
        return pawapay_terms.availability(answer, country=COUNTRY, providers=self._providers)

    def public_keys(self) -> Mapping[str, str]:
        """Reads the keys (PEM, by their ids) that callbacks are signed with."""
        published = self._ask("GET", self._keys_path)
        if not isinstance(published, list):
            raise ProviderUnavailableError("no list of keys")
        keys = [answers.member_object(one) for one in published]
        return {str(key["id"]): str(key["key"]) for key in keys if key.get("id") and key.get("key")}

    def _move(self, path: str, body: dict[str, Any], *, id_name: str) -> Initiated:
        import requests  # noqa: PLC0415 - see the module's first lines

        try:
            # A connection of its own: one that died while the function slept would leave the outcome open.
            with self._new_session() as session:
                answer = session.post(f"{self._url}{path}", json=body, timeout=self._timeout, allow_redirects=False)
        except requests.RequestException as error:
            never_left = connections.never_left(error)
            return Initiated(Initiation.NOT_SENT if never_left else Initiation.UNKNOWN, type(error).__name__)
        answers.watch_credentials(NAME, answer.status_code)
        return pawapay_records.initiated(
            answer.status_code, answers.json_object(answer.content), own_id=body[id_name], id_name=id_name
        )

    def _look(self, path: str, own_id: str, *, id_name: str) -> Statement:
        try:
            answer = answers.member_object(self._ask("GET", path))
        except ProviderUnavailableError as error:
            return Statement(Standing.UNAVAILABLE, detail=str(error))
        match str(answer.get("status", "")).upper():
            case "FOUND":
                return pawapay_records.statement(answers.member_object(answer.get("data")), own_id, id_name=id_name)
            case "NOT_FOUND":
                return Statement(Standing.NOT_FOUND)
            case _:
                return Statement(Standing.UNAVAILABLE, detail="not a status")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Asks what may be asked as often as we like; raises ProviderUnavailableError unless there is an answer."""
        import requests  # noqa: PLC0415 - see the module's first lines

        try:
            answer = self._session.request(
                method, f"{self._url}{path}", json=body, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            raise ProviderUnavailableError(type(error).__name__) from error
        answers.watch_credentials(NAME, answer.status_code)
        if answer.status_code != HTTPStatus.OK:
            raise ProviderUnavailableError(f"HTTP {answer.status_code}")
        return answers.json_value(answer.content)

    @cached_property
    def _session(self) -> "requests.Session":
        return self._new_session()

    def _new_session(self) -> "requests.Session":
        return connections.session({"Authorization": f"Bearer {self._token}"})
