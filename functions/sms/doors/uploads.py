"""Uploads: files of up to a million rows, to be sent to, kept as contacts, or opted out."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import ConfigDict, Field

from functions.sms.doors.contacts import Tag
from functions.sms.models.upload_models import UploadAnswer, UploadMade, UploadPage, UploadSummary
from functions.sms.uploads import uploading
from functions.sms.uploads.uploading import Asked, Found
from functions.sms.uploads.uploads import Purpose
from mifumo import cursors
from mifumo.callers import Principal
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action
from mifumo.wire import Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["sms"]
_ID = "01jd8x6q5v7w9y2k4m6p8r0t1a"

UploadId = Annotated[str, Path(description="The `id` of one of your uploads.")]


class UploadRequest(Request):
    """What is to be done with the rows of a file that follows."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "purpose": "campaign",
                    "sender_id": "INFO",
                    "text": "Habari {{name}}, salio lako ni TSh {{amount}}.",
                }
            ]
        }
    )

    purpose: Purpose = Field(
        description="`campaign`: a text for each row. `contacts`: keep each row as a contact. `opt_outs`: send no more "
        "texts to these numbers.",
        examples=["campaign"],
    )
    sender_id: str = Field(
        default="",
        max_length=11,
        description="For campaigns: a name of `GET /api/sms/capability/`. Left out, it is the tenant's "
        "`default_sender_id`.",
        examples=["INFO"],
    )
    text: str = Field(
        default="",
        max_length=2000,
        description="For campaigns: placeholders, written {{name}}, are filled from the columns of that name.",
        examples=["Habari {{name}}, salio lako ni TSh {{amount}}."],
    )
    template_id: str = Field(
        default="", max_length=26, description="For campaigns: a template instead of a text.", examples=[_ID]
    )
    smart_encoding: bool = Field(
        default=False,
        description="For campaigns: write typographic quotes, dashes, dots and spaces as plain ones. Letters stay.",
    )
    group_id: str = Field(
        default="", max_length=26, description="For contacts: a group that they are put in.", examples=[_ID]
    )
    tags: list[Tag] = Field(
        default_factory=list, max_length=20, description="For contacts: labels for all of them.", examples=[["mwanza"]]
    )
    reason: str = Field(
        default="", max_length=200, description="For opt-outs: why, in a word or two.", examples=["Old system"]
    )


@router.post(
    "/api/sms/uploads/",
    status_code=HTTPStatus.CREATED,
    summary="Send to, or take over, the rows of a CSV file",
    description="The answer has a form to post the file with, at most 100 MB and a million rows. Reading begins when "
    "it has come; what it comes to is told by `GET /api/sms/uploads/{upload_id}/`, and `POST /api/sms/batches/` sends "
    "a campaign for exactly that price.",
    tags=_TAGS,
)
@needs(Action.SMS_SEND)
def create_upload(body: UploadRequest, caller: Caller) -> UploadMade:
    _require_content(caller, body.purpose)
    upload, form = uploading.begin(
        caller,
        Asked(
            body.purpose,
            sender_id=body.sender_id.strip(),
            text=body.text,
            template=body.template_id,
            smart=body.smart_encoding,
            group=body.group_id,
            tags=tuple(dict.fromkeys(body.tags)),
            reason=body.reason.strip(),
        ),
    )
    return UploadMade.with_form(Found(upload, None), form)


@router.get("/api/sms/uploads/", summary="List the files that were uploaded, newest first", tags=_TAGS)
@needs(Action.SMS_READ)
def list_uploads(caller: Caller, limit: Limit = 20, cursor: Cursor = None) -> UploadPage:
    scope = f"uploads {caller.tenant_id}"
    found, last = uploading.page(caller.tenant_id, limit=limit, start=cursors.decode(cursor, scope=scope))
    return UploadPage(items=[UploadSummary.of(one) for one in found], next=cursors.encode(last, scope=scope))


@router.get(
    "/api/sms/uploads/<upload_id>/",
    summary="See how far a file is, and what it comes to",
    description="While it is read, `bytes_read` and `rows` grow. A campaign that is `ready` is a quote, good for half "
    "an hour.",
    tags=_TAGS,
)
@needs(Action.SMS_READ)
def read_upload(upload_id: UploadId, caller: Caller) -> UploadAnswer:
    return UploadAnswer.of(uploading.read(caller.tenant_id, upload_id))


@router.delete(
    "/api/sms/uploads/<upload_id>/",
    status_code=HTTPStatus.NO_CONTENT,
    summary="Call an upload off",
    description="A campaign that was not sent never will be. Of contacts and opt-outs, what is not taken over yet is "
    "left out; what is, stays.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.SMS_SEND)
def delete_upload(upload_id: UploadId, caller: Caller) -> Response[None]:
    upload = uploading.read(caller.tenant_id, upload_id).upload
    caller.require_mode(upload.mode)
    _require_content(caller, upload.task.purpose)
    uploading.call_off(caller, upload_id)
    return Response(HTTPStatus.NO_CONTENT)


def _require_content(caller: Principal, purpose: Purpose) -> None:
    """Refuses those who may send and may not change lists."""
    if purpose is not Purpose.CAMPAIGN:
        caller.require(Action.CONTENT_MANAGE)
