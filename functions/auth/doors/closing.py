"""Closing: an owner closes the tenant, and reopens it while that can be done."""

from typing import Annotated

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field, StringConstraints

from functions.auth import closing
from functions.auth.wire import Given, TenantView
from mifumo import origins
from mifumo.http import Caller, needs
from mifumo.permissions import Action
from mifumo.tenants import Tenant
from mifumo.wire import Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


class CloseRequest(Request):
    password: Given
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)] = Field(
        description="Stands in the tenant's own log.", examples=["The shop has shut."]
    )


class ClosedTenantView(TenantView):
    reopen_until: str | None = Field(
        description="Until when a closed tenant can be reopened.", examples=["2026-03-02T08:15:30.000Z"]
    )

    @classmethod
    def of(cls, tenant: Tenant) -> "ClosedTenantView":
        """Shows a tenant that was closed or reopened."""
        return cls(**TenantView.of(tenant).model_dump(), reopen_until=tenant.reopen_until or None)


@router.post(
    "/api/tenant/close/",
    summary="Close the tenant",
    description="It neither sends nor pays from now on, its API keys are revoked, and every member is signed out of "
    "it, you as well. Members may sign in again and read. From `reopen_until` on it is cleared for good: its name, its "
    "keys, and the numbers and texts of its customers. Refused with 409 for a suspended tenant. A wrong password "
    "counts as a failed login.",
    tags=["auth"],
    openapi_extensions={"x-problems": [409, 429]},
)
@needs(Action.TENANT_CLOSE)
def close_tenant(request: CloseRequest, caller: Caller) -> ClosedTenantView:
    password = request.password.get_secret_value()
    ended = closing.close(caller, password, reason=request.reason, source_ip=origins.current().ip)
    return ClosedTenantView.of(ended)


@router.post(
    "/api/tenant/reopen/",
    summary="Reopen the closed tenant",
    description="It may send and pay again. Its API keys stay revoked: make new ones.",
    tags=["auth"],
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.TENANT_CLOSE)
def reopen_tenant(caller: Caller) -> ClosedTenantView:
    return ClosedTenantView.of(closing.reopen(caller))
