"""Document: an invoice, or the credit note that takes one back; numbered without a gap, and never changed.

A number is given out in the transaction that writes its document, so that neither stands without the other. Each kind
has its own row of numbers for every year of Dar es Salaam. What a document says is a copy of that moment: later names,
rates and prices leave it alone. The fiscal receipt is added once, because the tax authority's device makes it later.
From the transaction that writes a document, or gives it its receipt, it waits in the index of what is due until it is
printed as it looks then.
"""

from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any, Final

from mifumo import clock, ids, tables, writes
from mifumo.aws import Item
from mifumo.errors import Conflict, NotFound
from mifumo.ids import PaymentId, TenantId
from mifumo.tables import Key, Page
from mifumo.wallets import LedgerSettings
from mifumo.writes import Write

_TO_PRINT: Final = "DOCPRINT"
# Of the documents that wait for paper, a minute; what is left over is the oldest in the next one.
_PRINTED_MAX: Final = 200


class Kind(StrEnum):
    """What a document is; the value stands in its number's row and in the answer."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class Look(StrEnum):
    """How a document looks on paper, which changes once."""

    PLAIN = "plain"
    FISCAL = "fiscal"


_PREFIX: Final = {Kind.INVOICE: "INV", Kind.CREDIT_NOTE: "CN"}


@dataclass(frozen=True, slots=True)
class Document:
    """One document. Amounts are whole TZS, and `net + vat == total`; a credit note's are what goes back."""

    id: str
    number: str
    kind: Kind
    tenant: TenantId
    payment: PaymentId
    issued_at: str
    supplied_at: str
    """When the money was credited, or had gone back: the moment that tax goes by."""
    seller: dict[str, str]
    buyer: str
    description: str
    credits: int
    net: int
    vat: int
    vat_rate: int
    """In hundredths of a percent."""
    total: int
    currency: str
    takes_back: str | None = None
    """The number of the invoice that a credit note takes back."""
    fiscal_receipt: str | None = None
    fiscal_code: str | None = None
    fiscal_at: str | None = None
    printed: Look | None = None
    """How it looked when it was last printed."""

    @property
    def look(self) -> Look:
        """How it has to look."""
        return Look.FISCAL if self.fiscal_receipt else Look.PLAIN


class NumberTaken(Exception):
    """Another document got the number meanwhile."""


class IssuedBefore(Exception):
    """The payment has this document already."""


class LooksOtherwise(Exception):
    """The document got its fiscal receipt, or its paper, meanwhile."""


class FiscalReceiptRecorded(Conflict):
    """The document has a fiscal receipt: it is recorded once."""

    code = "fiscal_receipt_recorded"
    title = "This document has its fiscal receipt already"


def id_of(kind: Kind, payment: PaymentId) -> str:
    """Returns the id of the one document of this kind that a payment has."""
    return ids.derived(kind.value, payment)


def number(kind: Kind) -> tuple[str, Write]:
    """Takes the next number of this year; the write refuses with NumberTaken, and has to stand with the document."""
    year = str(clock.now().astimezone(clock.TANZANIA).year)
    key = Key(f"NUMBERS#{kind.value}", year)
    item = tables.get(_table(), key)
    last = item["last"] if item else 0
    taken = writes.update(
        _table(),
        key,
        "SET #last = :next",
        condition="#last = :last" if item else "attribute_not_exists(pk)",
        names={"#last": "last"},
        values={":next": last + 1, **({":last": last} if item else {})},
        refused=lambda _: NumberTaken(),
    )
    return f"{_PREFIX[kind]}-{year}-{last + 1:06d}", taken


def put(document: Document) -> Write:
    """Writes a document; refuses with IssuedBefore."""
    values = {name: value for name, value in asdict(document).items() if value is not None}
    item = {
        **_key(document.id)._asdict(),
        **values,
        "kind": document.kind.value,
        "listing_pk": _listing(document.tenant),
        "listing_sk": f"{document.issued_at}#{document.number}",
        "due_pk": _TO_PRINT,
        "due_sk": document.issued_at,
    }
    return writes.put(_table(), item, refused=lambda _: IssuedBefore(document.id))


def of(item: Item) -> Document:
    """Reads a document from its item."""
    values: dict[str, Any] = {field.name: item[field.name] for field in fields(Document) if field.name in item}
    printed = Look(item["printed"]) if "printed" in item else None
    return Document(**{**values, "kind": Kind(item["kind"]), "printed": printed})


def read(document: str) -> Document:
    """Reads a document of any tenant, for workers and staff; raises NotFound."""
    item = tables.get(_table(), _key(document)) if ids.valid(document) else None
    if item is None:
        raise NotFound("There is no such invoice.")
    return of(item)


def find(tenant: TenantId, document: str) -> Document:
    """Reads a tenant's document; raises NotFound for one that is not there or is another tenant's."""
    found = read(document)
    if found.tenant != tenant:
        raise NotFound("There is no such invoice.")
    return found


def page(tenant: TenantId, *, limit: int, start: Item | None) -> Page:
    """Reads a page of a tenant's documents, newest first."""
    return tables.query(_table(), _listing(tenant), index="listing", limit=limit, newest_first=True, start=start)


def fiscalise(document: Document, *, receipt: str, code: str | None) -> Write:
    """Records the tax authority's receipt; refuses with FiscalReceiptRecorded when there is one."""
    values = {
        ":receipt": receipt,
        ":now": clock.stamp(),
        ":printing": _TO_PRINT,
        **({":code": code} if code else {}),
    }
    return writes.update(
        _table(),
        _key(document.id),
        "SET fiscal_receipt = :receipt, fiscal_at = :now, due_pk = :printing, due_sk = :now"
        + (", fiscal_code = :code" if code else ""),
        condition="attribute_exists(pk) AND attribute_not_exists(fiscal_receipt)",
        values=values,
        refused=lambda _: FiscalReceiptRecorded(f"{document.number} is not changed any more."),
    )


def to_print() -> list[str]:
    """Lists documents that wait for their paper, the longest waiting first."""
    waiting = tables.query(_table(), _TO_PRINT, index="due", limit=_PRINTED_MAX)
    return [item["pk"].removeprefix("DOC#") for item in waiting.items]


def printed(document: Document) -> Write:
    """Records that a document was printed as it looks; refuses with LooksOtherwise when it does not any more."""
    receipt = "attribute_exists" if document.fiscal_receipt else "attribute_not_exists"
    return writes.update(
        _table(),
        _key(document.id),
        "SET printed = :look REMOVE due_pk, due_sk",
        condition=f"due_pk = :printing AND {receipt}(fiscal_receipt)",
        values={":look": document.look.value, ":printing": _TO_PRINT},
        refused=lambda _: LooksOtherwise(document.id),
    )


def want_paper(document: Document) -> Write:
    """Has a document printed that does not wait for it; refuses with LooksOtherwise when it does."""
    return writes.update(
        _table(),
        _key(document.id),
        "SET due_pk = :printing, due_sk = :now",
        condition="attribute_exists(pk) AND attribute_not_exists(due_pk)",
        values={":printing": _TO_PRINT, ":now": clock.stamp()},
        refused=lambda _: LooksOtherwise(document.id),
    )


def _table() -> str:
    return LedgerSettings.load().ledger_table


def _key(document: str) -> Key:
    return Key(f"DOC#{document}", "META")


def _listing(tenant: TenantId) -> str:
    return f"T#{tenant}#DOC"
