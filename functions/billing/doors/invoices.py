"""Invoices: a tenant reads what it was billed, as data, as a page to print, or as a PDF."""

from contextlib import suppress
from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.billing import documents, invoice_page, papers
from functions.billing.invoice_models import InvoicePage, InvoicePdf, InvoiceView
from mifumo import cursors, writes
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
# Documents are printed every minute.
_PRINTED_WITHIN_S = 60


@router.get("/api/billing/invoices/", summary="List the invoices", tags=["billing"])
@needs(Action.BILLING_READ)
def list_invoices(caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> InvoicePage:
    """Lists invoices and credit notes, newest first; one appears within minutes of its payment."""
    scope = f"invoices:{caller.tenant_id}"
    page = documents.page(caller.tenant_id, limit=limit, start=cursors.decode(cursor, scope=scope))
    views = [InvoiceView.of(documents.of(item)) for item in page.items]
    return InvoicePage(items=views, next=cursors.encode(page.last, scope=scope))


@router.get("/api/billing/invoices/<invoice_id>/", summary="Read an invoice", tags=["billing"])
@needs(Action.BILLING_READ)
def read_invoice(invoice_id: str, caller: Caller) -> InvoiceView:
    """Reads one invoice or credit note; another tenant's is not found."""
    return InvoiceView.of(documents.find(caller.tenant_id, invoice_id))


@router.get(
    "/api/billing/invoices/<invoice_id>/html/",
    summary="Print an invoice",
    tags=["billing"],
    responses={200: {"description": "The page.", "content": {"text/html": {"schema": {"type": "string"}}}}},
)
@needs(Action.BILLING_READ)
def print_invoice(invoice_id: str, caller: Caller) -> Response[str]:
    """Writes one invoice or credit note as a page to print."""
    page = invoice_page.html(documents.find(caller.tenant_id, invoice_id))
    return Response(200, "text/html; charset=utf-8", page, headers={"Content-Security-Policy": invoice_page.POLICY})


@router.get(
    "/api/billing/invoices/<invoice_id>/pdf/",
    summary="Download an invoice",
    description="Answers a link to the PDF. It is made within a minute of the invoice, and once more when the invoice "
    "gets its fiscal receipt; until then this answers 202 without a link, and with Retry-After.",
    tags=["billing"],
    responses={
        200: {"description": "It is made."},
        202: {"description": "It is being made: ask again after Retry-After."},
    },
)
@needs(Action.BILLING_READ)
def download_invoice(invoice_id: str, caller: Caller) -> Response[InvoicePdf]:
    document = documents.find(caller.tenant_id, invoice_id)
    if document.printed is document.look:
        return Response(HTTPStatus.OK, "application/json", InvoicePdf.of(document, url=papers.link(document)))
    with suppress(documents.LooksOtherwise):
        writes.commit(documents.want_paper(document))
    headers = {"Retry-After": str(_PRINTED_WITHIN_S)}
    return Response(HTTPStatus.ACCEPTED, "application/json", InvoicePdf.of(document, url=None), headers=dict(headers))
