"""What pawaPay refuses: requests that are not of its form (HTTP 400), and deposits that it will not make (HTTP 200)."""

import re
import uuid
from collections.abc import Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from sandbox.pawapay.account import CURRENCY, Account, Provider
from sandbox.pawapay.book import Book, Deposit, Refund
from sandbox.pawapay.outcomes import COMPLETED, FINAL

_AMOUNT = re.compile(r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,3})?")
_PHONE = re.compile(r"255[67][0-9]{8}")
_MESSAGE = re.compile(r"[A-Za-z0-9 ]{4,22}")
_UUID_LENGTH, _UUID_VERSION = 36, 4
_METADATA_MAX = 10
_DEPOSIT = {"depositId": str, "amount": str, "currency": str, "payer": dict}
_DEPOSIT_OPTIONAL = {"preAuthorisationCode": str, "clientReferenceId": str, "customerMessage": str, "metadata": list}
_REFUND = {"refundId": str, "depositId": str}
_REFUND_OPTIONAL = {"amount": str, "currency": str, "clientReferenceId": str, "metadata": list}


class RefusedError(ValueError):
    """The request is refused. `knows_id` says whether the answer names it: pawaPay leaves it out of some."""

    def __init__(self, code: str, message: str, *, http_status: int = HTTPStatus.OK, knows_id: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.http_status = http_status
        self.knows_id = knows_id


def deposit(body: Mapping[str, Any], account: Account) -> Deposit:
    """Reads a deposit, or raises RefusedError."""
    _members(body, _DEPOSIT, _DEPOSIT_OPTIONAL)
    deposit_id, amount = _id(body, "depositId"), _amount(body)
    _members(body["payer"], {"type": str, "accountDetails": dict}, {})
    details = body["payer"]["accountDetails"]
    _members(details, {"phoneNumber": str, "provider": str}, {})
    message = body.get("customerMessage")
    if body["payer"]["type"] != "MMO" or (message is not None and not _MESSAGE.fullmatch(message)):
        raise _invalid("payer.type must be MMO, customerMessage 4 to 22 letters, digits and spaces")
    provider = account.find(details["provider"])
    if provider is None:
        raise RefusedError("INVALID_PROVIDER", "Provider is not configured for your account")
    if not _PHONE.fullmatch(details["phoneNumber"]):
        raise RefusedError("INVALID_PHONE_NUMBER", "The phone number does not look like one of this provider")
    _payable(amount, body["currency"], provider)
    return Deposit(
        deposit_id,
        amount,
        details["phoneNumber"],
        provider.code,
        customer_message=message,
        client_reference_id=body.get("clientReferenceId"),
        metadata=_metadata(body),
    )


def refund(body: Mapping[str, Any], book: Book) -> Refund:
    """Reads a refund of a completed deposit, or raises RefusedError."""
    _members(body, _REFUND, _REFUND_OPTIONAL)
    refund_id, deposit_id = _id(body, "refundId"), _id(body, "depositId")
    paid = book.deposits.get(deposit_id)
    if paid is None:
        raise RefusedError("NOT_FOUND", f"Deposit with ID {deposit_id} not found")
    if paid.status != COMPLETED:
        raise RefusedError("INVALID_STATE", f"Deposit with ID {deposit_id} is not completed")
    before = [one for one in book.refunded(deposit_id) if one.id != refund_id]
    if any(one.status not in FINAL for one in before):
        raise RefusedError("REFUND_IN_PROGRESS", "Another refund of this deposit is in progress")
    left = (paid.amount if paid.paid_amount is None else paid.paid_amount) - sum(one.amount for one in before)
    if left <= 0:
        raise RefusedError("DEPOSIT_ALREADY_REFUNDED", "This deposit has been refunded")
    amount = _amount(body) if "amount" in body else left
    if amount > left:
        raise RefusedError("AMOUNT_OUT_OF_BOUNDS", "Amount is more than was paid", knows_id=False)
    if body.get("currency", paid.currency) != paid.currency:
        raise RefusedError("INVALID_CURRENCY", "Currency is not that of the deposit")
    return Refund(refund_id, paid, amount)


def _members(body: Mapping[str, Any], needed: Mapping[str, type], optional: Mapping[str, type]) -> None:
    known = {**needed, **optional}
    if unknown := body.keys() - known.keys():
        raise _malformed("UNSUPPORTED_PARAMETER", f"Unsupported parameter {min(unknown)}")
    if missing := needed.keys() - body.keys():
        raise _malformed("MISSING_PARAMETER", f"Missing parameter {min(missing)}")
    if wrong := [name for name, value in body.items() if not isinstance(value, known[name])]:
        raise _invalid(f"Invalid value for parameter {min(wrong)}")


def _id(body: Mapping[str, Any], name: str) -> str:
    text = str(body[name])
    try:
        version = uuid.UUID(text).version
    except ValueError:
        version = None
    if version != _UUID_VERSION or len(text) != _UUID_LENGTH:
        raise _invalid(f"{name} must be a UUID of version 4")
    return text


def _amount(body: Mapping[str, Any]) -> Decimal:
    if not _AMOUNT.fullmatch(body["amount"]):
        raise _invalid("Invalid value for parameter amount")
    return Decimal(body["amount"])


def _payable(amount: Decimal, currency: str, provider: Provider) -> None:
    if currency != CURRENCY:
        raise RefusedError("INVALID_CURRENCY", f"Currency {currency} is not supported by {provider.code}")
    places = 2 if provider.decimals == "TWO_PLACES" else 0
    if amount != round(amount, places):
        raise RefusedError("INVALID_AMOUNT", f"{provider.code} takes {places} decimal places")
    if provider.status == "CLOSED":
        raise RefusedError("PROVIDER_TEMPORARILY_UNAVAILABLE", f"{provider.code} is temporarily unavailable")
    if not provider.minimum <= amount <= provider.maximum:
        bounds = f"Amount needs to be more than {provider.minimum} and less than {provider.maximum}"
        raise RefusedError("AMOUNT_OUT_OF_BOUNDS", bounds, knows_id=False)


def _metadata(body: Mapping[str, Any]) -> dict[str, str]:
    """A list of objects with one field each (and `isPII` beside it) in requests, an object everywhere else."""
    fields: dict[str, str] = {}
    for one in body.get("metadata", []):
        pairs = [(name, value) for name, value in one.items() if name != "isPII"] if isinstance(one, dict) else []
        if len(pairs) != 1:
            raise _invalid("metadata is a list of objects with one field each")
        ((name, value),) = pairs
        if name in fields:
            raise _malformed("DUPLICATE_METADATA_FIELD", f"Duplicate metadata field {name}")
        fields[name] = str(value)
    if len(fields) > _METADATA_MAX:
        raise _invalid(f"metadata has at most {_METADATA_MAX} fields")
    return fields


def _malformed(code: str, message: str) -> RefusedError:
    return RefusedError(code, message, http_status=HTTPStatus.BAD_REQUEST)


def _invalid(message: str) -> RefusedError:
    return _malformed("INVALID_PARAMETER", message)
