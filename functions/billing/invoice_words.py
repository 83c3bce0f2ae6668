"""Words of a document: what its page and its PDF say alike, in the reader's form of figures and days."""

from dataclasses import dataclass
from typing import Final

from mifumo import clock

from .documents import Document, Kind

_TITLES: Final = {Kind.INVOICE: "Invoice", Kind.CREDIT_NOTE: "Credit note"}


@dataclass(frozen=True, slots=True)
class Words:
    title: str
    fiscal: str
    """Whose receipt it is, or that it is none."""
    seller: str
    tin: str
    vrn: str
    buyer: str
    issued: str
    supplied: str
    takes_back: str
    """A sentence about the invoice that a credit note takes back; empty for an invoice."""
    description: str
    net: str
    rate: str
    vat: str
    total: str


def of(document: Document) -> Words:
    """Puts a document into words."""
    return Words(
        title=f"{_TITLES[document.kind]} {document.number}",
        fiscal=_fiscal(document),
        seller=document.seller["name"],
        tin=document.seller["tin"] or "-",
        vrn=document.seller["vrn"] or "-",
        buyer=document.buyer,
        issued=_day(document.issued_at),
        supplied=_day(document.supplied_at),
        takes_back=f"It takes back invoice {document.takes_back}." if document.takes_back else "",
        description=document.description,
        net=f"{document.net:,}",
        rate=f"{document.vat_rate / 100:g}",
        vat=f"{document.vat:,}",
        total=f"{document.total:,}",
    )


def _fiscal(document: Document) -> str:
    if document.fiscal_receipt is None:
        return "This is not a fiscal receipt."
    code = f", verification code {document.fiscal_code}" if document.fiscal_code else ""
    return f"Fiscal receipt {document.fiscal_receipt}{code}"


def _day(stamp: str) -> str:
    return clock.parse(stamp).astimezone(clock.TANZANIA).strftime("%d %B %Y")
