"""Results: what became of a batch's recipients, as a file to take along."""

from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field

from functions.sms.batches import listings
from functions.sms.batches.batches import Batch
from functions.sms.results import result_files, transcribing
from functions.sms.results.result_files import LINK_GOOD_FOR_S
from functions.sms.results.results import Results, State
from mifumo import clock
from mifumo.http import Caller, needs
from mifumo.permissions import Action
from mifumo.wire import Answer

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["sms"]
# A million rows take some minutes.
_RETRY_AFTER_S = 5


class ResultsAnswer(Answer):
    """A file of a batch's results, or how far it is written."""

    status: State = Field(
        description="`writing`: ask again in a moment. `ready`: fetch it from `url`. `failed`: it could not be "
        "written, and we know; a quarter of an hour later it is tried again when you ask.",
        examples=["ready"],
    )
    batch_id: str
    recipients: int = Field(description="How many the batch has accepted.", examples=[3])
    rows: int = Field(
        description="How many are written; in the end as many as `recipients`, unless the batch was still being laid "
        "out, or is parked.",
        examples=[3],
    )
    begun_at: str
    written_at: str | None = Field(description="When the file was done; each of its rows says when it was read.")
    url: str | None = Field(description="The file. Good for 15 minutes, for anybody who has it.")
    expires_at: str | None = Field(description="Until when `url` is good.")

    @classmethod
    def of(cls, batch: Batch, found: Results) -> "ResultsAnswer":
        """Writes how far a file is for the wire."""
        ready = found.state is State.READY
        return cls(
            status=found.state,
            batch_id=batch.id,
            recipients=batch.accepted,
            rows=found.rows,
            begun_at=found.begun_at,
            written_at=found.moved_at if ready else None,
            url=result_files.link(found) if ready else None,
            expires_at=clock.after(LINK_GOOD_FOR_S) if ready else None,
        )


@router.get(
    "/api/sms/batches/<batch_id>/export/",
    summary="Take the results of a batch along as CSV",
    description="A line for each recipient: what became of it, when, and what it cost, as it stands now. The file of "
    f"a batch of at most {transcribing.AT_ONCE_MAX:,} is ready at once; for a larger one ask again until it is. What "
    "is ready is handed out for 15 minutes, then it is written anew. Cells that a spreadsheet would run as a formula, "
    "and numbers, have an apostrophe before them. The columns are described in the API manual.",
    tags=_TAGS,
    responses={
        HTTPStatus.OK: {"description": "It is ready, or could not be written."},
        HTTPStatus.ACCEPTED: {"description": "It is being written: ask again when `Retry-After` says."},
    },
)
@needs(Action.SMS_READ)
def export_batch(batch_id: str, caller: Caller) -> Response[ResultsAnswer]:
    batch = listings.require(caller.tenant_id, batch_id)
    answer = ResultsAnswer.of(batch, transcribing.ask(caller, batch))
    if answer.status is not State.WRITING:
        return Response(HTTPStatus.OK, "application/json", answer)
    return Response(HTTPStatus.ACCEPTED, "application/json", answer, {"Retry-After": str(_RETRY_AFTER_S)})
