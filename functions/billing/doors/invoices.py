"""Invoices: a tenant reads what it was billed, as data or as a page to print."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.billing import documents, invoice_page
from functions.billing.invoice_models import InvoicePage, InvoiceView
from mifumo import cursors
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


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
    """Writes one invoice or credit note as a page to print or to save as PDF."""
    page = invoice_page.html(documents.find(caller.tenant_id, invoice_id))
    return Response(200, "text/html; charset=utf-8", page, headers={"Content-Security-Policy": invoice_page.POLICY})
