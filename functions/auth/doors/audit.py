"""Audit: a tenant reads what was done in it, and staff read what staff did anywhere."""

from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import AwareDatetime, Field

from functions.auth import records
from functions.auth.records import Wanted
from mifumo import audit, cursors
from mifumo.aws import Item
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.ids import TenantId
from mifumo.permissions import Action, Role
from mifumo.wire import Answer

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

_SHORT_PAGES = (
    "A page may be shorter than `limit`, or empty, while there is a `next`: entries are looked through in order."
)

ActionIs = Annotated[
    str, Query(max_length=60, description="What the action begins with, such as `member.`", examples=["member."])
]
ActorIs = Annotated[str, Query(max_length=60, description="Whose deeds: a user's id, or `key:` and an API key's id.")]
Since = Annotated[AwareDatetime | None, Query(alias="from", description="The first moment, RFC 3339 with an offset.")]
Until = Annotated[AwareDatetime | None, Query(alias="to", description="Just before this moment.")]
OfTenant = Annotated[
    str, Query(max_length=40, description="Show the whole log of this tenant instead of what staff did anywhere.")
]


class ActorView(Answer):
    id: str | None = Field(description="None where the platform's people acted: which of them, only staff see.")
    kind: Literal["user", "key", "platform"]


class EntryView(Answer):
    id: str
    at: str = Field(examples=["2026-01-31T08:15:30.000Z"])
    action: str = Field(examples=["member.suspended"])
    actor: ActorView
    role: Role | None = Field(description="What the actor was at that time; None for a key, or before a sign-in.")
    target: str = Field(description="The id of what it was done to.")
    before: dict[str, Any] = Field(description="What changed, as it was.")
    after: dict[str, Any] = Field(description="What changed, as it became.")
    reason: str
    ip: str | None = Field(description="From where. None for the platform's people and its machines.")
    request_id: str | None


class EntryPage(Answer):
    items: list[EntryView]
    next: str | None


class StaffEntryView(EntryView):
    tenant_id: str = Field(description="Where it was done.")


class StaffEntryPage(Answer):
    items: list[StaffEntryView]
    next: str | None


@router.get(
    "/api/tenant/audit/",
    summary="Read the tenant's audit log, newest first",
    description=f"Also what the platform's staff did to the tenant, as `platform`. {_SHORT_PAGES}",
    tags=["tenant"],
)
@needs(Action.AUDIT_READ)
def list_own(
    caller: Caller,
    action: ActionIs = "",
    actor: ActorIs = "",
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> EntryPage:
    scope, wanted = f"audit {caller.tenant_id}", Wanted(action, actor, since, until)
    is_staff = caller.may(Action.PLATFORM_READ)
    page = records.of_tenant(
        caller.tenant_id,
        wanted,
        limit=limit,
        start=cursors.decode(cursor, scope=scope),
        # Otherwise a guess at a staff member's id would be told right or wrong.
        named=lambda entry: is_staff or _kind(entry) != "platform",
    )
    items = [EntryView(**_shown(entry, to_staff=is_staff)) for entry in page.items]
    return EntryPage(items=items, next=cursors.encode(page.last, scope=scope))


@router.get(
    "/api/admin/auth/audit/",
    summary="Read what staff did, or one tenant's audit log, newest first",
    description=_SHORT_PAGES,
    tags=["admin"],
)
@needs(Action.PLATFORM_READ)
def list_all(
    _caller: Caller,
    tenant: OfTenant = "",
    action: ActionIs = "",
    actor: ActorIs = "",
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> StaffEntryPage:
    scope, wanted = f"staff audit {tenant}", Wanted(action, actor, since, until)
    start = cursors.decode(cursor, scope=scope)
    if tenant:
        page = records.of_tenant(TenantId(tenant), wanted, limit=limit, start=start, named=lambda _: True)
    else:
        page = records.of_staff(wanted, limit=limit, start=start)
    items = [StaffEntryView(**_shown(entry, to_staff=True), tenant_id=entry["tenant_id"]) for entry in page.items]
    return StaffEntryPage(items=items, next=cursors.encode(page.last, scope=scope))


def _shown(entry: Item, *, to_staff: bool) -> dict[str, Any]:
    """Shows an entry; who of the platform acted, and from where, is for staff alone."""
    kind = _kind(entry)
    hidden = kind == "platform" and not to_staff
    told = {name: entry[name] for name in ("id", "at", "action", "target", "before", "after", "reason")}
    return {
        **told,
        "actor": {"id": None if hidden else entry["actor"].removeprefix("key:"), "kind": kind},
        "role": entry["role"] or None,
        "ip": None if hidden else entry["ip"] or None,
        "request_id": entry["request_id"] or None,
    }


def _kind(entry: Item) -> Literal["user", "key", "platform"]:
    if entry["role"] in audit.PLATFORM_ROLES or entry["actor"] == audit.PLATFORM:
        return "platform"
    return "key" if entry["actor"].startswith("key:") else "user"
