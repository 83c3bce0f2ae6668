"""Wire models of invoices and credit notes."""

from typing import Literal, Self

from pydantic import Field

from mifumo.wire import Answer, Request

from . import papers
from .documents import Document, Kind


class Seller(Answer):
    """Who sold."""

    name: str = Field(examples=["Mifumo Labs Limited"])
    tin: str = Field(description="Taxpayer identification number.", examples=["100-200-300"])
    vrn: str = Field(description="VAT registration number.", examples=["40-000000-A"])


class Fiscal(Answer):
    """The tax authority's receipt."""

    receipt_number: str = Field(examples=["A1B2C3D4"])
    verification_code: str | None = Field(examples=["4F6A2"])
    recorded_at: str = Field(examples=["2026-01-31T09:30:00.000Z"])


class InvoiceView(Answer):
    """An invoice, or the credit note that takes one back; never changed after it was issued."""

    id: str = Field(examples=["01jd8x6q5v7w9y2k4m6p8r0t1a"])
    number: str = Field(description="Without gaps in a year.", examples=["INV-2026-000001"])
    kind: Kind = Field(examples=["invoice"])
    payment_id: str = Field(examples=["01jd8x6q5v7w9y2k4m6p8r0t1a"])
    issued_at: str = Field(examples=["2026-01-31T09:31:00.000Z"])
    supplied_at: str = Field(description="When it was credited, or taken back.", examples=["2026-01-31T09:30:00.000Z"])
    seller: Seller
    buyer: str = Field(description="The tenant's name of that day.", examples=["Duka la Asha"])
    description: str = Field(examples=["5,000 SMS credits"])
    credits: int = Field(examples=[5000])
    net: int = Field(description="Whole TZS.", examples=[127119])
    vat: int = Field(description="Whole TZS.", examples=[22881])
    vat_rate: int = Field(description="Hundredths of a percent.", examples=[1800])
    total: int = Field(description="Whole TZS: `net` and `vat` together.", examples=[150000])
    currency: Literal["TZS"] = "TZS"
    takes_back: str | None = Field(description="The invoice that a credit note takes back.")
    fiscal: Fiscal | None = Field(description="The tax authority's receipt; null: this is not a fiscal document.")

    @classmethod
    def of(cls, document: Document) -> Self:
        """Shows a document."""
        receipt = document.fiscal_receipt
        return cls(
            id=document.id,
            number=document.number,
            kind=document.kind,
            payment_id=document.payment,
            issued_at=document.issued_at,
            supplied_at=document.supplied_at,
            seller=Seller(**document.seller),
            buyer=document.buyer,
            description=document.description,
            credits=document.credits,
            net=document.net,
            vat=document.vat,
            vat_rate=document.vat_rate,
            total=document.total,
            takes_back=document.takes_back,
            fiscal=Fiscal(
                receipt_number=receipt, verification_code=document.fiscal_code, recorded_at=document.fiscal_at or ""
            )
            if receipt
            else None,
        )


class InvoicePage(Answer):
    """A page of invoices and credit notes, newest first."""

    items: list[InvoiceView]
    next: str | None = Field(description="The cursor of the next page, null at the end.")


class InvoicePdf(Answer):
    """An invoice or credit note as a PDF."""

    name: str = Field(examples=["INV-2026-000001.pdf"])
    url: str | None = Field(
        description="Good for 15 minutes, for anybody who has it: ask again for a new one. Null while it is being made."
    )

    @classmethod
    def of(cls, document: Document, *, url: str | None) -> Self:
        """Shows where the PDF of a document is."""
        return cls(name=papers.file_name(document), url=url)


class FiscalRequest(Request):
    """The tax authority's receipt for a document."""

    receipt_number: str = Field(min_length=1, max_length=64, pattern=r"^[\w./-]+$", examples=["A1B2C3D4"])
    verification_code: str | None = Field(
        default=None, min_length=1, max_length=64, pattern=r"^[\w./-]+$", examples=["4F6A2"]
    )
