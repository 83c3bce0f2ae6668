"""Paper: the PDF of a document, kept for as long as the books; written once, and read through a link.

A document looks in two ways in its life, without and with its fiscal receipt: each has a file of its own, whose name
follows from the document, and which nobody writes over.
"""

from typing import Final

from botocore.exceptions import ClientError

from mifumo import aws
from mifumo.settings import Settings

from .documents import Document

# A link is a key to the file: it is good for as long as a download takes to begin.
LINK_GOOD_FOR_S: Final = 900
_PDF: Final = "application/pdf"


class PaperSettings(Settings):
    """The bucket of documents."""

    documents_bucket: str


def keep(document: Document, pdf: bytes) -> None:
    """Writes the PDF of a document as it stands; one that is there already stays."""
    try:
        aws.s3().put_object(Bucket=_bucket(), Key=_key(document), Body=pdf, ContentType=_PDF, IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise


def link(document: Document) -> str:
    """Signs a link to the PDF of a document that was printed, for a download under the document's number."""
    wanted = {
        "Bucket": _bucket(),
        "Key": _key(document),
        "ResponseContentType": _PDF,
        "ResponseContentDisposition": f'attachment; filename="{file_name(document)}"',
    }
    return aws.s3().generate_presigned_url("get_object", Params=wanted, ExpiresIn=LINK_GOOD_FOR_S)


def file_name(document: Document) -> str:
    """Returns what the file is called at the reader's."""
    return f"{document.number}.pdf"


def _key(document: Document) -> str:
    return f"{document.tenant}/{document.id}/{document.look}.pdf"


def _bucket() -> str:
    return PaperSettings.load().documents_bucket
