"""pawaPay's statements: a wallet's transactions as a file of comma-separated values, made to order.

Source: pawaPay's v2 reference, "Statements" and "Check statement status", and the table of columns in its papers on the
dashboard. How the columns are written in the file is not told, so their names are read without case and punctuation.
"""

import csv
import io
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from mifumo.providers import answers, connections
from mifumo.providers.payments import Listed, ProviderUnavailableError, Standing, Statement

if TYPE_CHECKING:
    import requests

LINES_TOGETHER: Final = 500
# Some two hundred thousand transactions of a day: what is longer is no statement of ours.
_BYTES_MAX: Final = 32 * 1024 * 1024
_COLUMNS: Final = {"creationdate", "transactionid", "amount", "currency", "type"}
_INCOME: Final = "DEPOSIT"
# How the storage behind an address answers once its day is over.
_EXPIRED: Final = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


class StatementGone(Exception):
    """The statement could not be made, or is not kept any more: another one has to be."""


def written(stamp: str) -> str:
    """Writes a moment as statements are asked for: in UTC, without saying so."""
    return stamp[: len("2025-05-10T10:00:00")]


def link(answer: dict[str, Any], *, api_url: str) -> str | None:
    """Returns where a statement can be fetched; None while it is being made.

    Raises StatementGone, and ProviderUnavailableError for an answer that says nothing.

    The address may be a stranger's, but nothing is fetched without encryption, except from pawaPay's own origin.
    """
    data = answers.member_object(answer.get("data"))
    status = str(data.get("status", "")).upper()
    if str(answer.get("status", "")).upper() == "NOT_FOUND" or status == "FAILED":
        raise StatementGone
    if status == "PROCESSING":
        return None
    if status != "COMPLETED":
        raise ProviderUnavailableError("not a status of a statement")
    address = str(data.get("downloadUrl", ""))
    own = urlsplit(address)[:2] == urlsplit(api_url)[:2]
    if not own and not address.startswith("https://"):
        raise ProviderUnavailableError("the statement is at no address that one can trust")
    return address


def download(address: str, *, timeout: tuple[float, float]) -> bytes:
    """Fetches a statement without showing our token; raises ProviderUnavailableError, and StatementGone."""
    import requests  # noqa: PLC0415 - it is the largest of the imports

    try:
        with (
            connections.session({}) as session,
            session.get(address, timeout=timeout, allow_redirects=False, stream=True) as answer,
        ):
            return _content(answer)
    except requests.RequestException as error:
        raise ProviderUnavailableError(type(error).__name__) from error


def _content(answer: "requests.Response") -> bytes:
    if answer.status_code in _EXPIRED:
        raise StatementGone
    if answer.status_code != HTTPStatus.OK:
        raise ProviderUnavailableError(f"HTTP {answer.status_code}")
    found = bytearray()
    for piece in answer.iter_content(64 * 1024):
        found += piece
        if len(found) > _BYTES_MAX:
            raise ProviderUnavailableError("the statement is too long")
    return bytes(found)


def lines(file: bytes) -> list[Listed]:
    """Reads the deposits of a statement; raises ProviderUnavailableError for what is no statement.

    Only what has moved stands in it, so each of them is money that came in.
    """
    reader = csv.DictReader(io.StringIO(file.decode("utf-8-sig", "replace"), newline=""))
    names = {_plain(name): name for name in reader.fieldnames or ()}
    if missing := _COLUMNS - names.keys():
        raise ProviderUnavailableError(f"a statement without {', '.join(sorted(missing))}")
    rows = ({plain: row[name] or "" for plain, name in names.items()} for row in reader)
    return [_line(row) for row in rows if row["type"].strip().upper() == _INCOME]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _line(row: dict[str, str]) -> Listed:
    statement = Statement(
        Standing.COMPLETED,
        amount_tzs=answers.whole_tzs(row["amount"].strip()),
        currency=answers.text(row["currency"].strip()),
        channel=answers.text(row.get("mno") or row.get("mmo")),
    )
    return Listed(row["transactionid"].strip()[: answers.DETAIL_LENGTH_MAX], statement, at=row["creationdate"].strip())
