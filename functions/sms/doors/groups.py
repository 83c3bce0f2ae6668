"""Groups: contacts under a name, to be texted together."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field, StringConstraints

from functions.sms.content import groups
from functions.sms.data_requests import belongings
from functions.sms.doors.contacts import ContactId, ContactPage
from functions.sms.models.content_models import GroupAnswer
from mifumo import cursors
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["sms"]

GroupId = Annotated[str, Path(description="The `id` of one of your groups.")]
GroupName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
_CONTACT = "3zsn6dq1v7w9y2k4m6p8r0t1ab"


class GroupRequest(Request):
    """A group to make."""

    name: GroupName = Field(description="No other group of yours has it.", examples=["Wholesale, Mwanza"])


class GroupChange(Request):
    """What is to be changed."""

    version: int = Field(ge=1, description="The `version` that you have read.", examples=[1])
    name: GroupName = Field(description="Another name.", examples=["Wholesale"])


class Joining(Request):
    """Contacts to put into a group."""

    contact_ids: list[Annotated[str, Field(max_length=40)]] = Field(
        min_length=1, max_length=100, description="Those that are in it already stay so.", examples=[[_CONTACT]]
    )


class Joined(Answer):
    """How many contacts were put into a group."""

    added: int
    already: int


class GroupPage(Answer):
    """A page of groups, newest first."""

    items: list[GroupAnswer]
    next: str | None


@router.get("/api/sms/groups/", summary="List the groups, newest first", tags=_TAGS)
@needs(Action.CONTENT_READ)
def list_groups(caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> GroupPage:
    scope = f"groups {caller.tenant_id}"
    page = groups.page(caller.tenant_id, limit=limit, start=cursors.decode(cursor, scope=scope))
    items = [GroupAnswer.of(groups.of(item)) for item in page.items]
    return GroupPage(items=items, next=cursors.encode(page.last, scope=scope))


@router.post(
    "/api/sms/groups/",
    status_code=HTTPStatus.CREATED,
    summary="Make a group",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.CONTENT_MANAGE)
def create_group(body: GroupRequest, caller: Caller) -> GroupAnswer:
    return GroupAnswer.of(groups.create(caller, body.name))


@router.get("/api/sms/groups/<group_id>/", summary="Read a group", tags=_TAGS)
@needs(Action.CONTENT_READ)
def read_group(group_id: GroupId, caller: Caller) -> GroupAnswer:
    return GroupAnswer.of(groups.read(caller.tenant_id, group_id))


@router.patch(
    "/api/sms/groups/<group_id>/",
    summary="Rename a group",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.CONTENT_MANAGE)
def rename_group(group_id: GroupId, body: GroupChange, caller: Caller) -> GroupAnswer:
    return GroupAnswer.of(groups.rename(caller, group_id, body.name, version=body.version))


@router.delete(
    "/api/sms/groups/<group_id>/",
    status_code=HTTPStatus.NO_CONTENT,
    summary="Delete a group",
    description="Its contacts stay. When an answer was lost, send it again: it goes on where it was.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.CONTENT_MANAGE)
def delete_group(group_id: GroupId, caller: Caller) -> Response[None]:
    groups.delete(caller, group_id)
    return Response(HTTPStatus.NO_CONTENT)


@router.get("/api/sms/groups/<group_id>/members/", summary="List who is in a group", tags=_TAGS)
@needs(Action.CONTENT_READ)
def list_members(group_id: GroupId, caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> ContactPage:
    scope = f"members {caller.tenant_id} {group_id}"
    start = cursors.decode(cursor, scope=scope)
    found, last = groups.member_page(caller.tenant_id, group_id, limit=limit, start=start)
    return ContactPage(items=belongings.told(caller.tenant_id, found), next=cursors.encode(last, scope=scope))


@router.post(
    "/api/sms/groups/<group_id>/members/",
    summary="Put up to 100 contacts into a group",
    description="Nobody is put in when one of them is not there. When an answer was lost, send it again.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.CONTENT_MANAGE)
def add_members(group_id: GroupId, body: Joining, caller: Caller) -> Joined:
    added = groups.add(caller.tenant_id, group_id, body.contact_ids)
    return Joined(added=added, already=len(body.contact_ids) - added)


@router.delete(
    "/api/sms/groups/<group_id>/members/<contact_id>/",
    status_code=HTTPStatus.NO_CONTENT,
    summary="Take a contact out of a group",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.CONTENT_MANAGE)
def remove_member(group_id: GroupId, contact_id: ContactId, caller: Caller) -> Response[None]:
    groups.remove(caller.tenant_id, group_id, contact_id)
    return Response(HTTPStatus.NO_CONTENT)
