"""Staff: the platform's people look at a tenant and its members, and suspend or reactivate it with a reason."""

from typing import Annotated

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field, StringConstraints

from functions.auth import memberships
from functions.auth.doors.members import MemberPage, MemberView
from functions.auth.wire import TenantView
from mifumo import audit, tenants, writes
from mifumo.errors import NotFound
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.ids import TenantId
from mifumo.permissions import Action
from mifumo.tenants import Tenant
from mifumo.wire import Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


class ReasonRequest(Request):
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)] = Field(
        description="Stands in the tenant's own log.", examples=["Texts that pretend to come from a bank."]
    )


class StaffTenantView(TenantView):
    created_at: str = Field(examples=["2026-01-31T08:15:30.000Z"])
    suspended_because: str | None

    @classmethod
    def of(cls, tenant: Tenant) -> "StaffTenantView":
        """Shows a tenant to staff."""
        return cls(
            id=tenant.id,
            name=tenant.name,
            status=tenant.status,
            verified=bool(tenant.verified_at),
            created_at=tenant.created_at,
            suspended_because=tenant.suspended_because or None,
        )


@router.get("/api/admin/auth/tenants/<tenant_id>/", summary="Look at a tenant", tags=["admin"])
@needs(Action.PLATFORM_READ)
def read_tenant(tenant_id: str) -> StaffTenantView:
    return StaffTenantView.of(_require(tenant_id))


@router.get("/api/admin/auth/tenants/<tenant_id>/members/", summary="List a tenant's members", tags=["admin"])
@needs(Action.PLATFORM_READ)
def list_tenant_members(tenant_id: str, limit: Limit = 50, cursor: Cursor = None) -> MemberPage:
    found, following = memberships.page(_require(tenant_id).id, limit=limit, cursor=cursor)
    return MemberPage(items=[MemberView.of(member) for member in found], next=following)


@router.post(
    "/api/admin/auth/tenants/<tenant_id>/suspend/",
    summary="Suspend a tenant",
    description="It may read, and neither send nor pay. Money that it has paid is still credited.",
    tags=["admin"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.TENANTS_SUSPEND)
def suspend(tenant_id: str, request: ReasonRequest, caller: Caller) -> StaffTenantView:
    tenant = _require(tenant_id).id
    told = audit.entry(caller, "tenant.suspended", tenant=tenant, target=tenant, reason=request.reason)
    writes.transact(tenants.suspend(tenant, reason=request.reason), told)
    return StaffTenantView.of(_require(tenant_id))


@router.post(
    "/api/admin/auth/tenants/<tenant_id>/reactivate/",
    summary="Reactivate a suspended tenant",
    tags=["admin"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.TENANTS_SUSPEND)
def reactivate(tenant_id: str, request: ReasonRequest, caller: Caller) -> StaffTenantView:
    tenant = _require(tenant_id).id
    told = audit.entry(caller, "tenant.reactivated", tenant=tenant, target=tenant, reason=request.reason)
    writes.transact(tenants.reactivate(tenant), told)
    return StaffTenantView.of(_require(tenant_id))


def _require(tenant_id: str) -> Tenant:
    tenant = tenants.get(TenantId(tenant_id), consistent=True)
    if tenant is None:
        raise NotFound("There is no such tenant.")
    return tenant
