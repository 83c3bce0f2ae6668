"""Opt-outs: whom a tenant may not text; enter one, import many, let one back."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field

from functions.sms.batches.batches import Refused
from functions.sms.content import opt_outs
from functions.sms.content.opt_outs import Source
from functions.sms.models.content_models import OptOutAnswer
from functions.sms.models.send_models import Recipient, RefusedRecipient
from mifumo import audit, cursors, phone
from mifumo.callers import Principal
from mifumo.errors import NotFound, ValidationFailed
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action
from mifumo.phone import InvalidNumber
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["sms"]
_REASON = "Why, in a word or two: shown beside the number."

Number = Annotated[str, Path(description="The number as people write it, or as the list has it.")]
Digits = Annotated[
    str, Query(max_length=15, pattern="^[0-9]*$", description="What the number begins with.", examples=["25571"])
]


class OptOutRequest(Request):
    """A number that is not to be texted."""

    phone: Recipient = Field(description="As people write it.", examples=["0712345678"])
    reason: str = Field(default="", max_length=200, description=_REASON, examples=["Asked at the counter"])


class OptOutImport(Request):
    """Numbers that are not to be texted."""

    phones: list[Recipient] = Field(
        min_length=1, max_length=1000, description="As people write them.", examples=[["0712345678", "+255612345678"]]
    )
    reason: str = Field(default="", max_length=200, description=_REASON, examples=["List of the old system"])


class OptOutPage(Answer):
    """A page of opt-outs, in order of number."""

    items: list[OptOutAnswer]
    next: str | None


class OptOutsImported(Answer):
    """What an import did."""

    added: int
    already: int = Field(description="How many were opted out before, or came twice.")
    refused: list[RefusedRecipient]


@router.get("/api/sms/opt-outs/", summary="List the numbers that are opted out", tags=_TAGS)
@needs(Action.CONTENT_READ)
def list_opt_outs(caller: Caller, number: Digits = "", limit: Limit = 50, cursor: Cursor = None) -> OptOutPage:
    scope = f"opt-outs {caller.tenant_id} {number}"
    start = cursors.decode(cursor, scope=scope)
    page = opt_outs.page(caller.tenant_id, prefix=number, limit=limit, start=start)
    items = [OptOutAnswer.of(opt_outs.of(item)) for item in page.items]
    return OptOutPage(items=items, next=cursors.encode(page.last, scope=scope))


@router.post(
    "/api/sms/opt-outs/",
    status_code=HTTPStatus.CREATED,
    summary="Opt a number out",
    description="No text of yours goes to it from now on, but for one that was accepted within the last minute. A "
    "number that was opted out before keeps its entry.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.CONTENT_MANAGE)
def add_opt_out(body: OptOutRequest, caller: Caller) -> OptOutAnswer:
    try:
        digits = phone.parse(body.phone, countries=phone.EVERYWHERE).digits
    except InvalidNumber as error:
        raise ValidationFailed.of("/phone", error.reason_code.value, error.detail) from error
    _add(caller, [digits], Source.ENTERED, body.reason)
    found = opt_outs.get(caller.tenant_id, digits)
    if found is None:
        raise NotFound("Somebody has let it back in this very moment.")
    return OptOutAnswer.of(found)


@router.post(
    "/api/sms/opt-outs/import/",
    summary="Opt up to 1,000 numbers out",
    description="What cannot be read comes back in `refused`. It can be sent again as it is when an answer was lost.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.CONTENT_MANAGE)
def import_opt_outs(body: OptOutImport, caller: Caller) -> OptOutsImported:
    numbers, refused = [], []
    for written in body.phones:
        try:
            numbers.append(phone.parse(written, countries=phone.EVERYWHERE).digits)
        except InvalidNumber as error:
            refused.append(Refused(written, error.reason_code.value, error.detail))
    added = _add(caller, numbers, Source.IMPORTED, body.reason)
    told = [RefusedRecipient(recipient=one.recipient, code=one.code, detail=one.detail) for one in refused]
    return OptOutsImported(added=added, already=len(numbers) - added, refused=told)


@router.delete(
    "/api/sms/opt-outs/<number>/",
    status_code=HTTPStatus.NO_CONTENT,
    summary="Let a number be texted again",
    description="For when its owner has asked you to; who did it is in the audit log.",
    tags=_TAGS,
)
@needs(Action.CONTENT_MANAGE)
def remove_opt_out(number: Number, caller: Caller) -> Response[None]:
    try:
        found = phone.parse(number, countries=phone.EVERYWHERE)
    except InvalidNumber as error:
        raise NotFound("This number is not opted out.") from error
    opt_outs.remove(caller.tenant_id, found.digits, deed=[audit.entry(caller, "opt_out.removed", target=found.masked)])
    return Response(HTTPStatus.NO_CONTENT)


def _add(caller: Principal, numbers: list[str], source: Source, reason: str) -> int:
    return opt_outs.add(
        caller.tenant_id,
        numbers,
        source=source,
        reason=reason.strip(),
        deed=lambda count: [audit.entry(caller, "opt_outs.added", after={"count": count}, reason=reason)],
    )
