"""Printing: every minute, makes the PDF of each document that has none as it stands."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.billing import documents, papers
from mifumo import aws, writes
from mifumo.observability import count, entrypoint, logger

from . import paper

# What the last document of a run may need: the others are the next minute's.
_SPARE_MS = 10_000


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 - Lambda passes it
    """Prints what is due, for as long as the invocation lasts; a document that cannot be printed holds nobody up."""
    for document in documents.to_print():
        if context.get_remaining_time_in_millis() < _SPARE_MS:
            return
        try:
            _print(document)
        except Exception:  # noqa: BLE001 - it waits on, people are told, and those behind it get theirs
            logger.exception("no paper for document", document=document)
            count("PrintingFailed")


def _print(document_id: str) -> None:
    """Prints a document; a fiscal receipt that comes meanwhile has it printed again a minute later."""
    document = documents.read(document_id)
    papers.keep(document, paper.pdf(document))
    try:
        writes.commit(documents.printed(document))
    except documents.LooksOtherwise:
        return
    count("DocumentPrinted")


aws.connect(aws.dynamodb, aws.s3)
