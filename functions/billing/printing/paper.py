"""Paper: a document as a PDF of one page, in a font that knows most alphabets."""

from pathlib import Path
from typing import Final

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace

from functions.billing import invoice_words
from functions.billing.documents import Document
from mifumo import clock

_FONTS: Final = Path(__file__).parent
_FONT: Final = "DejaVu"
_TITLE_PT, _TEXT_PT = 18, 11
_LINE_MM, _GAP_MM = 6, 5
_COLUMNS: Final = (3, 1)


def pdf(document: Document) -> bytes:
    """Prints a document: the words and figures of its page."""
    words = invoice_words.of(document)
    paper = FPDF(format="A4")
    # Of the document, not of the printing: whoever prints it again gets the same file.
    paper.set_creation_date(clock.parse(document.issued_at))
    paper.set_title(words.title)
    paper.set_author(words.seller)
    paper.set_lang("en")
    paper.add_font(_FONT, fname=_FONTS / "DejaVuSans.ttf")
    paper.add_font(_FONT, style="B", fname=_FONTS / "DejaVuSans-Bold.ttf")
    paper.add_page()
    paper.set_font(_FONT, style="B", size=_TITLE_PT)
    _line(paper, words.title)
    paper.set_font(_FONT, size=_TEXT_PT)
    _line(paper, words.fiscal)
    paper.ln(_GAP_MM)
    _line(paper, f"Seller: {words.seller}")
    _line(paper, f"TIN {words.tin}, VRN {words.vrn}")
    _line(paper, f"Buyer: {words.buyer}")
    paper.ln(_GAP_MM)
    _line(paper, f"Issued {words.issued}; supplied {words.supplied}. {words.takes_back}".rstrip())
    paper.ln(_GAP_MM)
    _figures(paper, words)
    return bytes(paper.output())


def _line(paper: FPDF, text: str) -> None:
    """Writes a line, or as many as it needs."""
    paper.multi_cell(0, _LINE_MM, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _figures(paper: FPDF, words: invoice_words.Words) -> None:
    rows = [
        (words.description, "TZS"),
        ("Net", words.net),
        (f"VAT {words.rate} %", words.vat),
        ("Total", words.total),
    ]
    strong = FontFace(emphasis="BOLD")
    with paper.table(
        col_widths=_COLUMNS, text_align=("LEFT", "RIGHT"), borders_layout="HORIZONTAL_LINES", headings_style=strong
    ) as table:
        for row in rows:
            table.row(row, style=strong if row is rows[-1] else None)
