"""Invoices, for the staff: any tenant's, and the tax authority's receipt that makes one fiscal."""

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.billing import documents
from functions.billing.invoice_models import FiscalRequest, InvoiceView
from mifumo import audit, writes
from mifumo.http import Caller, needs
from mifumo.permissions import Action

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


@router.get("/api/admin/billing/invoices/<invoice_id>/", summary="Read any tenant's invoice", tags=["admin"])
@needs(Action.PLATFORM_READ)
def read_any_invoice(invoice_id: str) -> InvoiceView:
    """Reads one invoice or credit note of any tenant."""
    return InvoiceView.of(documents.read(invoice_id))


@router.post(
    "/api/admin/billing/invoices/<invoice_id>/fiscal/",
    summary="Record a fiscal receipt",
    description="Records the receipt that the tax authority's device has made for an invoice or credit note. Once: "
    "nothing else of a document ever changes.",
    tags=["admin"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.MONEY_DECIDE)
def record_fiscal_receipt(invoice_id: str, request: FiscalRequest, caller: Caller) -> InvoiceView:
    document = documents.read(invoice_id)
    recorded = documents.fiscalise(document, receipt=request.receipt_number, code=request.verification_code)
    told = audit.entry(
        caller,
        "invoice.fiscalised",
        tenant=document.tenant,
        target=document.id,
        after={"number": document.number, "receipt": request.receipt_number},
    )
    writes.transact(recorded, told)
    return InvoiceView.of(documents.read(invoice_id))
