"""Contacts: people whom a tenant texts; keep them, find them, take them along as a spreadsheet."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import BeforeValidator, Field, StringConstraints

from functions.sms.content import attributes, contacts, groups
from functions.sms.content.contacts import Contact
from functions.sms.data_requests import belongings
from functions.sms.models.content_models import ContactAnswer
from functions.sms.models.send_models import Recipient
from mifumo import audit, cursors, phone, spreadsheets, writes
from mifumo.aws import Item
from mifumo.errors import ValidationFailed
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.ids import TenantId
from mifumo.permissions import Action
from mifumo.phone import InvalidNumber
from mifumo.tables import Page
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["sms"]
# A megabyte of the six that a function may answer.
_ROWS_MAX = 2_000
_SHORT_PAGES = (
    "With `name` or `tag` a page may be shorter than `limit`, or empty, while there is a `next`. Contacts whose name "
    "begins so come first, then those with another word that does."
)
# Pages that are looked through for one with the tag before an empty one is answered.
_PAGES_MAX = 5
# In a cursor: the place among the words of names, where the list is through.
_WORDS = "words"


def _plain(written: object) -> object:
    return attributes.plain(written) if isinstance(written, str) else written


ContactId = Annotated[str, Path(description="The `id` of one of your contacts.")]
# A semicolon parts the tags in a cell of a file.
Tag = Annotated[str, BeforeValidator(_plain), StringConstraints(pattern=r"^[^;]*$", min_length=1, max_length=50)]
ContactName = Annotated[str, BeforeValidator(_plain), StringConstraints(max_length=100)]
Attributes = Annotated[
    dict[
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,39}$")],
        Annotated[str, BeforeValidator(_plain), StringConstraints(max_length=attributes.VALUE_MAX)],
    ],
    Field(max_length=20),
]
_ATTRIBUTES = (
    "What else is known, by names that templates can take for variables. Names are kept in small letters, with single "
    "underscores between words; phone, name and tags are none."
)
NameIs = Annotated[
    str, Query(max_length=100, description="What the name, or a word of it, begins with.", examples=["Asha"])
]
PhoneIs = Annotated[str, Query(max_length=20, description="What the number begins with.", examples=["0712"])]
TagIs = Annotated[str, Query(max_length=50, description="A tag that the contact has.", examples=["wholesale"])]
GroupIs = Annotated[str, Query(max_length=40, description="A group that the contact is in.")]


class ContactRequest(Request):
    """A person to keep."""

    phone: Recipient = Field(description="As people write it; no other contact has it.", examples=["0712345678"])
    name: ContactName = Field(default="", description="Whose it is.", examples=["Asha Mrema"])
    attributes: Attributes = Field(default_factory=dict, description=_ATTRIBUTES, examples=[{"city": "Mwanza"}])
    tags: list[Tag] = Field(
        default_factory=list, max_length=20, description="Labels, without `;`.", examples=[["wholesale"]]
    )


class ContactChange(Request):
    """What is to be changed; what is left out stays."""

    version: int = Field(ge=1, description="The `version` that you have read.", examples=[1])
    name: ContactName | None = Field(None, description="Another name.", examples=["Asha M."])
    attributes: Attributes | None = Field(None, description="All of them anew.", examples=[{"city": "Arusha"}])
    tags: list[Tag] | None = Field(None, max_length=20, description="All of them anew.", examples=[["retail"]])


class ContactPage(Answer):
    """A page of contacts, in order of name or of the word that was found, or of number where one was looked for."""

    items: list[ContactAnswer]
    next: str | None


@router.get("/api/sms/contacts/", summary="List or find contacts", description=_SHORT_PAGES, tags=_TAGS)
@needs(Action.CONTENT_READ)
def list_contacts(
    caller: Caller,
    name: NameIs = "",
    phone: PhoneIs = "",
    tag: TagIs = "",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ContactPage:
    scope = f"contacts {caller.tenant_id} {name!r} {phone!r} {tag!r}"
    last, tagged = cursors.decode(cursor, scope=scope), list[Contact]()
    for _ in range(_PAGES_MAX):
        found, last = _found(caller.tenant_id, name, phone, limit=limit, start=last)
        tagged = [contact for contact in found if not tag or tag in contact.tags]
        if tagged or last is None:
            break
    return ContactPage(items=belongings.told(caller.tenant_id, tagged), next=cursors.encode(last, scope=scope))


@router.post(
    "/api/sms/contacts/",
    status_code=HTTPStatus.CREATED,
    summary="Keep a contact",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.CONTENT_MANAGE)
def create_contact(body: ContactRequest, caller: Caller) -> ContactAnswer:
    try:
        digits = phone.parse(body.phone, countries=phone.EVERYWHERE).digits
    except InvalidNumber as error:
        raise ValidationFailed.of("/phone", error.reason_code.value, error.detail) from error
    tags = tuple(dict.fromkeys(body.tags))
    known = attributes.kept(body.attributes)
    made = contacts.create(caller.tenant_id, digits, name=body.name, attributes=known, tags=tags)
    return _one(made)


@router.get(
    "/api/sms/contacts/export/",
    summary="Take contacts along as CSV",
    description=f'{_ROWS_MAX:,} at a time, in order of name; a `Link` header with `rel="next"` leads to the next ones. '
    "Those of a group come in no order. With a tag, a part may have few rows or none while there is a next one. Cells "
    "that a spreadsheet would run as a formula, and numbers, have an apostrophe before them.",
    tags=_TAGS,
    responses={
        HTTPStatus.OK: {
            "description": "The columns phone, name and tags, and one for each attribute.",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    },
)
@needs(Action.CONTENT_MANAGE)
def export_contacts(
    caller: Caller,
    name: NameIs = "",
    phone: PhoneIs = "",
    tag: TagIs = "",
    group_id: GroupIs = "",
    cursor: Cursor = None,
) -> Response[str]:
    asked = {"name": name, "phone": phone, "tag": tag, "group_id": group_id}
    scope = f"contacts export {caller.tenant_id} {sorted(asked.items())}"
    start = cursors.decode(cursor, scope=scope)
    if group_id:
        if name or phone:
            raise ValidationFailed.of("query:group_id", "too_much", "Look in a group, or for a name or a number.")
        some, last = groups.member_page(caller.tenant_id, group_id, limit=_ROWS_MAX, start=start)
    else:
        some, last = _found(caller.tenant_id, name, phone, limit=_ROWS_MAX, start=start)
    found = [contact for contact in some if not tag or tag in contact.tags]
    writes.commit(audit.entry(caller, "contacts.exported", after={"count": len(found)}))
    following = cursors.encode(last, scope=scope)
    query = urlencode({**{one: value for one, value in asked.items() if value}, "cursor": following})
    link = {"Link": f'</api/sms/contacts/export/?{query}>; rel="next"'} if following else {}
    headers: dict[str, Any] = {"Content-Disposition": 'attachment; filename="contacts.csv"', **link}
    return Response(HTTPStatus.OK, "text/csv; charset=utf-8", _csv(found), headers)


@router.get("/api/sms/contacts/<contact_id>/", summary="Read a contact", tags=_TAGS)
@needs(Action.CONTENT_READ)
def read_contact(contact_id: ContactId, caller: Caller) -> ContactAnswer:
    return _one(contacts.read(caller.tenant_id, contact_id))


@router.patch(
    "/api/sms/contacts/<contact_id>/",
    summary="Change a contact",
    description="With the `version` that you have read. Its number stays: who has another one is another contact.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.CONTENT_MANAGE)
def change_contact(contact_id: ContactId, body: ContactChange, caller: Caller) -> ContactAnswer:
    tags = None if body.tags is None else tuple(dict.fromkeys(body.tags))
    return _one(
        contacts.change(
            caller.tenant_id,
            contact_id,
            version=body.version,
            name=body.name,
            attributes=None if body.attributes is None else attributes.kept(body.attributes),
            tags=tags,
        )
    )


@router.delete(
    "/api/sms/contacts/<contact_id>/",
    status_code=HTTPStatus.NO_CONTENT,
    summary="Delete a contact",
    description="It leaves its groups. What was sent to it, and that it is opted out, stays.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.CONTENT_MANAGE)
def delete_contact(contact_id: ContactId, caller: Caller) -> Response[None]:
    groups.delete_contact(caller, contact_id)
    return Response(HTTPStatus.NO_CONTENT)


def _one(contact: Contact) -> ContactAnswer:
    (answer,) = belongings.told(contact.tenant, [contact])
    return answer


def _found(
    tenant: TenantId, name: str, number: str, *, limit: int, start: Item | None
) -> tuple[list[Contact], Item | None]:
    if name and number:
        raise ValidationFailed.of("query:phone", "too_much", "Look for a name or for a number, not for both at once.")
    if number:
        page = contacts.by_number(tenant, phone.prefix(number), limit=limit, start=start)
    else:
        page = _by_name(tenant, name, limit=limit, start=start)
    return [contacts.of(item) for item in page.items], page.last


def _by_name(tenant: TenantId, name: str, *, limit: int, start: Item | None) -> Page:
    """Reads a page of those whose name begins so, then of those with another word that does."""
    if start and _WORDS in start:
        page = contacts.by_word(tenant, name, limit=limit, start=start[_WORDS] or None)
        return Page(page.items, {_WORDS: page.last} if page.last else None)
    page = contacts.by_name(tenant, name, limit=limit, start=start)
    if page.last or not name.strip():
        return page
    if len(page.items) == limit:
        return Page(page.items, {_WORDS: {}})
    rest = contacts.by_word(tenant, name, limit=limit - len(page.items), start=None)
    return Page([*page.items, *rest.items], {_WORDS: rest.last} if rest.last else None)


def _csv(found: Iterable[Contact]) -> str:
    rows = list(found)
    names = sorted({name for contact in rows for name in contact.attributes})
    return spreadsheets.written(
        ["phone", "name", "tags", *names],
        (
            [
                f"+{one.digits}",
                one.name,
                attributes.TAGS_APART.join(one.tags),
                *(one.attributes.get(name, "") for name in names),
            ]
            for one in rows
        ),
    )
