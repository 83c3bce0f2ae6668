"""Papers over the deployed stack: an invoice says the same as data, as a page and as a PDF, which stays as it is."""

import io
from typing import Any

import pypdf
import requests

from tests.e2e.stack import Tenant, wait_until


def _invoice(tenant: Tenant) -> dict[str, Any]:
    def issued() -> dict[str, Any] | None:
        tenant.stack.run("BillingInvoicingFunction")
        items: list[dict[str, Any]] = tenant.get("billing/invoices/")["items"]
        return items[0] if items else None

    return wait_until("the purchase has its invoice", issued)


def _download(tenant: Tenant, invoice: dict[str, Any]) -> bytes:
    def printed() -> str | None:
        tenant.stack.run("BillingPrintingFunction")
        answer = tenant.request("GET", f"billing/invoices/{invoice['id']}/pdf/")
        assert answer.status_code in {200, 202}, answer.text
        assert (answer.status_code == 202) == ("Retry-After" in answer.headers)
        url: str | None = answer.json()["url"]
        return url

    answer = requests.get(wait_until("the invoice is printed", printed), timeout=10)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/pdf"
    assert f'filename="{invoice["number"]}.pdf"' in answer.headers["Content-Disposition"]
    return answer.content


def test_an_invoice_says_the_same_as_data_as_a_page_and_as_a_pdf(tenant: Tenant) -> None:
    tenant.buy_lite()
    invoice = _invoice(tenant)
    pdf = _download(tenant, invoice)
    (page,) = pypdf.PdfReader(io.BytesIO(pdf)).pages
    text = page.extract_text()
    html = tenant.request("GET", f"billing/invoices/{invoice['id']}/html/").text
    for said in (invoice["number"], invoice["buyer"], *(f"{invoice[one]:,}" for one in ("net", "vat", "total"))):
        assert said in text
        assert said in html
    assert "This is not a fiscal receipt." in text
    assert _download(tenant, invoice) == pdf
    stranger = tenant.request("GET", f"billing/invoices/{invoice['id']}/pdf/", token=tenant.stack.login("owner"))
    assert stranger.status_code == 404
