"""Audit: a tenant reads what was done in it, and staff read what staff did anywhere."""

from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import AwareDatetime, Field

from functions.auth import records
from functions.auth.records import Wanted
from mifumo import cursors
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


class AuditActor(Answer):
    id: str | None = Field(description="None where the platform's people acted: which of them, only staff see.")
    kind: Literal["user", "key", "platform"]


class AuditEntry(Answer):
    id: str
    at: str = Field(examples=["2026-01-31T08:15:30.000Z"])
    action: str = Field(examples=["member.suspended"])
    actor: AuditActor
    role: Role | None = Field(description="What the actor was at that time; None for a key, or before a sign-in.")
    target: str = Field(description="The id of what it was done to.")
    before: dict[str, Any] = Field(description="What changed, as it was.")
    after: dict[str, Any] = Field(description="What changed, as it became.")
    reason: str
    ip: str | None = Field(description="From where. None for the platform's people and its machines.")
    request_id: str | None


class AuditPage(Answer):
    items: list[AuditEntry]
    next: str | None


class StaffAuditEntry(AuditEntry):
    tenant_id: str = Field(description="Where it was done.")


class StaffAuditPage(Answer):
    items: list[StaffAuditEntry]
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
) -> AuditPage:
    scope, wanted = f"audit {caller.tenant_id}", Wanted(action, actor, since, until)
    is_staff = caller.may(Action.PLATFORM_READ)
    page = records.of_tenant(
        caller.tenant_id,
        wanted,
        limit=limit,
        start=cursors.decode(cursor, scope=scope),
        # Otherwise a guess at a staff member's id would be told right or wrong.
        named=lambda entry: is_staff or records.kind(entry) != "platform",
    )
    items = [AuditEntry(**records.shown(entry, to_staff=is_staff)) for entry in page.items]
    return AuditPage(items=items, next=cursors.encode(page.last, scope=scope))


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
) -> StaffAuditPage:
    scope, wanted = f"staff audit {tenant}", Wanted(action, actor, since, until)
    start = cursors.decode(cursor, scope=scope)
    if tenant:
        page = records.of_tenant(TenantId(tenant), wanted, limit=limit, start=start, named=lambda _: True)
    else:
        page = records.of_staff(wanted, limit=limit, start=start)
    items = [
        StaffAuditEntry(**records.shown(entry, to_staff=True), tenant_id=entry["tenant_id"]) for entry in page.items
    ]
    return StaffAuditPage(items=items, next=cursors.encode(page.last, scope=scope))
