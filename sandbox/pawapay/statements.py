"""pawaPay's statements of a wallet: asked for, made after a while, and fetched as a file."""

import csv
import io
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.pawapay.account import COUNTRY, CURRENCY
from sandbox.pawapay.book import Book
from sandbox.pawapay.checks import RefusedError
from sandbox.pawapay.outcomes import COMPLETED

PROCESSING, DONE = "PROCESSING", COMPLETED
_KEPT = timedelta(days=1)
_SPAN_MAX = timedelta(days=31)
_COLUMNS = ("Creation Date", "MSISDN", "Transaction ID", "Amount", "Currency", "Country", "MNO", "Type")


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class Statement:
    """One statement: which span of time of which wallet, and whom to tell that it is made."""

    id: str
    wallet: Mapping[str, str]
    start: datetime
    end: datetime
    callback_url: str
    created: datetime

    def told(self, status: str, *, download_url: str, size: int) -> dict[str, Any]:
        """As status and callbacks show it."""
        made = {
            "fileSize": size,
            "downloadUrl": download_url,
            "downloadUrlExpiresAt": _written(self.created + _KEPT),
            "completedAt": _written(self.created),
        }
        return {
            "statementId": self.id,
            "status": status,
            "wallet": dict(self.wallet),
            "created": _written(self.created),
            "startDate": f"{self.start:%Y-%m-%dT%H:%M:%S}",
            "endDate": f"{self.end:%Y-%m-%dT%H:%M:%S}",
            **(made if status == DONE else {}),
        }


class Statements:
    """Every statement that was asked for."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._known: dict[str, Statement] = {}
        self.status = DONE
        """The status of every statement, until it is set to another one."""

    def forget(self) -> None:
        self._known.clear()
        self.status = DONE

    def ask(self, body: Mapping[str, Any]) -> Statement:
        """Takes a statement on, or raises RefusedError."""
        wallet = body.get("wallet")
        if not isinstance(wallet, dict) or (wallet.get("country"), wallet.get("currency")) != (COUNTRY, CURRENCY):
            raise RefusedError("WALLET_NOT_FOUND", "There is no such wallet")
        if not str(body.get("callbackUrl", "")).startswith(("http://", "https://")):
            raise RefusedError("INVALID_PARAMETER", "callbackUrl must be an address", http_status=400)
        try:
            start, end = (datetime.fromisoformat(str(body.get(name))) for name in ("startDate", "endDate"))
        except ValueError as error:
            raise RefusedError("INVALID_PARAMETER", "startDate, endDate are no dates", http_status=400) from error
        if not timedelta() < end - start <= _SPAN_MAX:
            raise RefusedError("INVALID_DATE_RANGE", "A statement is of 31 days at most")
        made = Statement(str(uuid.uuid4()), wallet, start, end, str(body["callbackUrl"]), _now())
        self._known[made.id] = made
        return made

    def find(self, statement_id: str) -> Statement | None:
        return self._known.get(statement_id)

    def file(self, statement: Statement) -> bytes:
        """The wallet's transactions of a span of time: what has moved, and nothing else."""
        written = io.StringIO(newline="")
        rows = csv.writer(written)
        rows.writerow(_COLUMNS)
        for deposit in self._book.deposits.values():
            created = datetime.fromisoformat(deposit.created).replace(tzinfo=None)
            if deposit.status == COMPLETED and statement.start <= created < statement.end:
                told = deposit.written()
                tail = (told["amount"], told["currency"], COUNTRY, deposit.provider, "DEPOSIT")
                rows.writerow((deposit.created, deposit.phone, deposit.id, *tail))
        return written.getvalue().encode()
