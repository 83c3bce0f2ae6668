"""Templates: texts with placeholders that a tenant keeps, and a look at what one would come to."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field, StringConstraints

from functions.sms.batches.categories import Category
from functions.sms.content import contacts, templates
from functions.sms.content.templates import Template
from functions.sms.models.content_models import TemplateAnswer
from functions.sms.models.send_models import SMART_ENCODING, ReplacedAnswer, Variables
from functions.sms.sending import members, orders
from mifumo import cursors, segments
from mifumo.callers import Principal
from mifumo.errors import named_by
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action
from mifumo.segments import Encoding
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["sms"]

TemplateId = Annotated[str, Path(description="The `id` of one of your templates.")]
TemplateName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Body = Annotated[str, Field(min_length=1, max_length=2000)]
_BODY = "Placeholders are written {{name}}; there are at most 20 of them, each as often as you like."


class TemplateRequest(Request):
    """A text to keep."""

    name: TemplateName = Field(description="No other template of yours has it.", examples=["Balance reminder"])
    category: Category = Field(description="What it is for.", examples=["transactional"])
    body: Body = Field(description=_BODY, examples=["Habari {{name}}, salio lako ni TSh {{amount}}."])


class TemplateChange(Request):
    """What is to be changed; what is left out stays."""

    version: int = Field(ge=1, description="The `version` that you have read.", examples=[1])
    name: TemplateName | None = Field(None, description="A new name.", examples=["Balance"])
    category: Category | None = Field(None, description="What it is for now.", examples=["alert"])
    body: Body | None = Field(None, description=_BODY, examples=["Habari {{name}}, una deni la TSh {{amount}}."])


class TemplatePage(Answer):
    """A page of templates, newest first."""

    items: list[TemplateAnswer]
    next: str | None


class PreviewRequest(Request):
    """Values to try a template with."""

    variables: Variables = Field(
        default_factory=dict,
        description="A value for each variable of the template.",
        examples=[{"name": "Asha", "amount": "10,000"}],
    )
    contact_id: str | None = Field(
        None,
        max_length=40,
        description="A contact that fills what `variables` leaves out, as in a send to a group.",
        examples=["3zsn6dq1v7w9y2k4m6p8r0t1ab"],
    )
    smart_encoding: bool = SMART_ENCODING


class PreviewAnswer(Answer):
    """What a recipient would read, and what each one would cost."""

    text: str
    asked_text: str | None = Field(description="The text with its values, where `smart_encoding` sends it otherwise.")
    replaced: list[ReplacedAnswer] = Field(description="What `smart_encoding` replaces in `asked_text`.")
    encoding: Encoding = Field(examples=["GSM-7"])
    segments: int
    price: int = Field(description="Credits for each recipient: a send holds this times its accepted recipients.")


@router.get("/api/sms/templates/", summary="List the templates, newest first", tags=_TAGS)
@needs(Action.CONTENT_READ)
def list_templates(caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> TemplatePage:
    scope = f"templates {caller.tenant_id}"
    page = templates.page(caller.tenant_id, limit=limit, start=cursors.decode(cursor, scope=scope))
    items = [TemplateAnswer.of(templates.of(item)) for item in page.items]
    return TemplatePage(items=items, next=cursors.encode(page.last, scope=scope))


@router.post(
    "/api/sms/templates/",
    status_code=HTTPStatus.CREATED,
    summary="Keep a template",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.CONTENT_MANAGE)
def create_template(body: TemplateRequest, caller: Caller) -> TemplateAnswer:
    _require_sendable(body.body)
    made = templates.create(caller, name=body.name, category=body.category, body=body.body)
    return TemplateAnswer.of(made)


@router.get("/api/sms/templates/<template_id>/", summary="Read a template", tags=_TAGS)
@needs(Action.CONTENT_READ)
def read_template(template_id: TemplateId, caller: Caller) -> TemplateAnswer:
    return TemplateAnswer.of(templates.read(caller.tenant_id, template_id))


@router.patch(
    "/api/sms/templates/<template_id>/",
    summary="Change a template",
    description="With the `version` that you have read: when somebody else was faster, nothing is changed.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.CONTENT_MANAGE)
def change_template(template_id: TemplateId, body: TemplateChange, caller: Caller) -> TemplateAnswer:
    if body.body is not None:
        _require_sendable(body.body)
    changed = templates.change(
        caller, template_id, version=body.version, name=body.name, category=body.category, body=body.body
    )
    return TemplateAnswer.of(changed)


@router.delete(
    "/api/sms/templates/<template_id>/",
    status_code=HTTPStatus.NO_CONTENT,
    summary="Delete a template",
    description="What was sent with it stays as it is.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.CONTENT_MANAGE)
def delete_template(template_id: TemplateId, caller: Caller) -> Response[None]:
    templates.delete(caller, template_id)
    return Response(HTTPStatus.NO_CONTENT)


@router.post(
    "/api/sms/templates/<template_id>/preview/",
    summary="See what a template comes to with these values",
    description="The very text that a send with the same values sends, and its price.",
    tags=_TAGS,
)
@needs(Action.CONTENT_READ)
def preview_template(template_id: TemplateId, body: PreviewRequest, caller: Caller) -> PreviewAnswer:
    template = templates.read(caller.tenant_id, template_id)
    rendered = template.render({**_known(caller, body.contact_id, template), **body.variables})
    text, length = orders.measured(rendered, pointer="/variables", smart=body.smart_encoding)
    asked = segments.normalise(rendered.strip())
    return PreviewAnswer(
        text=text,
        asked_text=asked if asked != text else None,
        replaced=ReplacedAnswer.of(asked, text),
        encoding=length.encoding,
        segments=length.segments,
        price=length.segments,
    )


def _require_sendable(body: str) -> None:
    """Refuses what no send could make a text of, one with `smart_encoding` neither."""
    orders.require_sendable(body, pointer="/body", smart=True)


def _known(caller: Principal, contact: str | None, template: Template) -> dict[str, str]:
    """Returns what a contact fills of a template; raises ValidationFailed for one that is not there."""
    if contact is None:
        return {}
    with named_by("/contact_id", "unknown_contact"):
        return members.values_of(contacts.read(caller.tenant_id, contact), template.variables)
