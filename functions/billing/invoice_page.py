"""Invoice page: a document as a page to print; whatever people have named themselves is written as text."""

from datetime import timedelta, timezone
from html import escape
from typing import Final

from mifumo import clock

from .documents import Document, Kind

_TANZANIA: Final = timezone(timedelta(hours=3))
_TITLES: Final = {Kind.INVOICE: "Invoice", Kind.CREDIT_NOTE: "Credit note"}

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} {number}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100%; margin: 1.5rem 0 }}
th, td {{ text-align: left; padding: .4rem 0; border-bottom: 1px solid #ccc }}
td + td, th + th {{ text-align: right }}
</style>
<main>
<h1>{title} {number}</h1>
<p>{fiscal}</p>
<p>Seller: {seller}<br>TIN {tin}, VRN {vrn}</p>
<p>Buyer: {buyer}</p>
<p>Issued {issued}; supplied {supplied}.{takes_back}</p>
<table>
<tr><th scope="col">{description}<th scope="col">TZS
<tr><td>Net<td>{net}
<tr><td>VAT {rate} %<td>{vat}
<tr><th scope="row">Total<th>{total}
</table>
</main>
</html>
"""


def html(document: Document) -> str:
    """Writes the page of a document."""
    told = {
        "title": _TITLES[document.kind],
        "number": document.number,
        "fiscal": _fiscal(document),
        "seller": document.seller["name"],
        "tin": document.seller["tin"] or "-",
        "vrn": document.seller["vrn"] or "-",
        "buyer": document.buyer,
        "issued": _day(document.issued_at),
        "supplied": _day(document.supplied_at),
        "takes_back": f" It takes back invoice {document.takes_back}." if document.takes_back else "",
        "description": document.description,
        "net": f"{document.net:,}",
        "rate": f"{document.vat_rate / 100:g}",
        "vat": f"{document.vat:,}",
        "total": f"{document.total:,}",
    }
    return _PAGE.format(**{name: escape(text) for name, text in told.items()})


def _fiscal(document: Document) -> str:
    if document.fiscal_receipt is None:
        return "This is not a fiscal receipt."
    code = f", verification code {document.fiscal_code}" if document.fiscal_code else ""
    return f"Fiscal receipt {document.fiscal_receipt}{code}"


def _day(stamp: str) -> str:
    return clock.parse(stamp).astimezone(_TANZANIA).strftime("%d %B %Y")
