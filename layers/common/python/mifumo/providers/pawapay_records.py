"""pawaPay's records: deposits and refunds as it writes them, in answers and in callbacks.

They may hold more than is read here, because members are added without notice. Words and codes: pawaPay's v2 reference,
"Initiate deposit", "Check deposit status" and "Failure codes".
"""

from http import HTTPStatus
from typing import Any

from mifumo.observability import logger
from mifumo.providers import answers
from mifumo.providers.payments import CallbackClaim, Initiated, Initiation, MalformedCallback, Standing, Statement

_WORDS = {
    "COMPLETED": Standing.COMPLETED,
    "FAILED": Standing.FAILED,
    "ACCEPTED": Standing.PENDING,
    "SUBMITTED": Standing.PENDING,
    "ENQUEUED": Standing.PENDING,
    "PROCESSING": Standing.PENDING,
    # pawaPay is resolving it with the operator: there is nothing to do but to wait.
    "IN_RECONCILIATION": Standing.PENDING,
}
# Nothing was taken from us: our token is refused, we ask too often, or the operator is down.
_NOT_TAKEN = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
# The operator is down behind pawaPay: one wallet, and not the provider.
WALLET_DOWN = "PROVIDER_TEMPORARILY_UNAVAILABLE"
# Answers of 4xx that leave open whether the payer is being asked, and the code that says "we do not know either".
_OPEN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT}
_NOBODY_KNOWS = "UNKNOWN_ERROR"


def parse_callback(body: bytes) -> CallbackClaim:
    """Reads the callback of a deposit, which is the deposit itself."""
    return _claim(body, id_name="depositId")


def parse_refund_callback(body: bytes) -> CallbackClaim:
    """Reads the callback of a refund, which is the refund itself."""
    return _claim(body, id_name="refundId")


def _claim(body: bytes, *, id_name: str) -> CallbackClaim:
    claim = answers.json_object(body)
    own_id, status = claim.get(id_name), claim.get("status")
    if not isinstance(own_id, str) or not own_id or not isinstance(status, str):
        raise MalformedCallback(f"no {id_name} or no status")
    if claim.keys() & {"requestedAmount", "depositedAmount", "correspondent"}:
        raise MalformedCallback("a callback of version 1: have the dashboard send those of version 2")
    return CallbackClaim(own_id, status, statement(claim, own_id, id_name=id_name))


def initiated(http_status: int, answer: dict[str, Any], *, own_id: str, id_name: str) -> Initiated:
    """Reads the answer to what moves money: what is not a clear yes or a clear no is unknown."""
    word = str(answer.get("status", "")).upper()
    reason = answers.member_object(answer.get("failureReason"))
    code = answers.text(reason.get("failureCode"))
    detail = f"HTTP {http_status} {word} {code or ''} {reason.get('failureMessage', '')}".strip()
    outcome = _outcome(http_status, word, code)
    # The id comes back as null in some refusals; another one than ours speaks of something else.
    if http_status == HTTPStatus.OK and answer.get(id_name) not in {own_id, None}:
        outcome = Initiation.UNKNOWN
    return Initiated(outcome, detail[: answers.DETAIL_LENGTH_MAX], code)


def _outcome(http_status: int, word: str, code: str | None) -> Initiation:
    if http_status in _NOT_TAKEN:
        return Initiation.NOT_SENT
    if code == _NOBODY_KNOWS:
        return Initiation.UNKNOWN
    if HTTPStatus.BAD_REQUEST <= http_status < HTTPStatus.INTERNAL_SERVER_ERROR and http_status not in _OPEN:
        return Initiation.REJECTED
    if http_status != HTTPStatus.OK:
        return Initiation.UNKNOWN
    if word == "REJECTED":
        return Initiation.NOT_SENT if code == WALLET_DOWN else Initiation.REJECTED
    # DUPLICATE_IGNORED says that there is one, and not what became of it.
    return Initiation.ACCEPTED if word == "ACCEPTED" else Initiation.UNKNOWN


def statement(moved: dict[str, Any], own_id: str, *, id_name: str) -> Statement:
    """Reads a deposit or a refund, which must be the one that was asked for."""
    if moved.get(id_name) != own_id:
        logger.error("provider answered for another order", order_id=own_id)
        return Statement(Standing.UNAVAILABLE, detail="another order")
    word = str(moved.get("status", "")).upper()
    if word not in _WORDS:
        logger.warning("provider used an unknown word", order_id=own_id, word=word[:40])
    party = _without_case(moved.get("payer") or moved.get("recipient"))
    account = _without_case(party.get("accountdetails"))
    reason = answers.member_object(moved.get("failureReason"))
    return Statement(
        _WORDS.get(word, Standing.PENDING),
        amount_tzs=answers.whole_tzs(moved.get("amount")),
        currency=answers.text(moved.get("currency")),
        receipt=answers.text(moved.get("providerTransactionId")),
        channel=answers.text(account.get("provider")),
        detail=word[:40],
        code=answers.text(reason.get("failureCode")),
        payer=answers.text(account.get("phonenumber")),
    )


def _without_case(value: object) -> dict[str, Any]:
    """Returns an object with its names in small letters: pawaPay's own samples also write `phoneNUmber`."""
    return {str(name).lower(): member for name, member in answers.member_object(value).items()}
