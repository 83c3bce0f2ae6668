"""Invoice page: a document as a page to print; whatever people have named themselves is written as text."""

from dataclasses import asdict
from html import escape
from typing import Final

from . import invoice_words
from .documents import Document

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100%; margin: 1.5rem 0 }}
th, td {{ text-align: left; padding: .4rem 0; border-bottom: 1px solid #ccc }}
td + td, th + th {{ text-align: right }}
</style>
<main>
<h1>{title}</h1>
<p>{fiscal}</p>
<p>Seller: {seller}<br>TIN {tin}, VRN {vrn}</p>
<p>Buyer: {buyer}</p>
<p>Issued {issued}; supplied {supplied}. {takes_back}</p>
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
    told = asdict(invoice_words.of(document))
    return _PAGE.format(**{name: escape(text) for name, text in told.items()})
